"""Rows out of combo lists: `mail:pass`, `mail;pass`, `pass|mail`, `url:login:pass`, mixed in one file.

The login is found first: the first e-mail address, telephone number or resident number that stands between
separators. What is before it and what is behind it may hold any separator (addresses and passwords do) and
stays whole. A row has three cells, [before, login, behind]; a line without such a login is a row of one cell.
Many a password is a telephone number: what stands beside a login is looked at like any other cell.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from breach.intake.columns import IDENTIFIERS, Columns, Kind, kind_of
from breach.intake.parts import Block, Part, loose_parts, parts_of
from breach.intake.tally import Reason, Tally

_SEPARATOR = r"[:;|,\t ]"
_LOGIN = re.compile(
    rf"""(?:^|(?<={_SEPARATOR}))
         ( [^\s@:;|,/"'<>()=]{{1,64}}+@(?:[^\s@:;|,./"'<>()=]{{1,63}}+\.){{1,8}}+[A-Za-z]{{2,24}}+
         | (?:\+?86)?1[3-9][0-9]{{9}}
         | [1-9][0-9]{{16}}[0-9Xx]
         )(?={_SEPARATOR}|$)""",
    re.VERBOSE,
)
_COLUMNS = Columns(kinds=(frozenset(), frozenset({Kind.PHONE, Kind.RESIDENT_ID}), frozenset()), heading=False)
_MAIL_COLUMNS = Columns(kinds=(frozenset(), frozenset({Kind.EMAIL}), frozenset()), heading=False)


def cells(line: str) -> list[str]:
    """The cells of one line: three, or the line itself where it has no login."""
    found = _LOGIN.search(line)
    if found is None or ("@" not in found[1] and kind_of(found[1]) not in IDENTIFIERS):
        return [line]
    return [line[: found.start()].rstrip(":;|,\t "), found[1], line[found.end() + 1 :]]


def blocks(lines: Iterable[Sequence[str]], tally: Tally) -> Iterator[Block]:
    """The rows of a combo list, block by block of lines."""
    for batch in lines:
        filled = [line for line in batch if line and not line.isspace()]
        tally.left(Reason.BLANK, [line for line in batch if not line or line.isspace()])
        tally.taken(filled)
        rows = [cells(line) for line in filled]
        tally.parsed += len(rows)
        tally.rows += len(rows)
        parts = tuple(_parts(rows, tally))
        yield Block(parts=parts, rows=tally.rows, mark=tally.mark())


def _parts(rows: list[list[str]], tally: Tally) -> Iterator[Part]:
    """By the kind of login, because a column of one kind is looked up in half the time; the rest is loose."""
    mails = [row for row in rows if len(row) == 3 and "@" in row[1]]
    numbers = [row for row in rows if len(row) == 3 and "@" not in row[1]]
    bare = [row for row in rows if len(row) == 1]
    tally.ragged += len(bare)
    for columns, some in ((_MAIL_COLUMNS, mails), (_COLUMNS, numbers)):
        if some:
            yield from parts_of(columns, some, tally)
    yield from loose_parts(bare, tally)
