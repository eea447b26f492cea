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
_FOREIGN_DIGIT = re.compile(r"(?![0-9])\d")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


class InvalidValue(VaultError):
    """A text that cannot be a value of its field. Carries the stable code, never the text."""

    code: ClassVar[str] = "value.invalid"


def clean(text: str) -> str:
    """`text` as it is kept and shown: unified, visible, blanks collapsed to single spaces, trimmed."""
    if text.isascii() and text.isprintable():
        return _BLANKS.sub(" ", text).strip() if " " in text else text
    text = unicodedata.normalize("NFKC", text)
    if text.isprintable():  # all of it is visible, and no blank but the plain one is in it
        return _BLANKS.sub(" ", text).strip() if " " in text else text
    text = _visible(text)
    # Dropping an invisible joiner can bring a letter and its accent together: unify once more.
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", text)).strip()


def fold_case(text: str) -> str:
    """Cleaned `text` without differences of case, cleaned again where folding has decomposed letters."""
    if text.isascii():
        return text.lower()
    folded = text.casefold()
    return text if folded == text else clean(folded)


def ascii_digits(text: str) -> str:
    """Decimal digits of any script written as 0-9; everything else untouched."""
    return text if text.isascii() else _FOREIGN_DIGIT.sub(_ascii_digit, text)


def _ascii_digit(found: re.Match[str]) -> str:
    return str(unicodedata.decimal(found[0]))


def _visible(text: str) -> str:
    return "".join(
        " " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) not in _INVISIBLE
    )
