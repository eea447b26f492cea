"""Moments: an instant in UTC, true to a precision that the operator of the field states.

Canonical: RFC 3339 in UTC, `2026-11-22T14:05:00Z`, and zeros for whatever is finer than the precision: that is cut
off, as clocks do, not rounded. Read: RFC 3339 with any offset, a blank for the T, slashes, an offset of hours
alone, up to nine digits of a second. Refused: an instant without an offset, because nobody can tell which one it
is; a day or a time that never was, leap seconds too; a year before 1800 or after 2200.
"""

import math
import re
from datetime import datetime, timedelta
from enum import StrEnum

from vault.fields.birth_date import FIRST_YEAR, LAST_YEAR
from vault.fields.text import InvalidValue, ascii_digits, clean

_READ = re.compile(
    r"(\d{4})[-/](\d{2})[-/](\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?"
    r" ?([Zz]|UTC|([+-])(\d{2}):?(\d{2})?)?"
)
_YEAR_HOURS = 365.2425 * 24


class Precision(StrEnum):
    """The finest unit of time of which a field says anything."""

    HOUR = "hour"
    MINUTE = "minute"
    SECOND = "second"


_A_UNIT = {Precision.HOUR: 3_600, Precision.MINUTE: 60, Precision.SECOND: 1}


class InvalidMoment(InvalidValue):
    """Not of the shape of a date with its year first and a time of day."""

    code = "moment.invalid"


class NoOffset(InvalidMoment):
    """A local time without its offset from UTC."""

    code = "moment.offset"


class NoSuchTime(InvalidMoment):
    """A day or a time of day that never was, or an offset of more than a day."""

    code = "moment.time"


class NoSuchYear(InvalidMoment):
    """Before 1800 or after 2200."""

    code = "moment.year"


REASONS = (InvalidMoment.code, NoOffset.code, NoSuchTime.code, NoSuchYear.code)


def canonical(text: str, precision: Precision) -> str:
    """The canonical form; raises InvalidMoment."""
    found = _READ.fullmatch(ascii_digits(clean(text)).removeprefix("'"))
    if found is None:
        raise InvalidMoment("not a moment")
    if found[7] is None:
        raise NoOffset("not a moment")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    try:
        local = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  # its offset is taken off below
    except ValueError:
        raise NoSuchTime("not a moment") from None
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise NoSuchYear("not a moment")
    instant = local - _offset(found)
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise NoSuchYear("not a moment")
    beyond = (instant.minute * 60 + instant.second) % _A_UNIT[precision]
    return f"{(instant - timedelta(seconds=beyond)).isoformat()}Z"


def bits(precision: Precision) -> float:
    """How many moments of this precision there are, in bits: no value is harder to guess."""
    hours = (LAST_YEAR - FIRST_YEAR + 1) * _YEAR_HOURS
    return math.log2(hours * 3_600 / _A_UNIT[precision])


def mask(value: str) -> str:
    """The year."""
    return f"{value[:4]}-**-**T**:**:**Z"


def _offset(found: re.Match[str]) -> timedelta:
    if found[8] is None:
        return timedelta()
    hours, minutes = int(found[9]), int(found[10] or 0)
    if hours > 23 or minutes > 59:
        raise NoSuchTime("not a moment")
    ahead = timedelta(hours=hours, minutes=minutes)
    return ahead if found[8] == "+" else -ahead
