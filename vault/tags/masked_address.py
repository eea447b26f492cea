"""Addresses of which a file shows only a part: `北京市朝阳区***路**号`, `221B B**** Street, London`.

What is shown is written as canonical forms are (fields/address.py), the region as its code as far as that is certain:
`110105/*路*`, `4403*`. Words that hidden ones may have changed are left to the star beside them: of `**号楼` nobody
can tell whether a number stood in front. So are names of places behind a star, which may belong to the region. A
road with its number says all of itself: what follows may be left out, here as between whole addresses.
"""

import re
from typing import Final

from vault.fields.address import (
    ENDING,
    NUMBER,
    AddressLength,
    folded,
    is_chinese,
    parts,
    split_begun,
    unified,
)
from vault.fields.numerals import CLASS
from vault.fields.text import clean, fold_case

_STAR: Final = "*"
_HARD = str.maketrans(dict.fromkeys("?●•○\u00d7\u2217\u204e", _STAR))
_HAN = "\u3400-\u9fff"
_SOFT = re.compile(f"_{{2,}}|x{{3,}}|(?<=[{_HAN}])x{{2,}}|x{{2,}}(?=[{_HAN}])")
_RUN = re.compile(r"\*+")
_CUT_CODE = re.compile(r"[0-9]+\*")
_WORD = re.compile(r"[^\W\d_]{3}")
_PLACE = re.compile("^[0-9]*(?:[^0-9]*[省市区县旗州盟])?")
_BEFORE = (
    (re.compile("-(?![0-9]{1,4}(?:号|弄))"), _STAR),
    (re.compile(rf"(?<=\*)(?:{CLASS}|[第楼栋幢座#门房间户]|号(?=[楼栋幢房室*]|$))+"), ""),
)
"""Dashes that may or may not divide a building from a room; and what may belong to a hidden number."""
_ROAD_NUMBER = (
    "(?:大道|大街|公路|胡同|[路街巷弄道里])(?:[0-9]{1,2}段)?[甲乙丙丁]?[0-9]{1,5}(?:-[0-9]{1,4})?号"
)
_AFTER = (
    (re.compile(rf"(?:{CLASS}+[单大门]?|门|第[0-9]*|(?<![0-9])0+)+(?=\*)"), ""),
    (re.compile(rf"({_ROAD_NUMBER})(?=\*|$)|(?<=[0-9a-z])号(?=\*|$)"), rf"\1{_STAR}"),
    (re.compile("(?:[0-9]|(?<=[0-9*])[a-z])$"), rf"\g<0>{_STAR}"),
)
"""Numbers that may go on behind the end; 号 that may be one of 号楼 or 号室; a room that may be called one."""
_BUILDING_ROOM = re.compile("号([0-9]{1,4}|[a-z])栋(?:[0-9]{1,2}单元)?(?:[0-9]{1,3}层)?([0-9]{1,5}[a-z]?)室")


def read(text: str) -> str | None:
    """A cleaned text as a canonical form with `*`, one for each hidden run; None when nothing is hidden."""
    starred = _starred(text)
    if _STAR not in starred:
        return None
    seen, _, hidden = starred.partition(_STAR)
    try:
        # A slash behind a star may end a hidden code.
        head, *others = map(folded, (seen, *_RUN.split(_STAR + hidden.replace("/", _STAR))[1:]))
    except AddressLength:
        return None
    region, rest = _region(head)
    if not rest and not region.endswith("/"):
        others = _beyond_places(others)
    return _RUN.sub(_STAR, region + _certain(_STAR.join((rest, *others)).replace("/", "")))


def hides(text: str) -> bool:
    """Whether a part of an address is hidden; its stars left out, the text would read as another address."""
    return _STAR in _starred(clean(text))


def _starred(text: str) -> str:
    return _SOFT.sub(_STAR, fold_case(text).translate(_HARD))


def _region(head: str) -> tuple[str, str]:
    """The region's code, with a slash when all of it is certain, and what stands behind it."""
    if head.isdigit():
        return "", ""  # a code, a postcode or a house number
    said = split_begun(head)
    return f"{said.code}/" if len(said.code) == 6 else said.code, head[said.end :]


def _beyond_places(pieces: list[str]) -> list[str]:
    """The same without what may name a region: everything in front of the first number, but for the end of its piece."""
    found = []
    numbered = False
    for piece in pieces:
        if not numbered and (is_chinese(piece) or piece.isdigit()):
            piece = _PLACE.sub("", piece)  # noqa: PLW2901
            numbered = any(c.isdigit() for c in piece)
            piece = piece if numbered else ""  # noqa: PLW2901
        found.append(piece)
    return found


def _certain(text: str) -> str:
    """`text` in canonical words, without those that hidden ones may have changed."""
    for pattern, into in _BEFORE:
        text = pattern.sub(into, text)
    text = unified(text)
    if is_chinese(text) or not _WORD.search(text):
        for pattern, into in _AFTER:
            text = pattern.sub(into, text)
    return text


def region(masked: str) -> str | None:
    """The tagged region, or how an address abroad ends; None when it is not certain."""
    code, slash, _ = masked.partition("/")
    if slash:
        return code
    ending = masked[-ENDING:]
    hidden = _STAR in ending or is_chinese(masked) or _CUT_CODE.match(masked)
    return None if hidden or len(ending) < ENDING else ending


def road(masked: str) -> str | None:
    """The tagged road with its number, or the first number of an address abroad; None when it is not certain."""
    head = masked.partition(_STAR)[0]
    if is_chinese(masked) or "/" in head:
        return parts(head).road_number
    number = NUMBER.search(head)
    return number[0] if number and number.end() < len(head) else None


def building(masked: str) -> str | None:
    """The tagged building and room; None when one of them is not certain."""
    found = _BUILDING_ROOM.search(masked)
    return parts(masked.partition(_STAR)[0]).building_room or (f"{found[1]}-{found[2]}" if found else None)
