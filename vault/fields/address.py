"""Postal addresses. Canonical: region code, slash, and the rest in one spelling: `440305/科技园路1号3栋501室`.

Blanks and punctuation go; Chinese numerals in front of a unit become digits; 幢, 座, 号楼 and # become 栋, 房 and
户 become 室, `3-2-501` at the end becomes 3栋2单元501室. The region is recognised down to the county where the
address begins with it (regions.py); without one there is no code and no slash. What is kept is the spelling the
person gave; shown masked, an address is its region and nothing more.
"""

import re
from typing import Final, NamedTuple

from vault.fields.folding import simplified
from vault.fields.numerals import CLASS, to_digits
from vault.fields.regions import Begun, begun, name_of, recognise
from vault.fields.text import InvalidValue, ascii_digits, clean, fold_case

MAX_ADDRESS = 200
_NOISE = re.compile(r"[^\w#/-]+|_+|(?<![0-9a-z])-+|-+(?![0-9a-z])|(?<![0-9]{6})/+")
_PREFIX = re.compile(r"([0-9]{6})/(?!/)")
_POSTCODE = re.compile(r"[0-9]{6}(?![0-9/])")
_NUMERAL = re.compile(
    f"({CLASS}+)(?=号|弄|栋|幢|座|单元|室|层|楼|房|期|组|队|路|街|大道|巷|环|村|段|#|门[0-9〇零一二三四五六七八九])"
)
_RULES = tuple(
    (re.compile(pattern), into)
    for pattern, into in (
        (r"(?<![0-9])0+(?=[0-9])", ""),
        (r"第(?=[0-9]+(?:号|栋|幢|座|单元|室|层|楼|房))", ""),
        (r"(?<=[0-9a-z])(?:号楼|号栋|号幢|栋楼|幢楼?|座|#楼?)", "栋"),
        (r"(?<=[0-9])门(?=[0-9]|$)", "单元"),
        (r"(?<=[0-9])楼层?", "层"),
        (r"(?<=[0-9])(?:号房|号室|房间?|户)", "室"),
        (r"(?<![0-9-])([0-9]{1,3}|(?<![a-z])[a-z])-([0-9]{1,2})-([0-9]{3,5}[a-z]?)室?$", r"\1栋\2单元\3室"),
        (r"(?<![0-9-])([0-9]{1,3}|(?<![a-z])[a-z])-([0-9]{3,5}[a-z]?)室?$", r"\1栋\2室"),
        (r"(栋|单元|层)([0-9]{2,5}[a-z]?)号?$", r"\1\2室"),
    )
)
_TOWN = re.compile("(?:[^0-9]{1,10}?(?:街道|镇|乡)(?!路|街|大道|道|巷))+")
_ROAD = re.compile(
    "([^区县市/]{1,12}?(?:大道|大街|公路|胡同|路|街|巷|弄|道|里)(?:[0-9]{1,2}段)?[甲乙丙丁]?[0-9]{1,5}(?:-[0-9]{1,4})?)(?:号|弄)"
)
_BUILDING = re.compile("([0-9]{1,4}|(?<![a-z])[a-z])栋")
_ROOM = re.compile("([0-9]{1,5}[a-z]?)室")
_HAN = re.compile("[\u3400-\u9fff]")
NUMBER: Final = re.compile("(?<![0-9])[0-9]{1,5}(?![0-9])")
"""A number of an address, of its house most likely."""
ENDING: Final = 4
"""So many last characters tell the town of an address abroad, or its postcode."""


class InvalidAddress(InvalidValue):
    """Without a single letter or character of writing."""

    code = "address.invalid"


class AddressLength(InvalidAddress):
    """Longer than 200 characters."""

    code = "address.length"


REASONS = (InvalidAddress.code, AddressLength.code)


class AddressParts(NamedTuple):
    """What an address can be found by: `440305`, `科技园路1`, `3-501`; None for what it does not name."""

    region6: str | None
    road_number: str | None
    building_room: str | None


def canonical(text: str) -> str:
    """The canonical form; raises InvalidAddress."""
    plain = folded(text)
    prefix = _PREFIX.match(plain)
    if prefix and name_of(prefix[1]):
        region, rest = prefix[1], plain[prefix.end() :]
    else:
        region, rest = _split(plain)
    rest = unified(rest.replace("/", ""))
    if not region and not any(c.isalpha() for c in rest):
        raise InvalidAddress("not an address")
    if len(rest) > MAX_ADDRESS:
        raise AddressLength("not an address")
    if region:
        return f"{region}/{rest}"
    # Without the zeros in front of it, a number may turn out to be the postcode of a region behind it.
    return rest if rest == plain else canonical(rest)


def parts(value: str) -> AddressParts:
    """The parts of a canonical form."""
    region, slash, rest = value.rpartition("/")
    town = _TOWN.match(rest)
    road = _ROAD.search(rest, town.end() if town else 0)
    building, room = _BUILDING.search(rest), _ROOM.search(rest)
    return AddressParts(
        region6=region if slash else None,
        road_number=road[1] if road else None,
        building_room=f"{building[1]}-{room[1]}" if building and room else None,
    )


def is_chinese(text: str) -> bool:
    """Whether any of it is written in Chinese characters."""
    return _HAN.search(text) is not None


def abroad(value: str) -> tuple[str | None, str | None]:
    """How a canonical form without any Chinese character ends, and its first number: `ndon`, `221`; None for none."""
    if is_chinese(value) or "/" in value:
        return None, None
    number = NUMBER.search(value)
    return value[-ENDING:] if len(value) > ENDING else None, number[0] if number else None


def mask(value: str) -> str:
    """Province, prefecture and county as far as they are recognised, nothing else."""
    try:
        region = parts(canonical(value)).region6
    except InvalidAddress:
        region = None
    return f"{name_of(region) or '' if region else ''}****"


def folded(text: str) -> str:
    """`text` without blanks and punctuation, in simplified and small letters; raises AddressLength."""
    # Cleaning can make a text longer; what is kept is the cleaned one, so that must not be too long either.
    if len(text) > MAX_ADDRESS * 4 or len(cleaned := clean(text)) > MAX_ADDRESS * 4:
        raise AddressLength("not an address")
    return _NOISE.sub("", simplified(fold_case(ascii_digits(cleaned))))


def unified(rest: str) -> str:
    """Every rule applied until none changes anything: each leaves fewer of the old words than it found."""
    while True:
        text = _NUMERAL.sub(_in_digits, rest)
        for pattern, into in _RULES:
            text = pattern.sub(into, text)
        if text == rest:
            return text
        rest = text


def split_begun(plain: str) -> Begun:
    """What the head of a folded address says of its region when the text behind it is hidden."""
    prefix = _PREFIX.match(plain)
    if prefix and name_of(prefix[1]):
        return Begun(prefix[1], prefix.end())
    postcode = _POSTCODE.match(plain)
    for start in (0, postcode.end()) if postcode else (0,):
        said = begun(plain[start:])
        if said.code or said.end:
            return Begun(said.code, start + said.end)
    return Begun("", 0)


def _split(plain: str) -> tuple[str, str]:
    """The region's code ("" when there is none) and what stands behind it; a postcode in front is dropped."""
    postcode = _POSTCODE.match(plain)
    for start in (0, postcode.end()) if postcode else (0,):
        found = recognise(plain[start:])
        if found:
            return found.code, plain[start + found.end :]
    return "", plain


def _in_digits(numeral: re.Match[str]) -> str:
    return to_digits(numeral[1]) or numeral[1]
