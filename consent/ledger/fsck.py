"""Rebuilding every log from its entries and comparing everything stored beside them, row by row.

Reads one snapshot, changes nothing, signs nothing. What it finds it names by log and index; what it cannot
see, an insider who rewrote and re-signed everything, only someone holding an older checkpoint can.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection, Row, Select, select

from consent.ledger import checkpoint as checkpoints
from consent.ledger import log_entry, published
from consent.ledger.checkpoint import Checkpoint
from consent.ledger.entry import NO_PREVIOUS, Entry, parse
from consent.ledger.errors import LedgerError
from consent.ledger.index import TAG_BYTES, chunks_of, full_root, root_of
from consent.ledger.log_entry import Index
from consent.ledger.origin import LogId, origin_of
from consent.ledger.recompute import RightEdge, absorb, leaf_of
from consent.ledger.signer import Signer
from consent.ledger.tables import checkpoint, entry, head, index_chunk, subject_head, tile
from consent.ledger.tiles import HEIGHT, MAX_LEVEL, WIDTH, perfect_root
from vault.storage import Database

_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of a log's entries have been rebuilt."""

    origin: str
    done: int
    size: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something stored that is not what the entries give."""

    origin: str
    what: str
    at: int | None = None


@dataclass(slots=True)
class _Rebuilt:
    """A log as its entry bytes alone give it."""

    log: LogId
    origin: str
    edge: RightEdge = field(default_factory=lambda: RightEdge(0, {}))
    roots: dict[int, bytes] = field(default_factory=dict)
    """Root by size, for the sizes some checkpoint was signed at."""
    levels: list[list[bytes]] = field(default_factory=lambda: [[] for _ in range(MAX_LEVEL + 1)])
    """Hashes of the tile now filling, per level."""
    counts: list[int] = field(default_factory=lambda: [0] * (MAX_LEVEL + 1))
    tails: dict[bytes, tuple[int, bytes, int]] = field(default_factory=dict)
    ts: int = 0
    indexed: dict[int, bytes] = field(default_factory=dict)
    """What the root of an index over so many entries is, for the sizes whose rows are kept."""


def fsck(data: Database, signer: Signer) -> Iterator[Progress | Finding]:
    """Check every log; yields progress and findings as they come. No finding means everything agrees."""
    with data.read() as conn:
        for log in published.logs(conn):
            yield from _check_log(conn, signer, log)


def _check_log(conn: Connection, signer: Signer, log: LogId) -> Iterator[Progress | Finding]:
    state = _Rebuilt(log, origin_of(signer.ledger_host, log))
    signed = _checkpoints(conn, log)
    row = conn.execute(select(head).where(head.c.bucket == log.bucket, head.c.year == log.year)).one()
    kept = set(conn.execute(_kept(log)).scalars())
    for chunk in _chunks(conn, log, sorted({*(row.size for row in signed), *kept})):
        yield from _take(conn, state, chunk)
        if state.edge.size in kept:
            yield from _check_index_rows(conn, state)
        yield Progress(state.origin, state.edge.size, row.size)
    if (row.size, row.root, row.frontier) != (state.edge.size, state.edge.root(), bytes(state.edge)):
        yield Finding(state.origin, "the head is not what the entries give", row.size)
    yield from _check_tails(conn, state)
    yield from _check_tile_count(conn, state)
    for stored in signed:
        yield from _check_checkpoint(signer, state, stored)


def _checkpoints(conn: Connection, log: LogId) -> list[Row[int, bytes, bytes]]:
    c = checkpoint.c
    query = select(c.size, c.root, c.note).where(c.bucket == log.bucket, c.year == log.year)
    return list(conn.execute(query.order_by(c.size)))


def _chunks(conn: Connection, log: LogId, stops: list[int]) -> Iterator[list[Row[int, bytes, bytes, bytes]]]:
    """The entries in order, cut also at every size a checkpoint was signed at."""
    c, start, waiting = entry.c, 0, list(stops)
    query = select(c.idx, c.id, c.leaf, c.body).where(c.bucket == log.bucket, c.year == log.year)
    while True:
        while waiting and waiting[0] <= start:
            waiting.pop(0)
        limit = min(_CHUNK, waiting[0] - start) if waiting else _CHUNK
        rows = list(conn.execute(query.where(c.idx >= start).order_by(c.idx).limit(limit)))
        if not rows:
            return
        yield rows
        start = rows[-1].idx + 1


def _take(conn: Connection, state: _Rebuilt, rows: list[Row[int, bytes, bytes, bytes]]) -> Iterator[Finding]:
    leaves = [leaf_of(row.body) for row in rows]
    for expected, (row, leaf) in enumerate(zip(rows, leaves, strict=True), state.edge.size):
        if row.idx != expected:
            yield Finding(state.origin, "an index is missing", expected)
        if row.leaf != leaf:
            yield Finding(state.origin, "the leaf is not the hash of the entry", row.idx)
        yield from _check_entry(state, row.idx, row.id, row.body, leaf)
    state.edge = absorb(state.edge, leaves)
    state.roots[state.edge.size] = state.edge.root()
    yield from _fill(conn, state, 0, leaves)


def _check_entry(state: _Rebuilt, idx: int, entry_id: bytes, body: bytes, leaf: bytes) -> Iterator[Finding]:
    try:
        found = log_entry.parse(body) if log_entry.is_about_log(body) else parse(body)
    except LedgerError:
        yield Finding(state.origin, "not a canonical entry", idx)
        return
    if found.ts < state.ts:
        yield Finding(state.origin, "older than the entry before it", idx)
    if found.id != entry_id:
        yield Finding(state.origin, "stored under another id than its own", idx)
    state.ts = found.ts
    if isinstance(found, Entry):
        yield from _follow(state, idx, found, leaf)
    elif isinstance(found, Index) and state.indexed.get(found.upto, found.root) != found.root:
        yield Finding(state.origin, "an index that is not what the entries before it give", idx)


def _follow(state: _Rebuilt, idx: int, found: Entry, leaf: bytes) -> Iterator[Finding]:
    n, previous, _ = state.tails.get(found.tag, (0, NO_PREVIOUS, 0))
    if (found.n, found.previous) != (n + 1, previous):
        yield Finding(state.origin, "does not follow the previous entry of its tag", idx)
    state.tails[found.tag] = (found.n, leaf, idx)


def _kept(log: LogId) -> Select[int]:
    c = index_chunk.c
    return select(c.upto).where(c.bucket == log.bucket, c.year == log.year).distinct()


def _check_index_rows(conn: Connection, state: _Rebuilt) -> Iterator[Finding]:
    """The rows kept of an index, against everybody's last entry at that size."""
    upto, c = state.edge.size, index_chunk.c
    mine = (c.bucket == state.log.bucket, c.year == state.log.year, c.upto == upto)
    made = chunks_of((tag, *state.tails[tag]) for tag in sorted(state.tails))
    stored = conn.execute(select(c.n, c.first, c.root, c.data).where(*mine).order_by(c.n)).all()
    if [tuple(row) for row in stored] != [
        (n, one.rows[:TAG_BYTES], full_root(one), one.rows) for n, one in enumerate(made)
    ]:
        yield Finding(state.origin, "rows of an index are not what the entries give", upto)
    state.indexed[upto] = root_of(made)


def _fill(conn: Connection, state: _Rebuilt, level: int, hashes: list[bytes]) -> Iterator[Finding]:
    """Compare each tile these hashes complete, then do the same one level up."""
    row = state.levels[level]
    row += hashes
    full = len(row) // WIDTH
    if not full:
        return
    first = state.counts[level]
    stored = _tiles(conn, state.log, level, first, first + full)
    roots: list[bytes] = []
    for n in range(first, first + full):
        part = row[:WIDTH]
        del row[:WIDTH]
        roots.append(perfect_root(part))
        if stored.get(n) != (roots[-1], b"".join(part)):
            yield Finding(state.origin, f"tile of level {level} is not what the entries give", n)
    state.counts[level] += full
    yield from _fill(conn, state, level + 1, roots)


def _tiles(
    conn: Connection, log: LogId, level: int, first: int, until: int
) -> dict[int, tuple[bytes, bytes]]:
    c = tile.c
    query = select(c.n, c.root, c.data).where(
        c.bucket == log.bucket, c.year == log.year, c.level == level, c.n >= first, c.n < until
    )
    return {row.n: (row.root, row.data) for row in conn.execute(query)}


def _check_tails(conn: Connection, state: _Rebuilt) -> Iterator[Finding]:
    c = subject_head.c
    query = select(c.tag, c.n, c.leaf, c.idx).where(c.bucket == state.log.bucket, c.year == state.log.year)
    stored = {row.tag: (row.n, row.leaf, row.idx) for row in conn.execute(query)}
    for tag in stored.keys() | state.tails.keys():
        if stored.get(tag) != state.tails.get(tag):
            at = state.tails.get(tag) or stored[tag]
            yield Finding(state.origin, "a person's head is not their last entry", at[2])


def _check_tile_count(conn: Connection, state: _Rebuilt) -> Iterator[Finding]:
    c = tile.c
    mine = (c.bucket == state.log.bucket, c.year == state.log.year)
    for row in conn.execute(select(c.level, c.n).where(*mine)):
        if row.n >= state.edge.size >> HEIGHT * (row.level + 1):
            yield Finding(state.origin, f"tile of level {row.level} beyond the end of the log", row.n)


def _check_checkpoint(signer: Signer, state: _Rebuilt, stored: Row[int, bytes, bytes]) -> Iterator[Finding]:
    try:
        found = checkpoints.verify(stored.note, [signer.key(state.origin)])
    except LedgerError:
        yield Finding(state.origin, "a stored checkpoint does not verify", stored.size)
        return
    if found != Checkpoint(state.origin, stored.size, stored.root):
        yield Finding(state.origin, "a checkpoint row says something else than its signature", stored.size)
    if state.roots.get(stored.size) != stored.root:
        yield Finding(state.origin, "a signed root is not what the entries give", stored.size)
