"""Which tiles an append completes: a full tile is written once, in the transaction that fills it.

Partial tiles are never stored (44 KB per entry at batch one, ledger.md section 5); readers make them from the
leaf column and from the roots beside the full tiles of the level below.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from consent.ledger.errors import LedgerAlarm
from consent.ledger.formats.tiles import WIDTH, perfect_root
from consent.ledger.origin import LogId
from vault.storage.rowset import RowSet


class Growth(NamedTuple):
    """New hashes of one level of one log: they follow the `size` hashes it had."""

    log: LogId
    size: int
    hashes: Sequence[bytes]


type _TileRow = tuple[int, int, int, int, bytes, bytes]

EDGE_LEAVES = RowSet(
    "WITH {rows} SELECT rows.i, e.leaf FROM rows JOIN ledger_entry e "
    "ON e.bucket = rows.bucket AND e.year = rows.year AND e.idx >= rows.first AND e.idx < rows.until "
    "ORDER BY rows.i, e.idx",
    bucket="int",
    year="int",
    first="int",
    until="int",
)
EDGE_ROOTS = RowSet(
    "WITH {rows} SELECT rows.i, t.root FROM rows JOIN ledger_tile t "
    "ON t.bucket = rows.bucket AND t.year = rows.year AND t.level = rows.level "
    "AND t.n >= rows.first AND t.n < rows.until ORDER BY rows.i, t.n",
    bucket="int",
    year="int",
    level="int",
    first="int",
    until="int",
)
_INSERT_TILES = RowSet(
    "WITH {rows} INSERT INTO ledger_tile (bucket, year, level, n, root, data) "
    "SELECT bucket, year, level, n, root, data FROM rows",
    bucket="int",
    year="int",
    level="int",
    n="int",
    root="bytes",
    data="bytes",
)


def write_full_tiles(conn: Connection, grown: Sequence[Growth]) -> None:
    """Write every tile, of every level, that these new leaves complete."""
    level = 0
    while filling := [growth for growth in grown if _fills(growth)]:
        edges = _edges(conn, level, filling)
        rows: list[_TileRow] = []
        grown = [_complete(growth, edge, level, rows) for growth, edge in zip(filling, edges, strict=True)]
        _INSERT_TILES(conn, rows)
        level += 1


def _fills(growth: Growth) -> bool:
    return growth.size // WIDTH != (growth.size + len(growth.hashes)) // WIDTH


def _edges(conn: Connection, level: int, filling: Sequence[Growth]) -> list[list[bytes]]:
    """The hashes that already stand in each log's partial tile."""
    edges: list[list[bytes]] = [[] for _ in filling]
    spans = [(log, (size - size % WIDTH, size)) for log, size, _ in filling]
    if level:
        found = EDGE_ROOTS(conn, [(*log, level - 1, *span) for log, span in spans])
    else:
        found = EDGE_LEAVES(conn, [(*log, *span) for log, span in spans])
    for at, value in found:
        edges[at].append(value)
    if any(len(edge) != growth.size % WIDTH for edge, growth in zip(edges, filling, strict=True)):
        raise LedgerAlarm(f"level {level}", "hashes of the right edge are missing")
    return edges


def _complete(growth: Growth, edge: list[bytes], level: int, rows: list[_TileRow]) -> Growth:
    """Add the full tiles to `rows`; the result is what the level above gains."""
    hashes = [*edge, *growth.hashes]
    first = growth.size // WIDTH
    roots: list[bytes] = []
    for at in range(len(hashes) // WIDTH):
        part = hashes[at * WIDTH : (at + 1) * WIDTH]
        roots.append(perfect_root(part))
        rows.append((*growth.log, level, first + at, roots[-1], b"".join(part)))
    return Growth(growth.log, first, roots)
