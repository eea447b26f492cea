"""Chinese resident identity numbers (GB 11643). Canonical: 18 characters, the check character upper case.

The old 15-digit form is widened (century 19, check character computed). Refused: an unknown region, a date
that never was, a wrong check character. Whether the date lies in the future is not judged: no clock here.
"""

import re
from datetime import date
from operator import mul

from vault.fields.text import InvalidValue, ascii_digits, clean

_FULL = re.compile(r"[1-9][0-9]{16}[0-9X]")
_OLD = re.compile(r"[1-9][0-9]{14}")
_MARKS = re.compile(r"[0-9]+X?")
_SEPARATORS = str.maketrans("", "", " -")
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ZEROS = ord("0") * sum(WEIGHTS)
_CHECKS = "10X98765432"
_PROVINCES = "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83 91"
REGIONS = frozenset(_PROVINCES.split())


class InvalidResidentId(InvalidValue):
    """Not a resident identity number that can have been issued."""

    code = "resident_id.invalid"


class ResidentIdLength(InvalidResidentId):
    """Neither 18 nor 15 characters."""

    code = "resident_id.length"


class ResidentIdRegion(InvalidResidentId):
    """The first two digits belong to no province."""

    code = "resident_id.region"


class ResidentIdDate(InvalidResidentId):
    """The eight digits of the birthday name a day that never was."""

    code = "resident_id.date"


class ResidentIdCheckDigit(InvalidResidentId):
    """The last character does not belong to the others: somewhere there is a slip."""

    code = "resident_id.check_digit"


REASONS = tuple(
    reason.code
    for reason in (
        InvalidResidentId,
        ResidentIdLength,
        ResidentIdRegion,
        ResidentIdDate,
        ResidentIdCheckDigit,
    )
)


def canonical(text: str) -> str:
    """The 18-character form; raises InvalidResidentId."""
    number = text if _FULL.fullmatch(text) else _plain(text)
    if number[:2] not in REGIONS:
        raise ResidentIdRegion("not a resident identity number")
    try:
        birth(number)
    except ValueError:
        raise ResidentIdDate("not a resident identity number") from None
    if number[17] != check_character(number):
        raise ResidentIdCheckDigit("not a resident identity number")
    return number


def birth(value: str) -> date:
    """The birthday a canonical form names."""
    return date(int(value[6:10]), int(value[10:12]), int(value[12:14]))


def old_form(value: str) -> str | None:
    """The 15 digits a canonical form was before 1999; None for people born outside 1900 to 1999."""
    return value[:6] + value[8:17] if value[6:8] == "19" else None


def check_character(digits: str) -> str:
    """The eighteenth character that belongs to the first seventeen digits (ISO 7064, MOD 11-2)."""
    return _CHECKS[(sum(map(mul, WEIGHTS, digits.encode())) - _ZEROS) % 11]


def _plain(text: str) -> str:
    """Eighteen characters of the right kinds, whatever stood between or around them."""
    number = ascii_digits(clean(text)).removeprefix("'").upper().translate(_SEPARATORS)
    if _OLD.fullmatch(number):
        widened = f"{number[:6]}19{number[6:]}"
        number = widened + check_character(widened)
    if not _FULL.fullmatch(number):
        whole = _MARKS.fullmatch(number) and len(number) not in (15, 18)
        raise (ResidentIdLength if whole else InvalidResidentId)("not a resident identity number")
    return number


def mask(value: str) -> str:
    """The first three and the last four characters."""
    return f"{value[:3]}{'*' * 11}{value[-4:]}"
