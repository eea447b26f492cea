"""Dates of birth. Canonical: ISO 8601, `1990-01-31`.

Read: eight digits, year first with any separator, 1990年1月31日 in digits or characters, a time of day behind
it. Refused: a day that never was, a year before 1800 or after 2200, and forms that put the year last, because
nobody can tell their day from their month. Whether the date lies in the future is not judged: no clock here.
"""

import re
from datetime import date

from vault.fields.numerals import CLASS, to_digits
from vault.fields.text import InvalidValue, ascii_digits, clean

FIRST_YEAR = 1800
LAST_YEAR = 2200
_TIME = re.compile(r"[ tT]\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:[zZ]|[+-]\d{2}:?\d{2})?$")
_TOGETHER = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\.0)?")
_APART = re.compile(r"(\d{4}) ?[-/.年‐‑‒–—] ?(\d{1,2}) ?[-/.月‐‑‒–—] ?(\d{1,2}) ?[日号]?")
_WRITTEN = re.compile(f"({CLASS}{{4}}) ?年 ?({CLASS}{{1,3}}) ?月 ?({CLASS}{{1,3}}) ?[日号]?")


class InvalidBirthDate(InvalidValue):
    """Not of the shape of a date with its year first."""

    code = "birth_date.invalid"


class NoSuchDay(InvalidBirthDate):
    """The calendar has no such day."""

    code = "birth_date.day"


class NoSuchYear(InvalidBirthDate):
    """Before 1800 or after 2200."""

    code = "birth_date.year"


REASONS = (InvalidBirthDate.code, NoSuchDay.code, NoSuchYear.code)


def canonical(text: str) -> str:
    """The canonical form; raises InvalidBirthDate."""
    year, month, day = _parts(_TIME.sub("", ascii_digits(clean(text)).removeprefix("'")))
    try:
        found = date(year, month, day)
    except ValueError:
        raise NoSuchDay("not a date of birth") from None
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise NoSuchYear("not a date of birth")
    return found.isoformat()


def day_of(value: str) -> date:
    """The day a canonical form names."""
    return date.fromisoformat(value)


def age_on(birth: date, today: date) -> int:
    """Whole years of life: a year is complete on the day after the birthday, as Chinese courts count.

    Somebody born on 29 February completes a year on 1 March, in leap years too.
    """
    return today.year - birth.year - ((today.month, today.day) <= (birth.month, birth.day))


def mask(value: str) -> str:
    """The year."""
    return f"{value[:4]}-**-**"


def _parts(text: str) -> tuple[int, int, int]:
    found = _TOGETHER.fullmatch(text) or _APART.fullmatch(text)
    if found is None:
        found = _WRITTEN.fullmatch(text)
        digits = [to_digits(part) for part in found.groups()] if found else [None]
    else:
        digits = list(found.groups())
    if not all(digits):
        raise InvalidBirthDate("not a date of birth")
    year, month, day = (int(part) for part in digits if part)
    return year, month, day
