"""Blocks of rows as every reader gives them, and the columns of rows that come from several tables at once.

A block is what is matched and committed together. It is made of parts; the rows of a part have one layout, and its
columns are recognised from these rows themselves, block by block, so that a table that changes on the way is read as
what it is. Parts of few rows, and rows that fit no layout, are loose: every cell of theirs is looked at by itself. So
is a row whose identifier stands in a column that has hardly any: no identifier is passed over for its company. What
the texts of a row mention (a remark, a note) is a row of its own, because it may be about somebody else.
"""

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from breach.intake.columns import LOOKED_UP, Columns, kind_of, recognise
from breach.intake.mentions import may_mention, mentioned
from breach.intake.tally import Tally

LOOSE = Columns(kinds=(), heading=False)
"""The columns of rows without a layout: no row has their width, so every cell is looked at."""

_STRAY = re.compile(r"^\s*+(?:[^\s@]++@[^\s@]+\.[^\s@]+|\+?[0-9][0-9 ()-]{9,22}[0-9Xx])\s*$", re.MULTILINE)
_FEW = 40
_SAMPLE = 300
_LAYOUTS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows of one layout, without headings."""

    columns: Columns
    rows: list[list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Parts that are matched together.

    `rows`: rows of the dump given so far, those of this block included. `mark`: what reading can go on from behind
    this block, `at` (bytes) and `tally`; empty where it cannot.
    """

    parts: tuple[Part, ...]
    rows: int
    mark: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Gathered:
    """Rows on their way into a block, by layout: any value that tells one table's rows from another's."""

    count: int = 0
    _rows: dict[Hashable, list[list[str]]] = field(default_factory=dict)
    _loose: list[list[str]] = field(default_factory=list)

    def add(self, layout: Hashable, rows: Iterable[list[str]]) -> None:
        """Add rows that all have as many cells as each other."""
        kept = self._rows.get(layout)
        if kept is None:
            kept = self._rows[layout] = [] if len(self._rows) < _LAYOUTS else self._loose
        before = len(kept)
        kept.extend(rows)
        self.count += len(kept) - before

    def add_loose(self, rows: list[list[str]]) -> None:
        """Add rows of any number of cells."""
        self._loose.extend(rows)
        self.count += len(rows)

    def parts(self, tally: Tally) -> tuple[Part, ...]:
        """What was gathered, as parts; nothing is held afterwards."""
        full = [rows for rows in self._rows.values() if rows is not self._loose and len(rows) >= _FEW]
        few = [
            row
            for rows in self._rows.values()
            if rows is not self._loose and len(rows) < _FEW
            for row in rows
        ]
        loose = few + self._loose
        self._rows, self._loose, self.count = {}, [], 0
        made = [part for rows in full for part in parts_of(columns_of(rows), rows, tally)]
        return (*made, *loose_parts(loose, tally))


def parts_of(columns: Columns, rows: list[list[str]], tally: Tally) -> tuple[Part, ...]:
    """Rows of one layout as parts: those with an identifier outside the columns of identifiers are loose.

    What the cells of other columns mention is counted into `tally` as rows. Rows of another width, which are read cell
    by cell, are searched in every cell.
    """
    width = len(columns.kinds)
    known = {at for at, _ in columns.identifiers}
    strays: set[int] = set()
    texts: dict[int, list[str]] = {}
    for at in (at for at in range(width) if at not in known):
        cells = [row[at] if len(row) == width else "" for row in rows]
        together = "\n".join(cells)
        if _STRAY.search(together):
            strays.update(_strays(cells))
        if may_mention(together):
            for number, cell in enumerate(cells):
                texts.setdefault(number, []).append(cell)
    texts.update({number: row for number, row in enumerate(rows) if len(row) != width})
    regular = [row for at, row in enumerate(rows) if at not in strays] if strays else rows
    loose = [rows[at] for at in sorted(strays)]
    loose += _mentions((texts[at] for at in sorted(texts)), tally)
    made = Part(columns=columns, rows=regular)
    return (made, Part(columns=LOOSE, rows=loose)) if loose else (made,)


def loose_parts(rows: list[list[str]], tally: Tally) -> tuple[Part, ...]:
    """Rows without a layout as parts: none, or one that also holds what their cells mention."""
    found = rows + _mentions(rows, tally)
    return (Part(columns=LOOSE, rows=found),) if found else ()


def _mentions(rows: Iterable[list[str]], tally: Tally) -> list[list[str]]:
    """What the texts of each row mention, as rows that are counted."""
    made = [found for row in rows if (found := [one for cell in row for one in mentioned(cell)])]
    tally.mentions += len(made)
    tally.rows += len(made)
    return made


def _strays(cells: list[str]) -> Iterator[int]:
    if _STRAY.search("\n".join(cells)):
        for at, cell in enumerate(cells):
            if _STRAY.match(cell) and kind_of(cell) in LOOKED_UP:
                yield at


def columns_of(rows: list[list[str]]) -> Columns:
    """The columns of rows of one layout, from a sample spread over all of them."""
    step = max(len(rows) // _SAMPLE, 1)
    return recognise(rows[::step], len(rows[0]), headed=False)
