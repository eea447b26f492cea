"""Names of people. Canonical: case, blanks, middle dots and traditional or simplified writing folded away.

A name is a poor key (thousands share the commonest), so it is never looked up alone (vault.md §6.5).
"""

import re
import unicodedata

from vault.fields.folding import simplified
from vault.fields.text import InvalidValue, clean, fold_case

MAX_NAME = 100
_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
_JOINERS = str.maketrans("", "", " \u00b7\u2022\u2027\u2219\u22c5\u30fb.\u0387\u16eb\u2e33")


class InvalidName(InvalidValue):
    """Empty, too long, or without a single letter."""

    code = "name.invalid"


def canonical(text: str) -> str:
    """The canonical form; raises InvalidName."""
    if len(text) > MAX_NAME * 4:
        raise InvalidName("not a name")
    folded = fold_case(clean(text)).translate(_JOINERS)
    folded = simplified(unicodedata.normalize("NFKC", folded))
    if not 0 < len(folded) <= MAX_NAME or not any(c.isalpha() for c in folded):
        raise InvalidName("not a name")
    return folded


def mask(value: str) -> str:
    """Of a Chinese name the outer characters, of others the initial of each part."""
    if not _HAN.search(value):
        return " ".join(f"{part[:1]}***" for part in value.split(" "))
    if len(value) <= 2:
        return f"{value[:1]}*"
    return f"{value[0]}{'*' * (len(value) - 2)}{value[-1]}"
