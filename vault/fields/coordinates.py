"""Coordinates: a place on earth in WGS 84, latitude first, true to as many decimals of a degree as the operator of
the field states.

Canonical: `31.2304,121.4737`, both numbers with just so many decimals, rounded half to even; four decimals are 11
metres. Read: decimal degrees parted by a comma, a semicolon or a blank, in brackets, as a `geo:` URI (RFC 5870), or
with their directions (`31.23N 121.47E`, `北纬31.23° 东经121.47°`). Refused: minutes and seconds of arc, and numbers
out of range. Whether somebody measured in another system, GCJ-02 for one, cannot be told from a number.
"""

import math
import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from vault.fields.text import InvalidValue, ascii_digits, clean

DECIMALS: Final = range(1, 6)
"""How many decimals a field may state: 5 are about a metre."""

_NUMBER = r"([+-]?)([0-9]{1,3}(?:\.[0-9]{1,15})?) ?°? ?"
_READ = re.compile(
    rf"(?:geo:)?[(\[]? ?(?:([北南])纬)? ?{_NUMBER}([NSns])? ?[,; ] ?(?:([东西])经)? ?{_NUMBER}([EWew])? ?[)\]]?"
)
_BACKWARD = frozenset("-SsWw南西")


class InvalidCoordinates(InvalidValue):
    """Not two numbers of degrees."""

    code = "coordinates.invalid"


class OutOfRange(InvalidCoordinates):
    """A latitude beyond 90 degrees or a longitude beyond 180."""

    code = "coordinates.range"


REASONS = (InvalidCoordinates.code, OutOfRange.code)


def canonical(text: str, decimals: int) -> str:
    """The canonical form; raises InvalidCoordinates."""
    found = _READ.fullmatch(ascii_digits(clean(text)).removeprefix("'"))
    if found is None:
        raise InvalidCoordinates("not coordinates")
    parts = found.groups(default="")
    latitude, longitude = _degrees(*parts[:4]), _degrees(*parts[4:])
    if abs(latitude) > 90 or abs(longitude) > 180:
        raise OutOfRange("not coordinates")
    step = Decimal(1).scaleb(-decimals)
    north, east = (number.quantize(step, ROUND_HALF_EVEN) for number in (latitude, longitude))
    east = abs(east) if abs(east) == 180 else east  # one meridian has one name
    return f"{north or abs(north)},{east or abs(east)}"


def bits(decimals: int) -> float:
    """How many places of this precision there are, in bits: no value is harder to guess."""
    return math.log2(180 * 360) + 2 * decimals * math.log2(10)


def mask(value: str) -> str:
    """The whole degrees."""
    return re.sub(r"(?<=\.)[0-9]+", lambda found: "*" * len(found[0]), value)


def _degrees(before: str, sign: str, number: str, behind: str) -> Decimal:
    if len(before + sign + behind) > 1:
        raise InvalidCoordinates("not coordinates")
    degrees = Decimal(number)
    return -degrees if _BACKWARD.intersection(before + sign + behind) else degrees
