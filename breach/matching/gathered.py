"""Sheets matched together: their tags looked for in the index at once, and the rows that hit fetched and
matched one by one.

A join goes through the index once, so it is asked for millions of rows at a time; of these only tags are held,
eight bytes each. The rows themselves are read again from the dump where they stand, and only if they hit.
Blocks that come in between wait for their turn: what is committed is always all that was read up to some row.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import batched
from typing import Any, Final

import numpy as np
import polars as pl
from sqlalchemy import Connection

from breach.intake.parts import Block, Part
from breach.intake.sheets import Sheet, Window
from breach.intake.source import Source
from breach.matching.cells import Cells
from breach.matching.rows import Found
from vault.tag_index.in_columns import forms_of, tags_of
from vault.tag_index.sieve import Sieve
from vault.tags.making import IndexKeys
from vault.tags.sketch import SIZE

MOST_TAGS: Final = 8_000_000
"""Tags of a round: 64 MiB, and as much again five times over while they are joined. Rows that agree are held as well."""

MOST_BLOCKS: Final = 16
"""Blocks that may wait within a round."""

_BATCH: Final = 20_000
_LINE_FEED: Final = 0x0A
_COUNTED = ("rows", "looked_up", "recognised_only", "unreadable")

type Tags = tuple[tuple[str, pl.Series], ...]
"""Columns of a sheet: the code of the field, and a tag for each plain row, or null."""


@dataclass(slots=True)
class Gathered:
    """What is matched and committed together; `rows`: rows of the dump given so far, those of this included."""

    sheets: list[tuple[Sheet, Tags]] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    held: int = 0
    rows: int = 0
    mark: Mapping[str, Any] = field(default_factory=dict)

    def add(self, sheet: Sheet, tags: Tags) -> None:
        """Take a sheet in; of its texts nothing is kept."""
        self.sheets.append((sheet, tags))
        self.held += sum(len(column) for _, column in tags)
        self.rows, self.mark = sheet.rows, sheet.mark

    def add_block(self, block: Block) -> None:
        """Take in a block that lies behind these sheets."""
        self.blocks.append(block)
        self.rows, self.mark = block.rows, {}

    @property
    def full(self) -> bool:
        return self.held >= MOST_TAGS or len(self.blocks) >= MOST_BLOCKS


def gather(read: Iterable[Block | Sheet], keys: IndexKeys) -> Iterator[Block | Gathered]:
    """Sheets in rounds, with the blocks that come in between; before the first sheet, blocks as they are."""
    gathered = Gathered()
    for one in read:
        if isinstance(one, Sheet):
            tags = tuple((kind.value, tags_of(keys, kind.value, forms_of(text))) for kind, text in one.texts)
            gathered.add(replace(one, texts=()), tags)
        elif gathered.sheets:
            gathered.add_block(one)
        else:
            yield one
        if gathered.full:
            yield gathered
            gathered = Gathered()
    if gathered.sheets:
        yield gathered


type ByRow = Callable[[Connection, Part, Cells | None], Found]
"""Matches a part row by row, counting into the cells given or, without, into those of the dump."""


class SheetMatcher:
    """Matches rounds of one dump, whose bytes are `source`."""

    def __init__(self, source: Source, sieve: Sieve, cells: Cells, by_row: ByRow) -> None:
        self._source = source
        self._sieve = sieve
        self._cells = cells
        self._by_row = by_row

    def match(self, conn: Connection, gathered: Gathered) -> Found:
        """What a round shows; `conn` reads the vault's data base."""
        found = Found({}, {}, [], [], [], set(), _smallest(gathered))
        for part in self._hits(gathered):
            cells = Cells()
            found.add(self._by_row(conn, part, cells))
            _add_what_rows_told(self._cells, cells)
        for sheet, _ in gathered.sheets:
            self._count(sheet)
            for parts in sheet.apart:
                for part in parts:
                    found.add(self._by_row(conn, part, None))
        for block in gathered.blocks:
            for part in block.parts:
                found.add(self._by_row(conn, part, None))
        return found

    def _count(self, sheet: Sheet) -> None:
        self._cells.rows += sheet.plain
        self._cells.looked_up += sheet.looked_up
        self._cells.unreadable += sheet.unreadable
        for kind, count in sheet.recognised_only.items():
            self._cells.recognised_only[kind] += count

    def _hits(self, gathered: Gathered) -> Iterator[Part]:
        """The plain rows of which any identifier may be known, as they stand in the dump."""
        for (sheet, _), numbers in zip(gathered.sheets, self._numbers(gathered.sheets), strict=True):
            rows = [
                row for window, places in sheet.places() for row in self._rows(sheet, window, places, numbers)
            ]
            for batch in batched(rows, _BATCH):
                yield Part(columns=sheet.columns, rows=list(batch))

    def _numbers(self, sheets: Sequence[tuple[Sheet, Tags]]) -> list[pl.Series]:
        """For each sheet the numbers of its plain rows that hit, in order."""
        found: list[list[pl.Series]] = [[pl.Series(dtype=pl.UInt32)] for _ in sheets]
        for code in sorted({code for _, tags in sheets for code, _ in tags}):
            owners = [
                (at, column) for at, (_, tags) in enumerate(sheets) for one, column in tags if one == code
            ]
            known = self._sieve.known(code, pl.concat([column for _, column in owners]))
            for at, column in owners if len(known) else ():
                found[at].append(column.is_in(known.implode()).fill_null(value=False).arg_true())
        return [pl.concat(numbers).unique().sort() for numbers in found]

    def _rows(self, sheet: Sheet, window: Window, places: range, numbers: pl.Series) -> Iterator[list[str]]:
        first, last = (numbers.search_sorted(end, side="left") for end in (places.start, places.stop))
        if first == last:
            return
        raw = self._source.read(window.at, window.size)
        # In no encoding of a window is this byte a part of anything else; lines that do not hit are not looked at.
        ends = np.flatnonzero(np.frombuffer(raw, np.uint8) == _LINE_FEED)
        starts, stops = np.append(0, ends + 1), np.append(ends, len(raw))
        plain = np.delete(np.arange(window.lines), window.apart)
        for number in plain[numbers[first:last].to_numpy() - places.start]:
            line = raw[starts[number] : stops[number]].decode(window.encoding).removesuffix("\r")
            yield [line] if sheet.delimiter is None else line.split(sheet.delimiter)


def _smallest(gathered: Gathered) -> list[int]:
    """As many of the smallest tags as a sample can take."""
    columns = [column.drop_nulls().bottom_k(SIZE) for _, tags in gathered.sheets for _, column in tags]
    return pl.concat(columns).unique().bottom_k(SIZE).to_list() if columns else []


def _add_what_rows_told(cells: Cells, more: Cells) -> None:
    """Add the counts of rows that had been counted as plain ones already: all but those."""
    for one in fields(Cells):
        if one.name not in _COUNTED:
            setattr(cells, one.name, getattr(cells, one.name) + getattr(more, one.name))
