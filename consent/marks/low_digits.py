"""Low digits: of a measured value the digits beyond the precision that its operator states (`vault.fields.measure`).

What is beyond says nothing, and that is published; so it may be filled in, other digits for each recipient.

| carrier              | digits                                 | bits | applies where the precision is |
|----------------------|----------------------------------------|------|--------------------------------|
| moment.minute        | the minute, 11 to 28                   | 1 3  | hour                           |
| moment.second        | the second, 11 to 28                   | 1 3  | hour, minute                   |
| moment.fraction      | the milliseconds, 111 to 488           | 2 3 3 | any                           |
| coordinates.decimals | two more decimals of each, 11 to 48    | 2 3 2 3 | any                         |

A digit is 1 and its bits as a number, the highest first: none is 0, so that a cleaned value is unreadable, and each
can be read when those behind it were cut off. The first is so small that cutting and rounding to the precision
both give the stored value. Bits are numbered behind the carrier's code: `moment.second.1` to `.4`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from vault.fields.measure import Measure, Measured

MINUTE: Final = "moment.minute"
SECOND: Final = "moment.second"
FRACTION: Final = "moment.fraction"
DECIMALS: Final = "coordinates.decimals"

_WIDTHS: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType(
    {MINUTE: (1, 3), SECOND: (1, 3), FRACTION: (2, 3, 3), DECIMALS: (2, 3, 2, 3)}
)
CODES: Final[Mapping[str, Measured]] = MappingProxyType(
    {code: Measured(code.partition(".")[0]) for code in _WIDTHS}
)
"""What each carrier of low digits is of."""

BITS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        code: tuple(f"{code}.{number}" for number in range(1, sum(widths) + 1))
        for code, widths in _WIDTHS.items()
    }
)
"""The codes of a carrier's bits."""

_BEYOND: Final = {
    "hour": (FRACTION, MINUTE, SECOND),
    "minute": (FRACTION, SECOND),
    "second": (FRACTION,),
}
_MOMENT = re.compile(
    r".*[Tt ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?"
    r" ?(?:[Zz]|UTC|(?P<sign>[+-])\d{2}:?(?P<offset>\d{2})?)?"
)
_LOCAL = re.compile(r"'?\d{4}[-/]\d{2}[-/]\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?")
_UNIX = re.compile(r"'?(\d{10})(\d{3})?")
_DEGREES = re.compile(r"'?[+-]?\d{1,3}\.\d{1,15}")
_NUMBER = re.compile(r"\d{1,3}\.(\d+)")
_MAINLAND: Final = "+08:00"


def carriers_of(measure: Measure) -> tuple[str, ...]:
    """The carriers that lie beyond this precision."""
    return _BEYOND[measure.precision] if measure.of is Measured.MOMENT else (DECIMALS,)


def write(measure: Measure, value: str, bits: Mapping[str, int]) -> str:
    """The stored value with the digits that `bits` ask for."""
    if measure.of is Measured.COORDINATES:
        digits = _digits(DECIMALS, bits)
        north, east = value.split(",")
        return f"{north}{digits[:2]},{east}{digits[2:]}" if digits else value
    minute = _digits(MINUTE, bits) or value[14:16]
    second = _digits(SECOND, bits) or value[17:19]
    fraction = _digits(FRACTION, bits)
    return f"{value[:14]}{minute}:{second}{fraction and '.' + fraction}Z"


def read(measure: Measure, cell: str) -> dict[str, int]:
    """The bits of the digits beyond the precision, as far as a cell has them."""
    if measure.of is Measured.MOMENT:
        shown = _shown_of_moment(cell.strip())
    else:
        shown = _shown_of_place(cell, int(measure.precision))
    seen: dict[str, int] = {}
    for code in carriers_of(measure):
        seen |= _bits(code, shown.get(code, ""))
    return seen


def spellings(measure: Measure, cells: Sequence[str]) -> Iterator[str]:
    """The texts that may say such a value in a row of a file.

    A time without an offset is taken for UTC and for that of the mainland, a number for Unix time, and two numbers
    side by side for coordinates, either first.
    """
    yield from cells
    if measure.of is Measured.COORDINATES:
        for one, other in pairwise(cells):
            if _DEGREES.fullmatch(one) and _DEGREES.fullmatch(other):
                yield f"{one},{other}"
                yield f"{other},{one}"
        return
    for cell in cells:
        if _LOCAL.fullmatch(cell):
            yield f"{cell}Z"
            yield f"{cell}{_MAINLAND}"
        elif (unix := _UNIX.fullmatch(cell)) is not None:
            told = datetime.fromtimestamp(int(unix[1]), UTC).replace(tzinfo=None).isoformat()
            yield f"{told}{'.' + unix[2] if unix[2] else ''}Z"


def _digits(code: str, bits: Mapping[str, int]) -> str:
    """The digits of a carrier; "" when none of its bits is asked for."""
    names = BITS[code]
    if bits.keys().isdisjoint(names):
        return ""
    asked = iter([bits.get(name, 0) for name in names])
    numbers = (sum(next(asked) << place for place in reversed(range(width))) for width in _WIDTHS[code])
    return "".join(str(1 + number) for number in numbers)


def _bits(code: str, digits: str) -> Iterable[tuple[str, int]]:
    """Back from the digits; of one that is not written so, or is missing, nothing."""
    names = iter(BITS[code])
    for at, width in enumerate(_WIDTHS[code]):
        number = int(digits[at]) - 1 if digits[at : at + 1].isdecimal() else -1
        for place in reversed(range(width)):
            name = next(names)
            if 0 <= number < 1 << width:
                yield name, number >> place & 1


def _shown_of_moment(text: str) -> dict[str, str]:
    found = _MOMENT.fullmatch(text)
    if found is None:
        return {}
    ahead = int(found["offset"] or 0) * (1 if found["sign"] == "+" else -1)
    shown = {MINUTE: f"{(int(found['minute']) - ahead) % 60:02d}"}
    return shown | {SECOND: found["second"] or "", FRACTION: found["fraction"] or ""}


def _shown_of_place(cell: str, decimals: int) -> dict[str, str]:
    """Both numbers' digits behind the stated decimals, each padded by what no digit is."""
    numbers = _NUMBER.findall(cell)
    if len(numbers) != 2:
        return {}
    return {DECIMALS: "".join(each[decimals : decimals + 2].ljust(2, "-") for each in numbers)}
