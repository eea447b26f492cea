"""Vehicle plates of the mainland (GA 36). Canonical: upper case, no separators, 7 or 8 characters.

Civil plates with five characters behind the city's letter, the six-character ones of electric and hybrid cars,
the endings of driving schools, police, trailers, consulates, rescue and cross-border cars (港, 澳), and those of
embassies. The letters I and O stand on no plate behind the city's letter: they are read as 1 and 0.
"""

import re

from vault.fields.folding import simplified
from vault.fields.text import InvalidValue, ascii_digits, clean
from vault.fields.veil import keep_ends

PROVINCES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
_SEPARATORS = str.maketrans("", "", " -./·•・‧")
_MISREAD = str.maketrans("IO", "10")
_FOLDED = str.maketrans("滬蘇閩贛魯粵瓊貴雲陝甯領學應", "沪苏闽赣鲁粤琼贵云陕宁领学应")
_HEAD = f"[{PROVINCES}][A-HJ-Z]"
_SERIAL = "[A-HJ-NP-Z0-9]"
_SHAPE = re.compile(
    f"{_HEAD}(?:{_SERIAL}{{5}}|{_SERIAL}{{4}}[学警港澳挂领]|[A-HJ-NP-Z]{_SERIAL}[0-9]{{4}}|"
    f"[0-9]{{5}}[A-HJ-NP-Z]|[0-9]{{4}}应急)|使[0-9]{{6}}|[0-9]{{6}}使"
)
_MARKS = re.compile(r"[A-Z0-9\u4e00-\u9fff]+")


class InvalidPlate(InvalidValue):
    """Not of the shape of a plate of the mainland."""

    code = "plate.invalid"


class PlateLength(InvalidPlate):
    """Not 7 or 8 characters."""

    code = "plate.length"


class PlateRegion(InvalidPlate):
    """Does not begin with the character of a province."""

    code = "plate.region"


REASONS = (InvalidPlate.code, PlateLength.code, PlateRegion.code)


def canonical(text: str) -> str:
    """The canonical form; raises InvalidPlate."""
    plate = ascii_digits(clean(text)).upper().translate(_SEPARATORS)
    plate = simplified(plate.translate(_FOLDED))
    plate = plate[:2] + plate[2:].translate(_MISREAD)
    if not _MARKS.fullmatch(plate):
        raise InvalidPlate("not a vehicle plate")
    if not 7 <= len(plate) <= 8:
        raise PlateLength("not a vehicle plate")
    if plate[0] not in PROVINCES and "使" not in (plate[0], plate[-1]):
        raise PlateRegion("not a vehicle plate")
    if not _SHAPE.fullmatch(plate):
        raise InvalidPlate("not a vehicle plate")
    return plate


def mask(value: str) -> str:
    """The first two and the last character."""
    return keep_ends(value, 2, 1)
