"""Reading the tree back: audit paths, consistency proofs, tiles and entries, in O(log n) rows each.

Hashes come from full tiles where they exist, else from the leaf column (level 0) or from the roots beside the
full tiles one level below. Any number of paths in one log takes three statements. What is read here is not
trusted: whoever hands out a proof checks it against a signed root first.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from consent.ledger import tree
from consent.ledger.errors import LedgerAlarm
from consent.ledger.fill import EDGE_LEAVES, EDGE_ROOTS
from consent.ledger.formats.tiles import WIDTH, Tile, bundle, locate, perfect_root, split_hashes
from consent.ledger.origin import LogId, path_of
from consent.ledger.tree import HashAt, Subtree
from vault.storage.rowset import RowSet

type _Place = tuple[int, int]
"""(level, n) of a tile."""

_FULL = RowSet(
    "WITH {rows} SELECT t.level, t.n, t.data FROM rows JOIN ledger_tile t "
    "ON t.bucket = :bucket AND t.year = :year AND t.level = rows.level AND t.n = rows.n",
    level="int",
    n="int",
)
_BODIES = RowSet(
    "WITH {rows} SELECT rows.i, e.leaf, e.body FROM rows JOIN ledger_entry e "
    "ON e.bucket = rows.bucket AND e.year = rows.year AND e.idx = rows.idx ORDER BY rows.i",
    bucket="int",
    year="int",
    idx="int",
)
_BUNDLE = RowSet(
    "WITH {rows} SELECT e.body FROM rows JOIN ledger_entry e ON e.bucket = rows.bucket "
    "AND e.year = rows.year AND e.idx >= rows.first AND e.idx < rows.until ORDER BY e.idx",
    bucket="int",
    year="int",
    first="int",
    until="int",
)


def inclusion(conn: Connection, log: LogId, indices: Sequence[int], size: int) -> list[list[bytes]]:
    """The audit path, leaf to root, of each index in the tree of `size` leaves."""
    ranges = [tree.inclusion_ranges(index, size) for index in indices]
    hash_at = _load(conn, log, (piece for path in ranges for piece in path))
    return [[tree.range_hash(hash_at, *piece) for piece in path] for path in ranges]


def consistency(conn: Connection, log: LogId, old: int, new: int) -> list[bytes]:
    """The proof that the tree of `old` leaves is a prefix of the one of `new`; needs 0 < old <= new."""
    ranges = tree.consistency_ranges(old, new)
    hash_at = _load(conn, log, ranges)
    return [tree.range_hash(hash_at, *piece) for piece in ranges]


def root(conn: Connection, log: LogId, size: int) -> bytes:
    """The root over the first `size` leaves; raises LedgerAlarm where some are missing."""
    return tree.range_hash(_load(conn, log, [(0, size)]), 0, size)


def entries(conn: Connection, log: LogId, indices: Sequence[int]) -> list[tuple[bytes, bytes]]:
    """(leaf hash, exact bytes) of each entry, in the order asked; raises KeyError when one is not there."""
    found = _BODIES(conn, [(*log, index) for index in indices])
    if len(found) != len(indices):
        raise KeyError("no such entry in this log")
    return [(leaf, body) for _, leaf, body in found]


def tile(conn: Connection, log: LogId, wanted: Tile) -> bytes | None:
    """A hash tile of exactly the width asked, or None when the log is not that long."""
    hashes = _read_tiles(conn, log, {(wanted.level, wanted.n): wanted.width})[wanted.level, wanted.n]
    return b"".join(hashes[: wanted.width]) if len(hashes) >= wanted.width else None


def entry_bundle(conn: Connection, log: LogId, n: int, width: int = WIDTH) -> bytes | None:
    """The entries beside level-0 tile `n`, length-prefixed, or None when the log is not that long."""
    rows = _BUNDLE(conn, [(*log, WIDTH * n, WIDTH * n + width)])
    return bundle([row[0] for row in rows]) if len(rows) == width else None


def _load(conn: Connection, log: LogId, ranges: Iterable[tuple[int, int]]) -> HashAt:
    """`hash_at` over everything these ranges need, read at once."""
    needed: set[Subtree] = {piece for start, end in ranges for piece in tree.subtrees(start, end)}
    widths: dict[_Place, int] = defaultdict(int)
    for subtree in needed:
        where = locate(*subtree)[0]
        widths[where.level, where.n] = max(widths[where.level, where.n], where.width)
    tiles = _read_tiles(conn, log, widths)

    def hash_at(level: int, index: int) -> bytes:
        where, slot, count = locate(level, index)
        hashes = tiles[where.level, where.n][slot : slot + count]
        if len(hashes) != count:
            raise LedgerAlarm(f"log {path_of(log)}", f"tile {where.path} is incomplete")
        return perfect_root(hashes)

    return hash_at


def _read_tiles(conn: Connection, log: LogId, widths: dict[_Place, int]) -> dict[_Place, list[bytes]]:
    places = sorted(widths)
    tiles: dict[_Place, list[bytes]] = {
        (level, n): split_hashes(data)
        for level, n, data in _FULL(conn, places, bucket=log.bucket, year=log.year)
    }
    missing = [place for place in places if place not in tiles]
    leaves = [place for place in missing if place[0] == 0]
    upper = [place for place in missing if place[0] > 0]
    tiles |= {place: [] for place in missing}
    for at, leaf in EDGE_LEAVES(conn, [(*log, *_span(n, widths[0, n])) for _, n in leaves]):
        tiles[leaves[at]].append(leaf)
    spans = [(*log, level - 1, *_span(n, widths[level, n])) for level, n in upper]
    for at, root in EDGE_ROOTS(conn, spans):
        tiles[upper[at]].append(root)
    return tiles


def _span(n: int, width: int) -> tuple[int, int]:
    return WIDTH * n, WIDTH * n + width
