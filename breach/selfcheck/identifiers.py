"""What in the rows of a dump people could ask for: telephone numbers, e-mail addresses and resident numbers, canonical.

In columns of identifiers every cell is looked at by itself, and in rows of another width every cell of the row.
Masked values and digests are left out: nobody could ask for them.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from breach.intake.columns import Kind, identifier, kind_of
from breach.intake.parts import Block, Part
from vault.fields import FIELDS, InvalidValue

ASKED = (Kind.PHONE, Kind.EMAIL, Kind.RESIDENT_ID)

type Identifier = tuple[Kind, str]
"""A kind of ASKED and a canonical form."""


def identifiers_of(block: Block) -> list[Identifier]:
    """Every identifier of a block once, in the order they stand in."""
    return list(dict.fromkeys(one for part in block.parts for one in _of_part(part)))


def _of_part(part: Part) -> Iterator[Identifier]:
    width, columns = len(part.columns.kinds), part.columns.identifiers
    for row in part.rows:
        if len(row) == width:
            for at, kinds in columns:
                yield from _read(row[at], kinds)
        else:
            for text in row:
                yield from _read(text, ())


def _read(text: str, kinds: Sequence[Kind]) -> Iterator[Identifier]:
    # A column of nothing else may hold numbers that would not be taken for telephone numbers anywhere.
    kind = kind_of(text)
    if kind in ASKED:
        yield kind, identifier(kind, text)
    elif kind is None and len(kinds) == 1 and kinds[0] in ASKED:
        with suppress(InvalidValue):
            yield kinds[0], FIELDS[kinds[0]].canonical(text)
