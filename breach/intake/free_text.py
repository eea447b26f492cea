"""Identifiers inside running text: log lines, pages, notes, tables drawn with tags.

A row is what one line shows: its e-mail addresses, telephone numbers and resident numbers in their order,
numbers only with their checks and never as a piece of a longer one. A line that shows none is set aside as
that. The same search saves what a damaged record of another shape still shows.
"""

import html
import re
from collections.abc import Iterable, Iterator, Sequence

from breach.intake.columns import IDENTIFIERS, LOOKED_UP, kind_of
from breach.intake.parts import LOOSE, Block, Part
from breach.intake.tally import Reason, Tally

_CANDIDATE = re.compile(
    r"""[A-Za-z0-9_][A-Za-z0-9_.+*-]{0,63}+@(?:[A-Za-z0-9\u00a1-\uffff-]{1,63}+\.){1,8}+[A-Za-z]{2,24}+
      | (?<![A-Za-z0-9_.+*-])(?:
            [1-9][0-9]{16}[0-9Xx]
          | (?:(?:\+|00)86[\ -]?)?1[3-9][0-9][\ -]?[0-9]{4}[\ -]?[0-9]{4}
          | \+[1-9][0-9\ ()-]{7,20}[0-9]
        )(?![A-Za-z0-9_*-]|\.[0-9])
    """,
    re.VERBOSE,
)


def identifiers(text: str) -> list[str]:
    """The identifiers in a text, as they stand there; markup entities are read as what they mean."""
    if "&" in text:
        text = html.unescape(text)
    return [found for found in _CANDIDATE.findall(text) if kind_of(found) in IDENTIFIERS]


def inside(row: list[str]) -> list[str]:
    """What a row shows of which no cell is an identifier: those inside its cells, or else the row as it is."""
    if any(kind_of(cell) in LOOKED_UP for cell in row):
        return row
    return [one for cell in row for one in identifiers(cell)] or row


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
