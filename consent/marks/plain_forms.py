"""Forms of e-mail addresses, of dates and of number plates.

| carrier        | 0                | 1                | applies where                                    |
|----------------|------------------|------------------|--------------------------------------------------|
| email.domain   | a@Example.com    | a@EXAMPLE.com    | the domain begins with a letter and has two      |
| email.ending   | a@example.Com    | a@example.COM    | always; never to a domain written in other scripts |
| date.separator | 1990/01/31       | 1990.01.31       | always                                           |
| date.zeros     | 1990/01/31       | 1990/1/31        | month or day has one digit                       |
| plate.dot      | 京A·D1234        | 京A-D1234        | always                                           |

What stands in front of the @ is never touched, Gmail's dots included: to us they belong to the address, and a
dotted one would no longer be found.
"""

import re
from collections.abc import Mapping
from typing import Final

DOMAIN: Final = "email.domain"
ENDING: Final = "email.ending"
DATE_SEPARATOR: Final = "date.separator"
DATE_ZEROS: Final = "date.zeros"
DOT: Final = "plate.dot"

_DATE = re.compile(r"([0-9]{4})([/.])([0-9]{1,2})\2([0-9]{1,2})")
_DATE_SIGNS = "/."
_DOTS = "·-"
_PLATE = re.compile("..([·-])[^·-]+")


def write_email(value: str, bits: Mapping[str, int]) -> str:
    """The stored address with capitals in its domain."""
    local, at, domain = value.rpartition("@")
    if "xn--" in domain:
        return value
    body, dot, ending = domain.rpartition(".")
    if DOMAIN in bits and _has_capitals(body):
        body = body.upper() if bits[DOMAIN] else body[0].upper() + body[1:]
    if ENDING in bits:
        ending = ending.upper() if bits[ENDING] else ending.capitalize()
    return f"{local}{at}{body}{dot}{ending}"


def read_email(cell: str) -> dict[str, int]:
    """Which capitals the domain of an address has."""
    body, _, ending = cell.strip().rpartition("@")[2].rpartition(".")
    seen: dict[str, int] = {}
    if _has_capitals(body) and body[0].isupper() and (body.isupper() or body[1:].islower()):
        seen[DOMAIN] = int(body.isupper())
    if len(ending) >= 2 and ending[0].isupper() and (ending.isupper() or ending[1:].islower()):
        seen[ENDING] = int(ending.isupper())
    return seen


def write_date(value: str, bits: Mapping[str, int]) -> str:
    """The stored date (ISO 8601) with another separator, or without the zeros in front."""
    year, month, day = value.split("-")
    if bits.get(DATE_ZEROS):
        month, day = month.removeprefix("0"), day.removeprefix("0")
    return _DATE_SIGNS[bits.get(DATE_SEPARATOR, 0)].join((year, month, day))


def read_date(cell: str) -> dict[str, int]:
    """How a date is written that is not written as ISO 8601."""
    found = _DATE.fullmatch(cell.strip())
    if found is None:
        return {}
    seen = {DATE_SEPARATOR: _DATE_SIGNS.index(found[2])}
    bare = {len(number) == 1 for number in found.group(3, 4) if int(number) < 10}
    return seen | ({DATE_ZEROS: int(bare.pop())} if len(bare) == 1 else {})


def write_plate(value: str, bits: Mapping[str, int]) -> str:
    """The stored plate with a sign behind the city's letter."""
    return f"{value[:2]}{_DOTS[bits[DOT]]}{value[2:]}"


def read_plate(cell: str) -> dict[str, int]:
    """Which sign a plate has behind the city's letter."""
    found = _PLATE.fullmatch(cell.strip())
    return {} if found is None else {DOT: _DOTS.index(found[1])}


def _has_capitals(body: str) -> bool:
    """Whether there is a capital first letter to tell from capitals throughout."""
    return body[:1].isalpha() and body.isascii() and sum(map(str.isalpha, body)) >= 2
