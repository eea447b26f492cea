"""Sheets: what the parser tells of many windows of delimited text at once, for matching in columns.

A sheet covers whole windows (`lines`). Its plain rows are given only by their identifiers, a text for each
column and kind with a line for each row, empty where a row has none; where the rows themselves stand is known
from the windows. All other rows of its windows (`apart`) are given as they are, window by window, to be matched
one by one.

| offset | length | meaning                                                                     |
|--------|--------|-----------------------------------------------------------------------------|
| 0      | 1      | version, 1                                                                  |
| 1      | 4      | length n of the head, big-endian                                            |
| 5      | n      | head, JSON: everything but the texts, and of these the kinds and lengths    |
| 5 + n  | ...    | the texts one after the other, UTF-8                                        |
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

from breach.intake.columns import Columns, Kind
from breach.intake.parts import Part

VERSION = 1


@dataclass(frozen=True, slots=True)
class Window:
    """Whole lines of a dump: `at` and `size` in bytes, `encoding`, and which of its `lines` (from 0) are `apart`."""

    at: int
    size: int
    encoding: str
    lines: int
    apart: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Windows in columns.

    `texts`: kind and text of each column of identifiers. `plain`: the number of plain rows, of which `looked_up`,
    `unreadable` and `recognised_only` count the cells as matching them one by one would. `apart`: a list of parts for
    each window that has any. `rows`: rows of the dump given so far, those of this sheet included. `mark`: what
    reading can go on from behind this sheet, `at` and `tally`; empty where it cannot.
    """

    columns: Columns
    delimiter: str | None
    windows: tuple[Window, ...]
    texts: tuple[tuple[Kind, bytes], ...]
    plain: int
    looked_up: Counter[str]
    recognised_only: Counter[str]
    unreadable: int
    apart: tuple[tuple[Part, ...], ...]
    rows: int
    mark: Mapping[str, Any] = field(default_factory=dict)

    def places(self) -> Iterator[tuple[Window, range]]:
        """Every window with the numbers (from 0) of its plain rows among those of the sheet."""
        ends = accumulate((window.lines - len(window.apart) for window in self.windows), initial=0)
        return zip(self.windows, (range(*pair) for pair in pairwise(ends)), strict=True)


def pack(sheet: Sheet) -> bytes:
    """The bytes of a sheet."""
    head = {
        "columns": sheet.columns.as_list(),
        "delimiter": sheet.delimiter,
        "windows": [[w.at, w.size, w.encoding, w.lines, w.apart] for w in sheet.windows],
        "texts": [[kind.value, len(text)] for kind, text in sheet.texts],
        "plain": sheet.plain,
        "looked_up": sheet.looked_up,
        "recognised_only": sheet.recognised_only,
        "unreadable": sheet.unreadable,
        "apart": [[[part.columns.as_list(), part.rows] for part in parts] for parts in sheet.apart],
        "rows": sheet.rows,
        "mark": sheet.mark,
    }
    raw = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
    return b"".join([bytes((VERSION,)), len(raw).to_bytes(4), raw, *(text for _, text in sheet.texts)])


def unpack(data: bytes) -> Sheet:
    """The sheet of these bytes; raises TypeError, ValueError or KeyError unless it is one through and through."""
    if data[:1] != bytes((VERSION,)):
        raise ValueError("no sheet of this version")
    start = 5 + int.from_bytes(data[1:5])
    head = json.loads(data[5:start])
    windows = tuple(
        Window(int(at), int(size), str(encoding), int(lines), tuple(map(int, apart)))
        for at, size, encoding, lines, apart in head["windows"]
    )
    sheet = Sheet(
        columns=Columns.from_list(head["columns"], heading=False),
        delimiter=head["delimiter"] and str(head["delimiter"]),
        windows=windows,
        texts=tuple(_texts(head["texts"], data, start)),
        plain=int(head["plain"]),
        looked_up=Counter({Kind(kind).value: int(count) for kind, count in head["looked_up"].items()}),
        recognised_only=Counter(
            {Kind(kind).value: int(count) for kind, count in head["recognised_only"].items()}
        ),
        unreadable=int(head["unreadable"]),
        apart=tuple(
            tuple(Part(columns=Columns.from_list(k, heading=False), rows=_rows(rows)) for k, rows in parts)
            for parts in head["apart"]
        ),
        rows=int(head["rows"]),
        mark=dict(head["mark"]),
    )
    if sheet.plain != sum(window.lines - len(window.apart) for window in windows):
        raise ValueError("a sheet that does not add up")
    return sheet


def _texts(lengths: list[list[Any]], data: bytes, start: int) -> Iterator[tuple[Kind, bytes]]:
    for kind, length in lengths:
        yield Kind(kind), data[start : start + int(length)]
        start += int(length)
    if start != len(data):
        raise ValueError("a sheet of another length")


def _rows(rows: list[list[str]]) -> list[list[str]]:
    for row in rows:
        "".join(row).encode()  # raises for a cell that is no text, or half a character
    return [list(row) for row in rows]
