"""Rows out of workbooks (xlsx, xlsm, xlsb, xls, ods): every sheet, every row, no formula ever evaluated.

What a formula cell shows is the value that was stored with it. Numbers are floating point in these files
whatever they were meant as; `numerals` says what is left of them. A row of a sheet counts as a line, an empty
one as blank. Rows go out as they are met; the workbook itself is decoded in memory, which is what the limits of
the process are for.
"""

from collections.abc import Iterable, Iterator, Sequence

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError, load_workbook

from breach.intake.numerals import written
from breach.intake.parts import Block, Gathered
from breach.intake.source import Source, SourceFile
from breach.intake.tally import Reason, Tally
from breach.intake.unpack import MemberRefused, Refusal

MAX_BYTES = 512 << 20
"""A workbook beyond this is refused: its cells would not fit."""

_BLOCK_CELLS = 50_000


def blocks(source: Source, tally: Tally) -> Iterator[Block]:
    """The rows of all sheets, one after the other; raises MemberRefused."""
    gathered = Gathered()
    book = _opened(source)
    try:
        for at, name in enumerate(book.sheet_names):
            for row in _rows(book, name):
                _gather(row, at, gathered, tally)
                if gathered.count * len(row) >= _BLOCK_CELLS:
                    yield Block(parts=gathered.parts(tally), rows=tally.rows)
    except MemberRefused:
        yield Block(parts=gathered.parts(tally), rows=tally.rows)
        raise
    yield Block(parts=gathered.parts(tally), rows=tally.rows)


def _opened(source: Source) -> CalamineWorkbook:
    if source.size > MAX_BYTES:
        raise MemberRefused(Refusal.TOO_LARGE)
    try:
        return load_workbook(SourceFile(source))
    except PasswordError:
        raise MemberRefused(Refusal.ENCRYPTED) from None
    except (CalamineError, OSError, ValueError):
        raise MemberRefused(Refusal.DAMAGED) from None


def _rows(book: CalamineWorkbook, name: str) -> Iterable[Sequence[object]]:
    try:
        sheet: CalamineSheet = book.get_sheet_by_name(name)
        yield from sheet.iter_rows()
    except (CalamineError, OSError, ValueError):
        raise MemberRefused(Refusal.DAMAGED) from None


def _gather(row: Sequence[object], sheet: int, gathered: Gathered, tally: Tally) -> None:
    cells = [_text(cell, tally) for cell in row]
    tally.lines += 1
    if not any(cells):
        tally.quarantined[Reason.BLANK] += 1
        return
    tally.parsed += 1
    tally.rows += 1
    gathered.add((sheet, len(cells)), [cells])


def _text(cell: object, tally: Tally) -> str:
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, float):
        return written(cell, tally)
    return "" if cell is None else str(cell)
