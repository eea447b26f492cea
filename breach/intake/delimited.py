"""Rows out of lines: separators `, tab ; |` with quotes after RFC 4180, and `----` without.

Damage is tolerated and counted, never guessed at in silence. A quoted cell may hold line breaks, but only when the
record closes properly within 50 lines, has the file's width, and none of its further lines is by itself a row with an
identifier; otherwise its first line is read as plain text (`mended`) and the following lines stand on their own, so
one stray quote can never swallow its neighbours.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence

from breach.intake.columns import IDENTIFIERS, Columns, kind_of
from breach.intake.parts import Block, parts_of
from breach.intake.tally import Reason, Tally

MAX_RECORD_LINES = 50
QUOTE = '"'
_STILL_OPEN = "unexpected end of data"


def blocks(
    lines: Iterable[Sequence[str]], delimiter: str | None, columns: Columns, tally: Tally
) -> Iterator[Block]:
    """The rows of delimited text, block by block of lines, without the heading."""
    heading = columns.heading
    reader = LineReader(delimiter, len(columns.kinds), tally)
    for batch in _read(reader, lines):
        body = batch[1:] if heading and batch else batch
        heading = heading and not batch
        if batch:
            parts = parts_of(columns, body, tally)
            yield Block(parts=parts, rows=tally.rows, mark={} if reader.waiting else tally.mark())


def rows(
    blocks: Iterable[Sequence[str]], delimiter: str | None, width: int, tally: Tally
) -> Iterator[list[list[str]]]:
    """Batches of rows (lists of cells), one per block of lines.

    `delimiter` None: one column, the line is the cell. `width` is the usual number of cells; rows of another
    width are given as they are and counted as ragged.
    """
    return _read(LineReader(delimiter, width, tally), blocks)


def _read(reader: "LineReader", blocks: Iterable[Sequence[str]]) -> Iterator[list[list[str]]]:
    for lines in blocks:
        yield reader.read(lines)
    yield reader.rest()


class LineReader:
    """Makes rows of blocks of lines, one block after the other; counts them."""

    def __init__(self, delimiter: str | None, width: int, tally: Tally) -> None:
        self._reader = _QuotedReader(delimiter, width, tally)
        self._delimiter = delimiter
        self._width = width
        self._tally = tally

    @property
    def waiting(self) -> bool:
        """Whether a row has begun whose quotes are still open."""
        return bool(self._reader.waiting)

    @property
    def quotes(self) -> bool:
        """Whether quotes mean anything here."""
        return self._reader.quotes

    def read(self, lines: Sequence[str]) -> list[list[str]]:
        """The rows that end within these lines."""
        if self.waiting or (self._reader.quotes and any(QUOTE in line for line in lines)):
            batch = self._reader.read(lines)
        else:
            batch = _plain(lines, self._delimiter, self._tally)
        return _counted(batch, self._width, self._tally)

    def rest(self) -> list[list[str]]:
        """The rows of what was still waiting when the file ended."""
        return _counted(self._reader.drain(), self._width, self._tally)


def _plain(lines: Sequence[str], delimiter: str | None, tally: Tally) -> list[list[str]]:
    filled = [line for line in lines if line and not line.isspace()]
    if len(filled) < len(lines):
        tally.left(Reason.BLANK, [line for line in lines if not line or line.isspace()])
    tally.taken(filled)
    if delimiter is None:
        return [[line] for line in filled]
    return [line.split(delimiter) for line in filled]


def _counted(batch: list[list[str]], width: int, tally: Tally) -> list[list[str]]:
    tally.parsed += len(batch)
    tally.rows += len(batch)
    tally.ragged += sum(len(row) != width for row in batch)
    return batch


class _QuotedReader:
    """Reads lines that may hold quotes; owns the lines of a record that has not closed yet."""

    def __init__(self, delimiter: str | None, width: int, tally: Tally) -> None:
        self.waiting: list[str] = []
        self.quotes = delimiter is None or len(delimiter) == 1
        self._delimiter = delimiter
        # A file of one column is read with a separator that does not occur in text.
        self._separator = delimiter if delimiter and len(delimiter) == 1 else "\x1f"
        self._width = width
        self._tally = tally

    def read(self, lines: Sequence[str]) -> list[list[str]]:
        """The rows that close within `lines`."""
        batch: list[list[str]] = []
        todo = list(reversed(lines))
        while todo:
            self._take(todo, batch)
        return batch

    def drain(self) -> list[list[str]]:
        """The rows of what was still waiting when the file ended."""
        batch: list[list[str]] = []
        while self.waiting:
            todo: list[str] = []
            self._give_up(todo, batch)
            while todo:
                self._take(todo, batch)
        return batch

    def _take(self, todo: list[str], batch: list[list[str]]) -> None:
        line = todo.pop()
        if self.waiting:
            self.waiting.append(line)
            self._continue(line, todo, batch)
        elif not line or line.isspace():
            self._tally.left(Reason.BLANK, [line])
        elif QUOTE not in line:
            self._tally.taken([line])
            batch.append([line] if self._delimiter is None else line.split(self._delimiter))
        else:
            self._open(line, batch)

    def _open(self, line: str, batch: list[list[str]]) -> None:
        row = self._strict([line])
        if row is None:
            self._mend(line, batch)
        elif row:
            self._tally.taken([line])
            batch.append(row)
        else:
            self.waiting = [line]

    def _continue(self, line: str, todo: list[str], batch: list[list[str]]) -> None:
        row = self._strict(self.waiting) if QUOTE in line else []
        if row and len(row) == self._width and not any(map(self._stands_alone, self.waiting[1:])):
            batch.append(row)
            self._tally.continuation += len(self.waiting) - 1
            self._tally.taken(self.waiting)
            self.waiting = []
        elif row is None or row or len(self.waiting) >= MAX_RECORD_LINES:
            self._give_up(todo, batch)

    def _give_up(self, todo: list[str], batch: list[list[str]]) -> None:
        """Read the first waiting line as plain text and put the others back to be read afresh."""
        first, *others = self.waiting
        self.waiting = []
        todo.extend(reversed(others))
        self._mend(first, batch)

    def _stands_alone(self, line: str) -> bool:
        cells = self._cells(line)
        return len(cells) == self._width and any(kind_of(cell) in IDENTIFIERS for cell in cells)

    def _mend(self, line: str, batch: list[list[str]]) -> None:
        self._tally.mended += 1
        self._tally.taken([line])
        batch.append(self._cells(line))

    def _cells(self, line: str) -> list[str]:
        cells = [line] if self._delimiter is None else line.split(self._delimiter)
        return [cell.strip(QUOTE) for cell in cells]

    def _strict(self, lines: list[str]) -> list[str] | None:
        """The row these lines are; empty when its quotes are still open, None when they are broken."""
        ended = [line + "\n" for line in lines[:-1]] + [lines[-1]]
        try:
            return next(csv.reader(ended, delimiter=self._separator, strict=True))
        except csv.Error as error:
            return [] if str(error) == _STILL_OPEN else None
