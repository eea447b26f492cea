"""What a partly hidden cell is of, told by its shape alone, and how many of the parts a row shows are independent.

| shape                                             | field       |
|---------------------------------------------------|-------------|
| with @                                            | email       |
| year and stars                                    | birth_date  |
| a character and a letter in front                 | plate       |
| letters in front                                  | passport    |
| 11 characters, or fewer that begin like a mobile  | phone       |
| 18 or 15 characters, or X at the end              | resident_id |
| 12 to 19 others                                   | bank_card   |

Independent are parts of different things: a resident ID tells birthday and county, so a birthday, or an address that
shows no road, adds nothing to it; and the local part of an address may be the telephone number beside it.
"""

import re
from collections.abc import Collection, Iterator, Mapping

from vault.fields.text import clean
from vault.tags import Exact, Masked, Reading, read_cell

IDENTIFYING = frozenset({"phone", "email", "resident_id", "bank_card", "passport", "plate"})
"""Fields whose masked values say whom a row may be about; names, addresses and birthdays only help."""

_SEPARATORS = str.maketrans("", "", " -().·/")
_COUNTRY = re.compile(r"^\+?86(?=1[3-9*])")
_BIRTH = re.compile(r"((?:19|20)[0-9]{2})[-/.年]?([0-9*●•○#?]{2})[-/.月]?[*●•○#?]{2}日?")
_MOBILE = re.compile(r"1[3-9]")
_NO_DIGIT = re.compile(r"[^0-9*]")
_ROAD = re.compile(r"[路街道巷弄]|号")


def masked_reading(text: str) -> tuple[str, Masked] | None:
    """(field code, what is known of its value) of a masked cell; None when nothing can be made of it."""
    text = clean(text)
    birth = _BIRTH.fullmatch(text)
    if birth:
        month = birth[2] if birth[2].isdecimal() else "**"
        return _read("birth_date", f"{birth[1]}-{month}-**")
    field = _field(text)
    return None if field is None else _read(field, text)


def independent(row: Mapping[str, Reading], agreeing: Collection[str]) -> int:
    """How many independent things the agreeing columns of a row show; 0 when no identifying one is among them."""
    if not IDENTIFYING.intersection(agreeing):
        return 0
    return len({group for code in agreeing for group in _group(code, row)})


def _group(code: str, row: Mapping[str, Reading]) -> Iterator[str]:
    """Which thing a column tells of: usually of itself."""
    if code == "birth_date":
        yield "resident_id" if "resident_id" in row else code
    elif code == "email" and "phone" in row and not _NO_DIGIT.search(_text(row[code]).partition("@")[0]):
        yield "phone"
    elif code == "address" and not _ROAD.search(_text(row[code])):
        yield "resident_id" if "resident_id" in row else code
    else:
        yield code


def _text(reading: Reading) -> str:
    if isinstance(reading, Masked):
        return reading.text
    return reading.canonical if isinstance(reading, Exact) else ""


def _read(field: str, text: str) -> tuple[str, Masked] | None:
    reading = read_cell(field, text)
    return (field, reading) if isinstance(reading, Masked) else None


def _field(text: str) -> str | None:
    if "@" in text:
        return "email"
    shown = _COUNTRY.sub("", text.removeprefix("'").translate(_SEPARATORS))
    if not shown:
        return None
    if shown[0].isalpha() and shown[0] not in "xX":
        return "passport" if shown[0].isascii() else "plate"
    if len(shown) == 11 or (len(shown) < 11 and _MOBILE.match(shown)):
        return "phone"
    if len(shown) in {15, 18} or re.search(r"[0-9][Xx]$", shown):
        return "resident_id"
    return "bank_card" if 12 <= len(shown) <= 19 else None
