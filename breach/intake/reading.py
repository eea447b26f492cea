"""From bytes to blocks of rows: one reader for each shape, all with one account.

A reader takes the bytes of a dump in pieces and gives blocks; while it is read, `tally` counts. The same bytes always
give the same blocks, wherever the pieces were cut, so a trace that was interrupted can tell what it has done already.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from breach.intake import combo, delimited, free_text, json_text, sql
from breach.intake.dialect import Dialect, Shape
from breach.intake.lines import blocks as lines_of
from breach.intake.parts import Block
from breach.intake.sql_text import Flavour
from breach.intake.structured import SHELL
from breach.intake.tally import Tally
from breach.intake.windows import texts


def read(
    chunks: Iterable[bytes], dialect: Dialect, tally: Tally, *, behind: int | None = None
) -> Iterator[Block]:
    """The blocks of a dump; after the last one `tally` is the account of all of it.

    `behind`: where in a dump `chunks` begin, 0 or the mark of an earlier block, whose `tally` this is then.
    Without it blocks have no marks: they are of a member of something.
    """
    if dialect.shape is Shape.SQL:
        return sql.blocks(
            texts(chunks, dialect.encoding, tally), Flavour(dialect.flavour or Flavour.LITERAL), tally
        )
    if dialect.shape is Shape.JSON:
        windows = texts(chunks, dialect.encoding, tally)
        return json_text.blocks(windows, tally, shell=dialect.flavour == SHELL)
    lines = lines_of(chunks, dialect.encoding, tally, newline=dialect.newline, behind=behind)
    if dialect.shape is Shape.COMBO:
        return combo.blocks(lines, tally)
    if dialect.shape is Shape.TEXT:
        return free_text.blocks(lines, tally)
    columns = replace(dialect.columns, heading=False) if behind else dialect.columns
    return delimited.blocks(lines, dialect.delimiter, columns, tally)
