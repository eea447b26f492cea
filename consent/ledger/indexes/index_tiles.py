"""The rows of an index as a tile tree of their own (C2SP tlog-tiles), so that anybody can prove what an index
says or leaves out.

Its size is the number of rows: below `index/<upto>`, `tile/entries/<N>` are rows, `tile/<L>/<N>` hashes over
them. An index that no signed checkpoint covers, or whose rows are no longer kept, has none.
"""

from sqlalchemy import Connection, select

from consent.ledger import published
from consent.ledger.formats.tiles import HEIGHT, WIDTH, Tile, bundle, perfect_root
from consent.ledger.indexes.index import ROW_BYTES
from consent.ledger.origin import LogId
from consent.ledger.tables import index, index_chunk
from consent.ledger.tree import leaf_hash


def served(conn: Connection, log: LogId, upto: int, wanted: Tile, *, as_rows: bool) -> bytes | None:
    """A tile over the rows of the index of the first `upto` entries, or the rows beside one; None where there is none."""
    c, newest = index.c, published.newest(conn, log)
    mine = (c.bucket == log.bucket, c.year == log.year, c.upto == upto)
    count = conn.execute(select(c.rows).where(*mine, c.idx < (newest.size if newest else 0))).scalar()
    if not count or wanted.width != min(WIDTH, (count >> HEIGHT * wanted.level) - wanted.n * WIDTH):
        return None
    if wanted.level:
        return _above(conn, log, upto, wanted)
    k = index_chunk.c
    chunk = (k.bucket == log.bucket, k.year == log.year, k.upto == upto, k.n == wanted.n)
    data = conn.execute(select(k.data).where(*chunk)).scalar_one_or_none()
    if data is None:
        return None
    rows = [bytes(data[at : at + ROW_BYTES]) for at in range(0, len(data), ROW_BYTES)]
    return bundle(rows) if as_rows else b"".join(map(leaf_hash, rows))


def _above(conn: Connection, log: LogId, upto: int, wanted: Tile) -> bytes | None:
    """Hashes over full chunks: each slot over 256^(level - 1) of them."""
    k, each = index_chunk.c, WIDTH ** (wanted.level - 1)
    start, end = wanted.n * WIDTH * each, (wanted.n * WIDTH + wanted.width) * each
    full = (k.bucket == log.bucket, k.year == log.year, k.upto == upto, k.n >= start, k.n < end)
    roots = list(conn.execute(select(k.root).where(*full).order_by(k.n)).scalars())
    if len(roots) != end - start:
        return None
    return b"".join(perfect_root(roots[at : at + each]) for at in range(0, len(roots), each))
