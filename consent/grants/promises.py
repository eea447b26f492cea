"""What exactly a person promises by a yes: the members of a consent that its approval hash is made of.

The hash names recipient, purpose, fields, number of uses, window and retention together with the very versions
of the notice and of the liability terms that were shown, so that none of them can be exchanged afterwards; and,
where there are any, the grant it stands under, the recipients that may ask for one under it, and the
declaration that is signed (`written`).
"""

import hashlib
from typing import Any, Final

from consent.asking.showings import Showing
from consent.grants.written import WRITTEN, declaration
from consent.ids import canonical_json, fields_json, grant_text
from vault.opening import Vault
from vault.people.ages import sensitive_fields

SEPARATE = "separate"
"""The kind of consent that sensitive data and sensitive purposes need: one of its own (GB/T 42574, PIPL art. 29)."""

GRAVE = frozenset({SEPARATE, WRITTEN})
"""The kinds that take a proof of presence, and of a protected person a second look."""


type Promise = dict[str, Any]

_NOT_SAID: Final = frozenset({"hops", "onward", "parent_grant", "written_hash", "written_lang"})


def promised(vault: Vault, shown: Showing, fields: tuple[str, ...], now_ms: int) -> Promise:
    """The promise as columns of a grant, for sorted fields of the showing."""
    opens, closes = shown.window
    sensitive = bool(sensitive_fields(vault, shown.subject, fields, now_ms))
    signed = declaration(shown, fields) if shown.purpose.written else None
    return {
        "purpose": shown.purpose.code,
        "recipient_id": shown.recipient.id,
        "client_id": shown.client_id,
        "consent_kind": _kind(shown, sensitive=sensitive),
        "fields": fields_json(fields),
        "notice_id": shown.notice.id,
        "notice_hash": shown.notice.hash,
        "terms_id": shown.terms.id,
        "terms_hash": shown.terms.hash,
        "retention": shown.retention,
        "max_uses": shown.max_uses,
        "window_from": opens,
        "window_to": closes,
        "parent_grant": None if shown.parent is None else shown.parent.id,
        "hops": 0 if shown.parent is None else shown.parent.hops + 1,
        "onward": fields_json(shown.details.onward),
        "written_hash": None if signed is None else signed.hash,
        "written_lang": None if signed is None else signed.lang,
    }


def approval_hash(promise: Promise) -> bytes:
    """The 32 bytes that stand for a promise."""
    said = {name: value for name, value in promise.items() if name not in _NOT_SAID}
    if promise["parent_grant"] is not None:
        said["parent_grant"] = grant_text(promise["parent_grant"])
    if promise["onward"] != "[]":
        said["onward"] = promise["onward"]
    if promise["written_hash"] is not None:
        said |= {name: promise[name] for name in ("written_hash", "written_lang")}
    return hashlib.sha256(canonical_json(said).encode()).digest()


def _kind(shown: Showing, *, sensitive: bool) -> str:
    """The kind of consent, in the words of GB/T 42574: in writing where law says so, else of its own if sensitive."""
    if shown.purpose.written:
        return WRITTEN
    if shown.purpose.sensitive or sensitive:
        return SEPARATE
    return "single_occasion" if shown.max_uses == 1 else "explicit"
