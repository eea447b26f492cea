"""Provinces, prefectures and counties of China with their codes (GB/T 2260), recognised at the head of an address.

`regions.txt` holds one province or prefecture a line: `44 广东省`; `4403 深圳市 03罗湖区 04福田区`, counties
with the last two digits of theirs. `-` stands for a level that has no name of its own. State of 2023, without
development zones, which have no code in the standard; of Taiwan, Hong Kong and Macao the province only.

A full name is recognised where it stands. A short one (广东, 深圳) only in front of something that lies in it,
because streets are named after places: 南京路 is in Shanghai.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import NamedTuple

_COUNTRY = re.compile("(?:中华人民共和国|中国)?")
_COUNTRIES = "中华人民共和国"
_ROAD = re.compile("[东西南北中]{0,2}(?:大道|大街|路|街|道|巷|里|弄)")
_ROAD_BEGUN = re.compile("[东西南北中]{0,2}大?")
_PROVINCE = re.compile("(?:维吾尔自治区|壮族自治区|回族自治区|自治区|特别行政区|省|市)$")
_NATIONS = "土家|苗|藏|羌|彝|布依|侗|哈尼|壮|傣|白|景颇|傈僳|回|朝鲜|蒙古"
_PREFECTURE = re.compile(f"(?:(?:(?:{_NATIONS})族|蒙古|哈萨克|柯尔克孜)+自治州|地区|市|盟)$")
_MUNICIPALITIES = frozenset({"11", "12", "31", "50"})


class Found(NamedTuple):
    """A region at the head of a text: its six-digit code, and where the rest of the text begins."""

    code: str
    end: int


class Begun(NamedTuple):
    """The region at the head of a text whose end is hidden, as far as it is certain whatever is hidden.

    `code` are the digits all such texts share: none, two, four, or all six. What stands from `end` on is no part of
    its name; when everything may be, `end` is the length of the text.
    """

    code: str
    end: int


type _Names = Mapping[str, tuple[tuple[str, str], ...]]
"""Names of one level inside one place: by their first two characters the names and codes, longest first."""


def _names(pairs: Iterable[tuple[str, str]]) -> _Names:
    """Names that mean several places are left out."""
    listed = list(dict.fromkeys(pairs))
    often = Counter(name for name, _ in listed)
    found: dict[str, list[tuple[str, str]]] = {}
    for name, code in sorted(listed, key=lambda pair: -len(pair[0])):
        if often[name] == 1:
            found.setdefault(name[:2], []).append((name, code))
    return {head: tuple(group) for head, group in found.items()}


def _at(names: _Names, text: str, start: int) -> Found | None:
    """The longest name that stands at `start`."""
    for name, code in names.get(text[start : start + 2], ()):
        if text.startswith(name, start):
            return Found(code, start + len(name))
    return None


@dataclass(frozen=True, slots=True)
class _Atlas:
    """Every table the recogniser walks through; `inside` and `counties` go by the code above."""

    names: Mapping[str, str]
    provinces: _Names
    short_provinces: _Names
    prefectures: _Names
    short_prefectures: _Names
    counties: _Names
    inside: Mapping[str, _Names]
    counties_of: Mapping[str, _Names]


def recognise(text: str) -> Found | None:
    """The deepest region named at the head of `text` (simplified writing, no blanks); None when there is none."""
    atlas, start = _atlas(), _country(text)
    for names, full in ((atlas.provinces, True), (atlas.short_provinces, False)):
        province = _at(names, text, start)
        deeper = province and _inside_province(atlas, text, province)
        if province and (deeper or full or _is_city_state(text, province)):
            return _padded(deeper or province)
    for names, full in ((atlas.prefectures, True), (atlas.short_prefectures, False)):
        prefecture = _at(names, text, start)
        deeper = prefecture and _at(atlas.counties_of[prefecture.code], text, prefecture.end)
        if prefecture and (deeper or full):
            return _padded(deeper or prefecture)
    return _at(atlas.counties, text, start)


def begun(text: str) -> Begun:
    """The region at the head of a text (as for `recognise`) that breaks off behind its last character."""
    atlas, found = _atlas(), recognise(text)
    if found is None:
        open_end = _COUNTRIES.startswith(text) or _unfinished(atlas, text[_country(text) :])
        return Begun("", len(text) if open_end else 0)
    code, rest = found.code, text[found.end :]
    if not code.endswith("00"):
        return Begun(code, found.end)
    full = atlas.names[code]
    if not text[: found.end].endswith(full) and _ROAD_BEGUN.fullmatch(rest):
        return Begun("", len(text))  # a short name, and perhaps a road that is called so
    known = code[:2] if code.endswith("0000") else code[:4]
    more = any(full.startswith(text[at:]) and full != text[at:] for at in range(found.end))
    return Begun(known, len(text)) if more or _unfinished(atlas, rest, known) else Begun(code, found.end)


def name_of(code: str) -> str | None:
    """The full name of a six-digit code with all that is above it, `广东省深圳市南山区`; None when unknown."""
    names = _atlas().names
    if code not in names:
        return None
    levels = dict.fromkeys((code[:2] + "0000", code[:4] + "00", code))
    return "".join(names.get(level, "") for level in levels)


def _country(text: str) -> int:
    """Where the name of the country at the head of a text ends; 0 when it is not named."""
    return _COUNTRY.match(text).end()  # type: ignore[union-attr]  # it matches the empty text too


def _unfinished(atlas: _Atlas, text: str, place: str = "") -> bool:
    """Whether the name of something in a place (two or four digits; none: in the country) may go on behind `text`."""
    return any(
        name.startswith(text) or (text.startswith(name) and _unfinished(atlas, text[len(name) :], code))
        for names in _tables_of(atlas, place)
        for group in (names.values() if len(text) < 2 else (names.get(text[:2], ()),))
        for name, code in group
    )


def _tables_of(atlas: _Atlas, place: str) -> tuple[_Names, ...]:
    """Every name that may come next."""
    if place:
        return atlas.inside.get(place, {}), atlas.counties_of.get(place, {})
    return (
        atlas.provinces,
        atlas.short_provinces,
        atlas.prefectures,
        atlas.short_prefectures,
        atlas.counties,
    )


def _inside_province(atlas: _Atlas, text: str, province: Found) -> Found | None:
    prefecture = _at(atlas.inside[province.code], text, province.end)
    county = prefecture and _at(atlas.counties_of[prefecture.code], text, prefecture.end)
    if county or prefecture is None:
        return county or _at(atlas.counties_of[province.code], text, province.end)
    full = text[province.end : prefecture.end] == atlas.names[prefecture.code.ljust(6, "0")]
    return prefecture if full or not _ROAD.match(text, prefecture.end) else None


def _is_city_state(text: str, province: Found) -> bool:
    return province.code in _MUNICIPALITIES and not _ROAD.match(text, province.end)


def _padded(found: Found) -> Found:
    return Found(found.code.ljust(6, "0"), found.end)


@cache
def _atlas() -> _Atlas:
    lines = resources.files("vault.fields").joinpath("regions.txt").read_text("utf-8").splitlines()
    rows = [line.split(" ") for line in lines]
    provinces = {row[0]: row[1] for row in rows if len(row[0]) == 2}
    prefectures = {row[0]: row[1] for row in rows if len(row[0]) == 4 and row[1] != "-"}
    counties = {row[0] + item[:2]: item[2:] for row in rows for item in row[2:]}
    named = [(name, code) for code, name in prefectures.items()]
    short = [(_PREFECTURE.sub("", name), code) for name, code in named]
    return _Atlas(
        names=_full_codes(provinces) | _full_codes(prefectures) | counties,
        provinces=_names((name, code) for code, name in provinces.items()),
        short_provinces=_names((_PROVINCE.sub("", name), code) for code, name in provinces.items()),
        prefectures=_names(named),
        short_prefectures=_names(short),
        # 城区 and 矿区 are no names by themselves.
        counties=_names((name, code) for code, name in counties.items() if len(name) > 2),
        inside={
            code: _names(_prefectures_of(code, name, [*named, *short])) for code, name in provinces.items()
        },
        counties_of=_counties_of((*provinces, *prefectures), counties),
    )


def _full_codes(places: Mapping[str, str]) -> dict[str, str]:
    return {code.ljust(6, "0"): name for code, name in places.items()}


def _prefectures_of(province: str, name: str, named: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Of a city that is a province, files often repeat the name, or write 市辖区 in its place."""
    if province in _MUNICIPALITIES:
        yield from ((own, province) for own in (name, _PROVINCE.sub("", name), "市辖区"))
    yield from (pair for pair in named if pair[1].startswith(province))


def _counties_of(places: Iterable[str], counties: Mapping[str, str]) -> dict[str, _Names]:
    inside: dict[str, list[tuple[str, str]]] = {place: [] for place in places}
    for code, name in counties.items():
        for place in (code[:2], code[:4]):
            inside.setdefault(place, []).append((name, code))
    return {place: _names(pairs) for place, pairs in inside.items()}
