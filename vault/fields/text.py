"""What is done to every text before its own field looks at it (vault.md §6.5).

Compatibility forms unified (NFKC), invisible characters dropped, blanks collapsed and trimmed. Every function
here is idempotent: applied to its own result it changes nothing.
"""

import re
import unicodedata
from typing import ClassVar

from vault.errors import VaultError

MAX_INPUT = 1_000
_BLANKS = re.compile(r"\s+")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


class InvalidValue(VaultError):
    """A text that cannot be a value of its field. Carries the stable code, never the text."""

    code: ClassVar[str] = "value.invalid"


def clean(text: str) -> str:
    """`text` as it is kept and shown: unified, visible, blanks collapsed to single spaces, trimmed."""
    if text.isascii() and text.isprintable():
        return _BLANKS.sub(" ", text).strip() if " " in text else text
    text = _visible(unicodedata.normalize("NFKC", text))
    # Dropping an invisible joiner can bring a letter and its accent together: unify once more.
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", text)).strip()


def fold_case(text: str) -> str:
    """`text` without differences of case, cleaned again because folding can decompose letters."""
    return text.lower() if text.isascii() else clean(text.casefold())


def ascii_digits(text: str) -> str:
    """Decimal digits of any script written as 0-9; everything else untouched."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)


def _visible(text: str) -> str:
    return "".join(
        " " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) not in _INVISIBLE
    )
