"""Forms of a Chinese address; each reads aloud the same and has the same canonical form.

| carrier          | 0                       | 1                         | applies where the address           |
|------------------|-------------------------|---------------------------|-------------------------------------|
| address.province | 广东省深圳市..          | 广东深圳市..              | begins with a region of two levels  |
| address.city     | 深圳市南山区..          | 深圳南山区..              | names a county                      |
| address.space    | 广东省深圳市 ..         | 广东省 深圳市 ..          | begins with a region of two levels  |
| address.building | 3幢                     | 3号楼, of a letter A座    | names a building                    |
| address.room     | 501房                   | 501号房                   | ends in a numbered room             |
| address.width    | first number full-width | last number full-width    | has two numbers                     |

A region, a province for one, is only ever written as the standard names it; nothing is added that the address
does not already say by its canonical form. Postcodes are neither added nor taken away: no table of them is
kept.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from vault.fields.address import InvalidAddress, canonical, parts
from vault.fields.regions import name_of

PROVINCE: Final = "address.province"
CITY: Final = "address.city"
SPACE: Final = "address.space"
BUILDING: Final = "address.building"
ROOM: Final = "address.room"
WIDTH: Final = "address.width"
CODES: Final = (BUILDING, CITY, PROVINCE, ROOM, SPACE, WIDTH)

_WIDE_DIGITS = "".join(chr(0xFF10 + digit) for digit in range(10))
_TO_WIDE = str.maketrans("0123456789", _WIDE_DIGITS)
_DIGIT = f"[0-9{_WIDE_DIGITS}]"
_NUMBER = re.compile(f"{_DIGIT}+")
_BUILDING = re.compile(f"(?:{_DIGIT}|(?<![A-Za-z])[A-Za-z])(号楼|栋|幢|座)")
_ROOM = re.compile(f"{_DIGIT}{{2,5}}(号房|号室|房间|房|室|户)$")
_MUNICIPALITIES = ("北京市", "天津市", "上海市", "重庆市")


@dataclass(frozen=True, slots=True)
class _Region:
    """The levels of a region as the standard names them, as an address writes them ("": not), and what stands behind."""

    full: tuple[str, str, str]
    written: tuple[str, str, str]
    gaps: tuple[str, str, str]
    rest: str

    @property
    def short(self) -> tuple[str, str]:
        """Province and city without their 省 or 市; "" where there is no such form, or nothing below to know it by."""
        province, city, county = self.full
        ends = province.endswith("省") or province in _MUNICIPALITIES
        return (
            province[:-1] if ends and (city or county) else "",
            city[:-1] if city.endswith("市") and county else "",
        )


def write(value: str, bits: Mapping[str, int]) -> str:
    """The stored address in the forms that `bits` ask for."""
    region = _region(value)
    text = value if region is None else _headed(region, bits)
    if BUILDING in bits:
        text = _BUILDING.sub(lambda found: _building(found, bits[BUILDING]), text, count=1)
    if ROOM in bits and (room := _ROOM.search(text)):
        text = text[: room.start(1)] + ("房", "号房")[bits[ROOM]]
    return _widened(text, bits[WIDTH]) if WIDTH in bits else text


def read(cell: str) -> dict[str, int]:
    """Which forms an address is written in, as far as it shows them."""
    text = cell.strip()
    region = _region(text)
    seen = {} if region is None else _read_region(region)
    if (building := _BUILDING.search(text)) and building[1] in {"幢", "座", "号楼"}:
        letter = building[0][0].isalpha()
        if building[1] == "幢" or (building[1] == "座") == letter:
            seen[BUILDING] = int(building[1] != "幢")
    if (room := _ROOM.search(text)) and room[1] in {"房", "号房"}:
        seen[ROOM] = int(room[1] == "号房")
    wide = [not number.isascii() for number in _NUMBER.findall(text)]
    if len(wide) >= 2 and wide[0] != wide[-1] and sum(wide) == 1:
        seen[WIDTH] = int(wide[-1])
    return seen


def _region(text: str) -> _Region | None:
    """The region an address begins with; None where it begins with anything else."""
    try:
        code = parts(canonical(text)).region6
    except InvalidAddress:
        return None
    if code is None:
        return None
    province = name_of(code[:2] + "0000") or ""
    above = name_of(code[:4] + "00") or province
    full = (province, above.removeprefix(province), (name_of(code) or above).removeprefix(above))
    bare = _Region(full, ("", "", ""), ("", "", ""), "")
    levels = [
        f"(?:({name}{f'|{short}' if short else ''})( ?))?" if name else "()()"
        for name, short in zip(full, (*bare.short, ""), strict=True)
    ]
    found = re.match("".join(levels), text)
    if found is None or not found[0]:
        return None
    written = (found[1] or "", found[3] or "", found[5] or "")
    if full[2] and not written[2]:
        return None
    gaps = (found[2] or "", found[4] or "", found[6] or "")
    return replace(bare, written=written, gaps=gaps, rest=text[found.end() :])


def _headed(region: _Region, bits: Mapping[str, int]) -> str:
    province, city, county = region.written
    gaps = region.gaps
    if PROVINCE in bits and region.short[0]:
        province = (region.full[0], region.short[0])[bits[PROVINCE]]
    if CITY in bits and region.short[1]:
        city = (region.full[1], region.short[1])[bits[CITY]]
    levels = [level for level in (province, city, county) if level]
    if SPACE in bits and len(levels) >= 2:
        return f"{('', ' ')[bits[SPACE]].join(levels)} {region.rest}"
    return (
        "".join(level + gap for level, gap in zip((province, city, county), gaps, strict=True)) + region.rest
    )


def _read_region(region: _Region) -> dict[str, int]:
    seen: dict[str, int] = {}
    for at, code in enumerate((PROVINCE, CITY)):
        if region.written[at] and region.short[at]:
            seen[code] = int(region.written[at] == region.short[at])
    gaps = [gap for level, gap in zip(region.written, region.gaps, strict=True) if level]
    if len(gaps) >= 2 and gaps[-1] and len(set(gaps[:-1])) == 1:
        seen[SPACE] = int(bool(gaps[0]))
    return seen


def _building(found: re.Match[str], bit: int) -> str:
    number = found[0].removesuffix(found[1])
    return number + ("幢", "座" if number.isalpha() else "号楼")[bit]


def _widened(text: str, bit: int) -> str:
    numbers = list(_NUMBER.finditer(text))
    if len(numbers) < 2 or any(not number[0].isascii() for number in numbers):
        return text
    number = numbers[-bit]
    return text[: number.start()] + number[0].translate(_TO_WIDE) + text[number.end() :]
