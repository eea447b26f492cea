"""Forms of a telephone number. Every form parses as the same number; a number without a form's sign is
unreadable for it.

| carrier         | 0              | 1              | of               |
|-----------------|----------------|----------------|------------------|
| phone.country   | +86            | 0086           | mainland mobiles |
| phone.groups    | 138 1234 5678  | 138 12345678   | mainland mobiles |
| phone.joint     | +86 138..      | +86-138..      | every number     |
| phone.separator | 138 1234 5678  | 138-1234-5678  | every number     |
"""

import re
from collections.abc import Mapping
from typing import Final

from vault.fields import phone

COUNTRY: Final = "phone.country"
GROUPS: Final = "phone.groups"
JOINT: Final = "phone.joint"
SEPARATOR: Final = "phone.separator"
CODES: Final = (COUNTRY, GROUPS, JOINT, SEPARATOR)

_HEADS = ("+86", "0086")
_SIGNS = " -"
_MOBILE = re.compile(r"(?:(\+86|0086)([ -]?))?1[3-9][0-9]([ -]?)[0-9]{4}([ -]?)[0-9]{4}")
_ABROAD = re.compile(r"\+[0-9]{1,3}([ -])[0-9]+(?:([ -])[0-9]+(?:\2[0-9]+)*)?")


def write(value: str, bits: Mapping[str, int]) -> str:
    """The stored number in the forms that `bits` ask for."""
    return _abroad(value, bits) if value.startswith("+") else _mobile(value, bits)


def read(cell: str) -> dict[str, int]:
    """Which forms a number is written in, as far as it shows them."""
    text = cell.strip().removeprefix("'")
    mobile = _MOBILE.fullmatch(text)
    if mobile is None:
        return _read_abroad(text)
    head, joint, first, second = mobile.groups()
    seen = {} if head is None else {COUNTRY: _HEADS.index(head)}
    if joint:
        seen[JOINT] = _SIGNS.index(joint)
    if first and second in {"", first}:
        seen |= {GROUPS: int(not second), SEPARATOR: _SIGNS.index(first)}
    return seen


def _mobile(value: str, bits: Mapping[str, int]) -> str:
    number = value
    if not bits.keys().isdisjoint((GROUPS, SEPARATOR)):
        sign = _SIGNS[bits.get(SEPARATOR, 0)]
        last = (value[3:],) if bits.get(GROUPS) else (value[3:7], value[7:])
        number = sign.join((value[:3], *last))
    if bits.keys().isdisjoint((COUNTRY, JOINT)):
        return number
    return _HEADS[bits.get(COUNTRY, 0)] + _SIGNS[bits.get(JOINT, 0)] + number


def _abroad(value: str, bits: Mapping[str, int]) -> str:
    if bits.keys().isdisjoint((JOINT, SEPARATOR)):
        return value
    country, *number = phone.spaced(value).split(" ")
    return country + _SIGNS[bits.get(JOINT, 0)] + _SIGNS[bits.get(SEPARATOR, 0)].join(number)


def _read_abroad(text: str) -> dict[str, int]:
    found = _ABROAD.fullmatch(text)
    if found is None:
        return {}
    joint, sign = found.groups()
    return {JOINT: _SIGNS.index(joint)} | ({SEPARATOR: _SIGNS.index(sign)} if sign else {})
