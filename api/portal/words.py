"""Words the pages share: what a field, a purpose, a state is called in the reader's language."""

from collections.abc import Sequence

from api.i18n import Catalogue
from consent.schema.grant_states import GrantState
from consent.wording.purposes import PURPOSES
from vault.fields import BUILTIN
from vault.fields import Catalogue as Fields

_OPEN = frozenset({GrantState.ACTIVE})
_STOPPED = frozenset({GrantState.WITHDRAWN, GrantState.REFUSED, GrantState.REVOKED, GrantState.INVALIDATED})


def field_label(code: str, texts: Catalogue, fields: Fields = BUILTIN) -> str:
    """The name of a field: ours of a built-in one, its operator's of any other in `fields`."""
    own = fields.field(code).label(texts.lang.value) if code in fields else None
    return own or texts.text(f"field.{code}" if texts.has(f"field.{code}") else "field.unknown")


def field_labels(codes: Sequence[str], texts: Catalogue, fields: Fields = BUILTIN) -> tuple[str, ...]:
    """The names of several fields."""
    return tuple(field_label(code, texts, fields) for code in codes)


def denial_word(code: str, texts: Catalogue) -> str:
    """Why an attempt was turned away."""
    key = f"denial.{code}"
    return texts.text(key if texts.has(key) else "denial.other")


def notice_word(kind: str, texts: Catalogue) -> str:
    """What a person was told, in one sentence."""
    key = f"notice.{kind}"
    return texts.text(key if texts.has(key) else "notice.other")


def purpose_title(code: str, texts: Catalogue) -> str:
    """The purpose in one line."""
    return PURPOSES[code].title(texts.lang.value) if code in PURPOSES else code


def state_word(state: GrantState, texts: Catalogue) -> str:
    """The state of a permission in one word; rare endings share one."""
    key = f"grant_state.{state.value}"
    return texts.text(key if texts.has(key) else "grant_state.ended")


def state_tone(state: GrantState) -> str:
    """The style of the state's badge; its shape differs too, so colour is never the only signal."""
    if state in _OPEN:
        return "on"
    return "stopped" if state in _STOPPED else "off"
