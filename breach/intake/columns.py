"""Columns recognised by what their cells are, never by what their heading says.

Every cell of a sample is given a kind; a column is of each kind that at least one cell in twenty has (so a
column of mixed phones and e-mails is both). Of numbers that look alike the one with a check digit is tried
first: resident IDs, then phones, then bank cards (Luhn, and the first digit of a payment scheme). A passport is
one that China issues, with its letters: other states' numbers look like anything. Masked values (`138****1234`,
`z***@qq.com`, `1990-**-**`) are one kind, whatever they are of. Names and addresses are recognised, and help
masked values only: by themselves they identify nobody. Whole dates are not: nobody can tell a birthday from any
other day. Times of a day and coordinates are told of a column that is nothing else, and help nobody.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from vault.fields import InvalidValue, bank_card, canonical, coordinates, moment, passport
from vault.fields.moment import Precision
from vault.fields.text import clean


class Kind(StrEnum):
    """What a cell is. The first six are the codes of the vault's fields that are looked up."""

    PHONE = "phone"
    EMAIL = "email"
    RESIDENT_ID = "resident_id"
    BANK_CARD = "bank_card"
    PASSPORT = "passport"
    PLATE = "plate"
    NAME = "name"
    ADDRESS = "address"
    MASKED = "masked"
    DIGEST = "digest"
    MOMENT = "moment"
    COORDINATES = "coordinates"


IDENTIFIERS = (Kind.PHONE, Kind.EMAIL, Kind.RESIDENT_ID, Kind.BANK_CARD, Kind.PASSPORT, Kind.PLATE)
LOOKED_UP = frozenset((*IDENTIFIERS, Kind.DIGEST, Kind.MASKED))
"""Kinds of cells that may tell whom a row is about."""

HELPERS = (Kind.NAME, Kind.ADDRESS)
MEASURED = frozenset((Kind.MOMENT, Kind.COORDINATES))
"""Told of columns and looked at nowhere: whose a time or a place is, the rest of the row says."""

_SHARE = 0.05
_HELPER_SHARE = 0.5
_MAX_CELL = 320
_MAX_RAW = 1_000

_PHONE = re.compile(r"'?\(?(?:\+|00)?[0-9][0-9 ()./·\u2010-\u2014_-]{5,24}")
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_NO_DIGIT = re.compile(r"[^0-9]+")
_EMAIL = re.compile(r"[^\s@,;|]{1,64}@[^\s@,;|]+\.[^\s@.,;|]{2,}")
_RESIDENT_ID = re.compile(r"'?[1-9][0-9 -]{13,20}[0-9Xx]")
_BANK_CARD = re.compile(r"'?[3-6](?:[ -]?[0-9]){13,18}")
_PASSPORT = re.compile(r"[A-Za-z]{1,2}[0-9]{7,8}")
_PLATE = re.compile(r"[\u4e00-\u9fff][A-Za-z][ ·•.-]?[A-Za-z0-9]{4,6}[\u4e00-\u9fff]?")
_HEX = r"[0-9A-Fa-f]"
_BASE64 = r"[A-Za-z0-9+/_-]"
_MIXED = r"(?=.*[0-9])(?=.*[a-z])(?=.*[A-Z])"
_DIGEST = re.compile(
    rf"(?:0x|\\x|\{{[A-Za-z0-9-]{{2,10}}\}}|(?:md5|sha1|sha256|sm3)[:$])?"
    rf"(?:(?:{_HEX}{{8}}){{4,5}}|{_HEX}{{56}}|{_HEX}{{64}}|{_HEX}{{96}}|{_HEX}{{128}}|"
    rf"{_BASE64}{{22}}==|{_BASE64}{{27}}=|{_BASE64}{{43}}=|"
    rf"{_MIXED}(?:{_BASE64}{{22}}|{_BASE64}{{27}}|{_BASE64}{{43}}))"
)
_SALTED = re.compile(
    r"\$(?:2[abxy]?|1|5|6|7|y|argon2[a-z]*|scrypt|pbkdf2[a-z0-9-]*)\$[!-~]{8,200}|"
    r"pbkdf2_sha(?:1|256|512)\$[!-~]{8,200}|\{SS(?:HA|MD5)[0-9]{0,3}\}[!-~]{8,200}"
)
_STAR = "[*●•○#?]"
_MASKED = re.compile(
    rf"(?:\+?86[ -]?)?(?=[0-9*xX●•○#? -]{{7,24}}$)[0-9]{{0,7}}[ -]?(?:{_STAR}|[xX]){{2,}}[ -]?[0-9]{{0,6}}[Xx]?|"
    rf"[^\s@,;|]*{_STAR}{{2,}}[^\s@,;|]*@[^\s@,;|]+|"
    rf"(?:19|20)[0-9]{{2}}[-/.年](?:[0-9]{{2}}|{_STAR}{{2}})[-/.月]{_STAR}{{2}}日?|"
    rf"[A-Za-z]{{1,2}}[0-9]{{0,5}}{_STAR}{{2,}}[0-9]{{2,5}}|"
    rf"[\u4e00-\u9fff][A-Za-z](?=.{{5,6}}$)[A-Za-z0-9]{{0,3}}{_STAR}{{2,}}[A-Za-z0-9]{{1,4}}"
)
STARS = re.compile(r"[*\u25cf\u2022#\uff0a]{2}")
"""What hides characters, where the rest of a text may be shaped like a whole value."""

_MOMENT = re.compile(r"'?[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?P<more>.*)")
_OFFSET = re.compile(r"[Zz]|UTC|[+-][0-9]{2}")
_HAN = "\u3400-\u9fff"
_ADDRESS = re.compile(
    rf"(?=.*[省市区县旗州盟镇乡])(?=.*[路街道巷弄号村楼栋幢室])[{_HAN}A-Za-z0-9*●•#() -]{{6,100}}"
)
_NAME = re.compile(
    rf"[{_HAN}]{{1,3}}[{_HAN}*·]{{1,12}}|[*●•]{{1,2}}[{_HAN}]{{1,3}}|"
    r"[^\W\d_]+(?:[ .'\u2019-]{1,2}[^\W\d_]+){1,4}\.?"
)


def kind_of(text: str) -> Kind | None:
    """The kind of one cell, or None for anything else."""
    text = seen(text)
    if not 2 <= len(text) <= _MAX_CELL:
        return None
    if "@" in text:
        return _if(Kind.MASKED, _MASKED, text) or _if_valid(Kind.EMAIL, _EMAIL, text)
    return (
        _if_valid(Kind.RESIDENT_ID, _RESIDENT_ID, text)
        or _if_phone(text)
        or _if_card(text)
        or _if(Kind.DIGEST, _DIGEST, text)
        or _if(Kind.DIGEST, _SALTED, text)
        or _if_passport(text)
        or _if_valid(Kind.PLATE, _PLATE, text)
        or _if(Kind.MASKED, _MASKED, text)
        or _if(Kind.ADDRESS, _ADDRESS, text)
        or _if(Kind.NAME, _NAME, text)
    )


def seen(text: str) -> str:
    """What is looked at of a cell to tell its kind: without what is invisible, and nothing of one without end."""
    text = text if text.isascii() and text.isprintable() else clean(text) if len(text) <= _MAX_RAW else ""
    return text.strip()


def identifier(kind: Kind, text: str) -> str:
    """The canonical form of a cell whose `kind_of` is this identifier."""
    return canonical(kind, seen(text))


def _if(kind: Kind, pattern: re.Pattern[str], text: str) -> Kind | None:
    return kind if pattern.fullmatch(text) else None


def _if_valid(kind: Kind, pattern: re.Pattern[str], text: str) -> Kind | None:
    return kind if pattern.fullmatch(text) and _valid(kind, text) else None


def _if_phone(text: str) -> Kind | None:
    """Mobiles and numbers that name their country; other digits are too often not phones at all."""
    if not _PHONE.fullmatch(text):
        return None
    explicit = text.lstrip("'(").startswith(("+", "00"))
    # Dates and amounts have this shape too, and asking the numbering plan about each takes twenty times as long.
    if not explicit and not _MOBILE.search(_NO_DIGIT.sub("", text)):
        return None
    try:
        number = canonical(Kind.PHONE, text)
    except InvalidValue:
        return None
    return Kind.PHONE if explicit or _MOBILE.fullmatch(number) else None


def _if_card(text: str) -> Kind | None:
    if not _BANK_CARD.fullmatch(text) or not _valid(Kind.BANK_CARD, text):
        return None
    return Kind.BANK_CARD if bank_card.passes(canonical(Kind.BANK_CARD, text)) else None


def _if_passport(text: str) -> Kind | None:
    if not _PASSPORT.fullmatch(text) or not _valid(Kind.PASSPORT, text):
        return None
    return Kind.PASSPORT if passport.is_chinese(canonical(Kind.PASSPORT, text)) else None


def measured(text: str) -> Kind | None:
    """A time of a day, with its offset or without, or two numbers that are a place."""
    text = seen(text)
    when = _MOMENT.fullmatch(text)
    try:
        if when is not None:
            moment.canonical(text if _OFFSET.search(when["more"]) else f"{text}Z", Precision.SECOND)
            return Kind.MOMENT
        if text.count(".") == 2:
            coordinates.canonical(text, coordinates.DECIMALS[-1])
            return Kind.COORDINATES
    except InvalidValue:
        return None
    return None


def _valid(kind: Kind, text: str) -> bool:
    try:
        canonical(kind, text)
    except InvalidValue:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What the columns of a file are: `kinds[i]` for the i-th, and whether its first row is a heading."""

    kinds: tuple[frozenset[Kind], ...]
    heading: bool

    @property
    def identifiers(self) -> tuple[tuple[int, tuple[Kind, ...]], ...]:
        """Positions of the columns to look up, with the kinds of whole values each holds, if any."""
        return tuple(
            (at, tuple(kind for kind in IDENTIFIERS if kind in kinds))
            for at, kinds in enumerate(self.kinds)
            if kinds & LOOKED_UP
        )

    @property
    def helpers(self) -> tuple[tuple[int, Kind], ...]:
        """Positions of the columns of names and of addresses: the kind is the code of the vault's field."""
        return tuple((at, kind) for at, kinds in enumerate(self.kinds) for kind in HELPERS if kind in kinds)

    @classmethod
    def from_list(cls, kinds: Sequence[Sequence[str]], *, heading: bool) -> "Columns":
        """The columns that `as_list` wrote; raises ValueError for unknown kinds."""
        return cls(kinds=tuple(frozenset(map(Kind, one)) for one in kinds), heading=heading)

    def as_list(self) -> list[list[str]]:
        """The kinds as JSON; headings are left out, they may be anything."""
        return [sorted(kinds) for kinds in self.kinds]


def recognise(sample: Sequence[Sequence[str]], width: int, *, headed: bool = True) -> Columns:
    """The columns of a file from a sample of its rows, the first row included.

    `headed`: the first row may be a heading, and is one when it holds no identifier.
    """
    kinds = [[kind_of(cell) or measured(cell) for cell in row] for row in sample]
    regular = [row for row in kinds if len(row) == width] or kinds
    heading = headed and len(kinds) > 1 and not LOOKED_UP.intersection(kinds[0])
    body = regular[1:] or regular if heading else regular
    columns = tuple(_column([row[at] for row in body if at < len(row)]) for at in range(width))
    return Columns(kinds=columns, heading=heading)


def identifier_cells(sample: Sequence[Sequence[str]]) -> int:
    """How many cells of a sample may tell whom a row is about: what a wrong separator spoils first."""
    return sum(kind_of(cell) in LOOKED_UP for row in sample for cell in row)


def _column(cells: Sequence[Kind | None]) -> frozenset[Kind]:
    counts = Counter(cell for cell in cells if cell is not None)
    total = max(len(cells), 1)
    least = max(total * _SHARE, 2 if total >= 20 else 1)
    telling = (*HELPERS, *MEASURED)
    kinds: set[Kind] = {k for k, count in counts.items() if k not in telling and count >= least}
    if not kinds:
        kinds = {k for k in telling if counts[k] >= total * _HELPER_SHARE}
    return frozenset(kinds)
