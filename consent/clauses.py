"""Clauses nobody can agree to, found in the texts of notices and liability terms, with the words that say so.

`findings(text) -> tuple[Finding, ...]`, in the order of the text; empty for a text without any known wording. What
is looked for, and why it cannot stand:

| clause             | law                                                                            |
|--------------------|--------------------------------------------------------------------------------|
| blanket            | consent is to one purpose and named fields (PIPL 6, 14; Regulation 2024 art. 23) |
| implied            | consent is an act of its own, not use, log-in or silence (PIPL 14)             |
| irrevocable        | consent can be taken back at any time (PIPL 15)                                |
| passed on          | each further recipient needs consent of its own (PIPL 23)                      |
| excludes liability | who handles data answers for it (PIPL 69; Civil Code 497, 506)                 |
| limits proven loss | a cap is on the agreed sum alone; proven loss stays (PIPL 69; Civil Code 506)    |

Words are found through spaces, line ends, invisible characters, full-width forms, traditional characters, small capitals,
look-alike letters and letters that are spaced out. A clause that denies what it names ("not for any other purpose") is none. The check reads
for known wordings in English and Chinese: a clean result is not legal advice.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from consent.clause_wordings import WORDINGS, Clause, Wording

__all__ = ["Clause", "Finding", "findings"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A clause and its words, as the text has them."""

    clause: Clause
    words: str


def findings(text: str) -> tuple[Finding, ...]:
    """Every clause of `text` that cannot be agreed to, in its order."""
    plain, places = _plain(text)
    found = sorted((*span, wording.clause) for wording in WORDINGS for span in _matches(wording, plain))
    return tuple(Finding(clause, text[places[start] : places[end - 1] + 1]) for start, end, clause in found)


def _matches(wording: Wording, plain: str) -> Iterator[tuple[int, int]]:
    for found in wording.found.finditer(plain):
        before = _SENTENCE_END.split(plain[max(0, found.start() - _REACH) : found.start()])[-1]
        if not wording.denied.search(before):
            yield found.span()


def _plain(text: str) -> tuple[str, list[int]]:
    """The text as it reads, in lower case, and for each of its characters the place it has in `text`."""
    plain: list[str] = []
    places: list[int] = []
    between = {run.start() + at for run in _SPACED.finditer(text) for at in range(1, len(run[0]), 2)}
    for at, raw in enumerate(text):
        if at in between:
            continue
        for char in unicodedata.normalize("NFKC", raw).lower():
            if unicodedata.category(char) in {"Cf", "Mn"}:
                continue
            shown = " " if char.isspace() else _AS_READ.get(char, char)
            if shown == " " and (not plain or plain[-1] == " " or _HAN.match(plain[-1])):
                continue
            if _HAN.match(shown) and plain and plain[-1] == " ":
                plain.pop()
                places.pop()
            plain.append(shown)
            places.append(at)
    return "".join(plain), places


_HAN = re.compile(r"[\u3400-\u9fff]")
_LOOK_ALIKE: Final[Mapping[str, str]] = dict(
    zip("аеорсухіјѕһԁԛԝкмнтвαορνι\u2019\u02bc", "aeopcyxijshdqwkmhtbaopvi''", strict=True)
)
"""Cyrillic and Greek letters that look like Latin ones, and the apostrophes that look like ours."""

_SMALL_CAPITALS: Final[Mapping[str, str]] = dict(
    zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz", strict=True)
)
"""Letters of phonetic alphabets, which Unicode does not take for the Latin ones they are read as; there is none for x."""

_SIMPLIFIED: Final[Mapping[str, str]] = dict(
    zip(
        "銷擔責賠償無論權轉讓關聯夥給與個資數據訊點擊視為爲認預選對損負終許廣經總額過後會將從絕僅們訴訟棄業務變單獨須隨"
        "處買賣讀內團屬該當徹體現據實際壞結發還應條約說確釋歸費範圍於",
        "销担责赔偿无论权转让关联伙给与个资数据讯点击视为为认预选对损负终许广经总额过后会将从绝仅们诉讼弃业务变单独须随"
        "处买卖读内团属该当彻体现据实际坏结发还应条约说确释归费范围于",
        strict=True,
    )
)
"""The traditional characters of the wordings, as mainland China writes them."""

_AS_READ: Final[Mapping[str, str]] = {**_LOOK_ALIKE, **_SMALL_CAPITALS, **_SIMPLIFIED}

_SPACED: Final = re.compile(r"(?<!\w)[^\W\d_](?:[ \u00a0.·*_-][^\W\d_](?!\w))+")
"""Single letters, each apart from the next by one mark: a word is read there. Two marks end it."""

_REACH: Final = 200
"""How far before a clause what denies it may stand, in characters."""

_SENTENCE_END = re.compile(r"[.;!?。;!?]")
