"""What outsiders may see of a log: its signed checkpoints, and tiles of published sizes only."""

from dataclasses import dataclass

from sqlalchemy import Connection, Select, exists, select

from consent.ledger import prove
from consent.ledger.errors import NotYetPublished
from consent.ledger.formats.tiles import HEIGHT, WIDTH, Tile
from consent.ledger.origin import LogId
from consent.ledger.tables import checkpoint, head

_LARGEST_SIZE = (1 << 63) - 1
"""What a size's column holds; a data base cannot even be asked about more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A stored signed checkpoint: `note` is the exact signed bytes, `frontier` the tree's right edge."""

    log: LogId
    size: int
    root: bytes
    frontier: bytes
    note: bytes


def logs(conn: Connection) -> list[LogId]:
    """Every log there is, by bucket and time."""
    found = (LogId(bucket, year) for bucket, year in conn.execute(select(head.c.bucket, head.c.year)))
    return sorted(found, key=lambda log: (log.bucket, log.when))


def newest(conn: Connection, log: LogId) -> Published | None:
    """The log's newest signed checkpoint, or None before the first."""
    return _first(conn, log, _columns(log).order_by(checkpoint.c.size.desc()).limit(1))


def at_size(conn: Connection, log: LogId, size: int) -> Published | None:
    """The signed checkpoint of exactly this size."""
    return _first(conn, log, _columns(log).where(checkpoint.c.size == size))


def covering(conn: Connection, log: LogId, idx: int) -> Published:
    """The newest checkpoint, which must cover the entry at `idx`; raises NotYetPublished."""
    found = newest(conn, log)
    if found is None or found.size <= idx:
        raise NotYetPublished("no signed checkpoint covers this entry yet")
    return found


def public_tile(conn: Connection, log: LogId, wanted: Tile, *, as_entries: bool = False) -> bytes | None:
    """A tile (or its entry bundle) for the public: None unless some published size has exactly it."""
    if not _published(conn, log, wanted):
        return None
    if as_entries:
        return prove.entry_bundle(conn, log, wanted.n, wanted.width)
    return prove.tile(conn, log, wanted)


def _published(conn: Connection, log: LogId, wanted: Tile) -> bool:
    if wanted.end > _LARGEST_SIZE:
        return False
    c = checkpoint.c
    where = [c.bucket == log.bucket, c.year == log.year, c.size >= wanted.end]
    if wanted.width < WIDTH:
        where.append(c.size < min(wanted.end + (1 << HEIGHT * wanted.level), _LARGEST_SIZE))
    return bool(conn.execute(select(exists().where(*where))).scalar())


def _columns(log: LogId) -> Select[tuple[int, bytes, bytes, bytes]]:
    c = checkpoint.c
    return select(c.size, c.root, c.frontier, c.note).where(c.bucket == log.bucket, c.year == log.year)


def _first(conn: Connection, log: LogId, query: Select[tuple[int, bytes, bytes, bytes]]) -> Published | None:
    row = conn.execute(query).first()
    if row is None:
        return None
    return Published(log=log, size=row.size, root=row.root, frontier=row.frontier, note=row.note)
