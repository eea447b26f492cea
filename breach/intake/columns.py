"""Columns recognised by what their cells are, never by what their heading says.

Every cell of a sample is given a kind; a column is of each kind that at least one cell in twenty has (so a column of
mixed phones and e-mails is both). Masked values (`138****1234`) and digests are recognised and counted, but not
matched in this version. Names are recognised, and never looked up: they identify nobody.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from vault.fields import InvalidValue, canonical
from vault.fields.text import clean


class Kind(StrEnum):
    """What a cell is. The first three are the codes of the vault's fields that are looked up."""

    PHONE = "phone"
    EMAIL = "email"
    RESIDENT_ID = "resident_id"
    NAME = "name"
    MASKED = "masked"
    DIGEST = "digest"


IDENTIFIERS = (Kind.PHONE, Kind.EMAIL, Kind.RESIDENT_ID)
_SHARE = 0.05
_NAME_SHARE = 0.5
_MAX_CELL = 320

_PHONE = re.compile(r"'?\(?(?:\+|00)?[0-9][0-9 ()./·\u2010-\u2014_-]{5,24}")
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_EMAIL = re.compile(r"[^\s@,;|]{1,64}@[^\s@,;|]+\.[^\s@.,;|]{2,}")
_RESIDENT_ID = re.compile(r"'?[1-9][0-9 -]{13,20}[0-9Xx]")
_DIGEST = re.compile(r"(?:0x)?(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})")
_MASKED = re.compile(
    r"(?:\+?86)?(?=[0-9*xX●•#?-]{7,24}$)[0-9]{0,7}[*xX●•#?]{2,}[0-9]{0,6}[Xx]?|[^\s@]*[*●•#]{2,}[^\s@]*@[^\s@]+"
)
_NAME = re.compile(
    r"[\u3400-\u9fff]{1,3}[\u3400-\u9fff*·]{1,12}|[^\W\d_]+(?:[ .'\u2019-]{1,2}[^\W\d_]+){1,4}\.?"
)


def kind_of(text: str) -> Kind | None:
    """The kind of one cell, or None for anything else."""
    text = text if text.isascii() and text.isprintable() else clean(text[:_MAX_CELL])
    text = text.strip()
    if not 2 <= len(text) <= _MAX_CELL:
        return None
    if "@" in text:
        return _if(Kind.MASKED, _MASKED, text) or _if_valid(Kind.EMAIL, _EMAIL, text)
    return (
        _if_valid(Kind.RESIDENT_ID, _RESIDENT_ID, text)
        or _if_phone(text)
        or _if(Kind.DIGEST, _DIGEST, text)
        or _if(Kind.MASKED, _MASKED, text)
        or _if(Kind.NAME, _NAME, text)
    )


def _if(kind: Kind, pattern: re.Pattern[str], text: str) -> Kind | None:
    return kind if pattern.fullmatch(text) else None


def _if_valid(kind: Kind, pattern: re.Pattern[str], text: str) -> Kind | None:
    return kind if pattern.fullmatch(text) and _valid(kind, text) else None


def _if_phone(text: str) -> Kind | None:
    """Mobiles and numbers that name their country; other digits are too often not phones at all."""
    if not _PHONE.fullmatch(text):
        return None
    try:
        number = canonical(Kind.PHONE, text)
    except InvalidValue:
        return None
    explicit = text.lstrip("'(").startswith(("+", "00"))
    return Kind.PHONE if explicit or _MOBILE.fullmatch(number) else None


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
        """Positions of the columns to look up, with the kinds each may hold."""
        found = (
            (at, tuple(kind for kind in IDENTIFIERS if kind in kinds)) for at, kinds in enumerate(self.kinds)
        )
        return tuple((at, kinds) for at, kinds in found if kinds)

    @property
    def names(self) -> tuple[int, ...]:
        """Positions of the columns of names."""
        return tuple(at for at, kinds in enumerate(self.kinds) if Kind.NAME in kinds)

    def as_list(self) -> list[list[str]]:
        """The kinds as JSON; headings are left out, they may be anything."""
        return [sorted(kinds) for kinds in self.kinds]


def recognise(sample: Sequence[Sequence[str]], width: int) -> Columns:
    """The columns of a file from a sample of its rows, the first row included."""
    kinds = [[kind_of(cell) for cell in row] for row in sample]
    regular = [row for row in kinds if len(row) == width] or kinds
    heading = len(kinds) > 1 and not set(kinds[0]).intersection(IDENTIFIERS)
    body = regular[1:] or regular if heading else regular
    columns = tuple(_column([row[at] for row in body if at < len(row)]) for at in range(width))
    return Columns(kinds=columns, heading=heading)


def identifier_cells(sample: Sequence[Sequence[str]]) -> int:
    """How many cells of a sample are identifiers: what a wrong separator spoils first."""
    return sum(kind_of(cell) in IDENTIFIERS for row in sample for cell in row)


def _column(cells: Sequence[Kind | None]) -> frozenset[Kind]:
    counts = Counter(cell for cell in cells if cell is not None)
    total = max(len(cells), 1)
    least = max(total * _SHARE, 2 if total >= 20 else 1)
    kinds: set[Kind] = {k for k, count in counts.items() if k is not Kind.NAME and count >= least}
    if not kinds and counts[Kind.NAME] >= total * _NAME_SHARE:
        kinds = {Kind.NAME}
    return frozenset(kinds)
