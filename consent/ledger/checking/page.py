"""Entries as they are stored, a page at a time and column by column.

A page has room for as many entries as there are numbers between its first and its last. One that is full is
therefore read without numbers, which are known then; only one that is not is read with those it has.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from consent.ledger.origin import LogId
from consent.ledger.recompute import leaves_of
from vault.storage.rowset import RowSet

type EntryRow = tuple[bytes, bytes, bytes, int]
"""(id, leaf, body, index) as stored."""

ENTRIES = 512
# With `rows` joined instead, SQLite would sort each page.
_MINE = (
    "FROM ledger_entry WHERE bucket = (SELECT bucket FROM rows) AND year = (SELECT year FROM rows) "
    "AND idx >= (SELECT first FROM rows)"
)
_FULL = RowSet(
    f"WITH {{rows}} SELECT id, leaf, body {_MINE} AND idx < (SELECT first FROM rows) + {ENTRIES} ORDER BY idx",
    bucket="int",
    year="int",
    first="int",
)
_ANY = RowSet(
    f"WITH {{rows}} SELECT id, leaf, body, idx {_MINE} ORDER BY idx LIMIT {ENTRIES}",
    bucket="int",
    year="int",
    first="int",
)


class Page(NamedTuple):
    """Entries that follow one another as they are stored, column by column; `hashes` are those of their bodies."""

    indices: Sequence[int]
    ids: Sequence[bytes]
    leaves: Sequence[bytes]
    bodies: Sequence[bytes]
    hashes: list[bytes]

    @classmethod
    def of(cls, rows: Sequence[EntryRow]) -> "Page":
        """Of one row or more."""
        ids, leaves, bodies, indices = zip(*rows, strict=True)
        return cls(indices, ids, leaves, bodies, leaves_of(bodies))

    def part(self, start: int, end: int) -> "Page":
        """Those from the one at `start`, counted in the page, to the one before `end`."""
        some = slice(start, end)
        return Page(
            self.indices[some], self.ids[some], self.leaves[some], self.bodies[some], self.hashes[some]
        )

    def follows(self, size: int) -> bool:
        """Whether these are the entries after the first `size`, without a gap."""
        expected = range(size, size + len(self.indices))
        return self.indices == expected or tuple(self.indices) == tuple(expected)


def read(conn: Connection, log: LogId, first: int) -> Page | None:
    """The entries from number `first` on, as many as a page takes; None where there are none."""
    rows = _FULL(conn, [(*log, first)])
    if len(rows) < ENTRIES:
        rows = _ANY(conn, [(*log, first)])
        return Page.of(rows) if rows else None
    ids, leaves, bodies = zip(*rows, strict=True)
    return Page(range(first, first + ENTRIES), ids, leaves, bodies, leaves_of(bodies))
