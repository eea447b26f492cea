"""Identifiers inside running text: log lines, pages, notes, tables drawn with tags.

A row is what one line mentions. A line that mentions nobody is set aside as that. The same search saves what a
damaged record of another shape still shows.
"""

from collections.abc import Iterable, Iterator, Sequence

from breach.intake.mentions import identifiers
from breach.intake.parts import LOOSE, Block, Part
from breach.intake.tally import Reason, Tally


def saved(text: str, tally: Tally) -> list[list[str]]:
    """Rows of what a damaged text still shows, one for each of its lines that shows anything."""
    rows = [found for found in map(identifiers, text.splitlines()) if found]
    tally.mended += len(rows)
    tally.rows += len(rows)
    return rows


def blocks(lines: Iterable[Sequence[str]], tally: Tally) -> Iterator[Block]:
    """The rows of running text, block by block of lines."""
    for batch in lines:
        shown = [identifiers(line) for line in batch]
        rows = [found for found in shown if found]
        rest = [line for line, found in zip(batch, shown, strict=True) if not found]
        tally.left(Reason.BLANK, [line for line in rest if not line or line.isspace()])
        tally.left(Reason.NO_IDENTIFIER, [line for line in rest if line and not line.isspace()])
        tally.taken(line for line, found in zip(batch, shown, strict=True) if found)
        tally.parsed += len(rows)
        tally.rows += len(rows)
        parts = (Part(columns=LOOSE, rows=rows),) if rows else ()
        yield Block(parts=parts, rows=tally.rows, mark=tally.mark())
