"""Rebuilding every log from its entries and comparing everything stored beside them, row by row.

Reads one snapshot, changes nothing, signs nothing. What it finds it names by log and index; what it cannot
see, an insider who rewrote and re-signed everything, only someone holding an older checkpoint can.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Row, Select, select

from consent.ledger import checkpoint as checkpoints
from consent.ledger import log_entry, log_keys, published
from consent.ledger.checkpoint import Checkpoint
from consent.ledger.entry import outline
from consent.ledger.errors import LedgerError
from consent.ledger.fsck_cosigned import check_cosigned
from consent.ledger.fsck_said import check_said, index_rows
from consent.ledger.index import TAG_BYTES, chunks_of, edge_of, full_root, root_of
from consent.ledger.log_entry import Closing, LogEntry
from consent.ledger.note import VerifierKey
from consent.ledger.origin import LogId, origin_of
from consent.ledger.policy import NO_WITNESSES, Policy
from consent.ledger.recompute import RightEdge, leaf_of
from consent.ledger.signer import Signer
from consent.ledger.tables import checkpoint, head, index_chunk, subject_head, tile
from consent.ledger.tiles import HEIGHT, MAX_LEVEL, WIDTH, perfect_root
from consent.ledger.tree import fold
from vault.rowset import RowSet
from vault.storage import Database

_CHUNK = 4096
_ENTRIES = RowSet(
    "WITH {rows} SELECT e.idx, e.id, e.leaf, e.body FROM rows JOIN ledger_entry e ON e.bucket = rows.bucket "
    f"AND e.year = rows.year AND e.idx >= rows.first ORDER BY e.idx LIMIT {_CHUNK}",
    bucket="int",
    year="int",
    first="int",
)

type _EntryRow = tuple[int, bytes, bytes, bytes]
"""(index, id, leaf, body) as stored."""


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
    """A log as its entry bytes alone give it; tags and leaves of `tails` are hexadecimal."""

    log: LogId
    origin: str
    size: int = 0
    roots: dict[int, bytes] = field(default_factory=dict)
    """Root by size, for the sizes some checkpoint was signed at."""
    levels: list[list[bytes]] = field(default_factory=lambda: [[] for _ in range(MAX_LEVEL + 1)])
    """Hashes of the tile now filling, per level: together the right edge of the tree."""
    counts: list[int] = field(default_factory=lambda: [0] * (MAX_LEVEL + 1))
    tails: dict[bytes, tuple[int, bytes, int]] = field(default_factory=dict)
    ts: int = 0
    said: list[tuple[int, LogEntry]] = field(default_factory=list)
    """The entries about the log itself, by index."""
    indexed: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    """How many rows an index over so many entries has, and their root, for every size there is an index of."""
    closed: bool = False
    """Whether the closing entry has come."""

    def frontier(self) -> list[bytes]:
        """The perfect subtrees the log is made of, largest first: whole tiles by their roots."""
        return [node for row in reversed(self.levels) for node in edge_of(row)]


def fsck(data: Database, signer: Signer, witnesses: Policy = NO_WITNESSES) -> Iterator[Progress | Finding]:
    """Check every log; yields progress and findings as they come. No finding means everything agrees.

    The time it takes grows with the entries, and with the people of a log times its indexes. `witnesses` are the
    operator's: what the others said is not verified.
    """
    with data.read() as conn:
        for log in published.logs(conn):
            yield from _check_log(conn, signer, log, witnesses)


def _check_log(
    conn: Connection, signer: Signer, log: LogId, witnesses: Policy
) -> Iterator[Progress | Finding]:
    state = _Rebuilt(log, origin_of(signer.ledger_host, log))
    signed = _checkpoints(conn, log)
    row = conn.execute(select(head).where(head.c.bucket == log.bucket, head.c.year == log.year)).one()
    kept = set(conn.execute(_kept(log)).scalars())
    made = {one.upto for one in index_rows(conn, log)}
    stops = sorted({*(row.size for row in signed), *kept, *made}, reverse=True)
    start = 0
    while rows := _ENTRIES(conn, [(*log, start)]):
        start = rows[-1][0] + 1
        for part in _cut(rows, state.size, stops):
            yield from _take(conn, state, part)
            if state.size in made or state.size in kept:
                yield from _check_index(conn, state, kept=state.size in kept)
        yield Progress(state.origin, state.size, row.size)
    nodes = state.frontier()
    if (row.size, row.root, row.frontier) != (state.size, fold(nodes), b"".join(nodes)):
        yield Finding(state.origin, "the head is not what the entries give", row.size)
    if (row.closed_at is not None) != state.closed:
        yield Finding(state.origin, "the head and the closing entry disagree", row.size)
    yield from _check_tails(conn, state)
    yield from _check_tile_count(conn, state)
    keys = log_keys.every(conn, signer, log)
    for stored in signed:
        yield from _check_checkpoint(keys, state, stored)
    for what, at in check_said(conn, signer, log, state.said, state.indexed):
        yield Finding(state.origin, what, at)
    for what, at in check_cosigned(conn, log, witnesses):
        yield Finding(state.origin, what, at)


def _cut(rows: Sequence[_EntryRow], start: int, stops: list[int]) -> Iterator[Sequence[_EntryRow]]:
    """The rows of a page, cut at every size in `stops` (falling), which are taken off as they are passed."""
    begun = 0
    while stops and stops[-1] <= start + len(rows):
        end = stops.pop() - start
        if end > begun:
            yield rows[begun:end]
            begun = end
    if begun < len(rows):
        yield rows[begun:]


def _checkpoints(conn: Connection, log: LogId) -> list[Row[int, bytes, bytes, bytes]]:
    c = checkpoint.c
    query = select(c.size, c.root, c.frontier, c.note).where(c.bucket == log.bucket, c.year == log.year)
    return list(conn.execute(query.order_by(c.size)))


def _take(conn: Connection, state: _Rebuilt, rows: Sequence[_EntryRow]) -> Iterator[Finding]:
    leaves = [leaf_of(row[3]) for row in rows]
    yield from _look(state, rows, leaves)
    state.size += len(rows)
    yield from _fill(conn, state, 0, leaves)
    state.roots[state.size] = fold(state.frontier())


def _look(state: _Rebuilt, rows: Sequence[_EntryRow], leaves: Sequence[bytes]) -> Iterator[Finding]:
    """Hold each entry against what is stored beside it, and against the ones before it; one loop, because it is hot."""
    tails, origin = state.tails, state.origin
    for expected, ((idx, entry_id, stored, body), leaf) in enumerate(
        zip(rows, leaves, strict=True), state.size
    ):
        if idx != expected:
            yield Finding(origin, "an index is missing", expected)
        if stored != leaf:
            yield Finding(origin, "the leaf is not the hash of the entry", idx)
        if state.closed:
            yield Finding(origin, "an entry after the one that closed the log", idx)
        found = outline(body)
        if found is None:
            yield from _look_closely(state, idx, entry_id, body)
            continue
        own_id, n, previous, tag, ts = found
        if own_id != entry_id.hex().encode():
            yield Finding(origin, "stored under another id than its own", idx)
        if ts < state.ts:
            yield Finding(origin, "older than the entry before it", idx)
        state.ts = ts
        last = tails.get(tag)
        if (n != 1) if last is None else (n != last[0] + 1 or previous != last[1]):
            yield Finding(origin, "does not follow the previous entry of its tag", idx)
        tails[tag] = (n, leaf.hex().encode(), idx)


def _look_closely(state: _Rebuilt, idx: int, entry_id: bytes, body: bytes) -> Iterator[Finding]:
    """What is no person's entry in its one encoding: about the log itself, or wrong."""
    try:
        found = log_entry.parse(body)
    except LedgerError:
        yield Finding(state.origin, "not a canonical entry", idx)
        return
    if found.ts < state.ts:
        yield Finding(state.origin, "older than the entry before it", idx)
    if found.id != entry_id:
        yield Finding(state.origin, "stored under another id than its own", idx)
    state.ts = found.ts
    state.closed |= isinstance(found, Closing)
    state.said.append((idx, found))


def _kept(log: LogId) -> Select[int]:
    c = index_chunk.c
    return select(c.upto).where(c.bucket == log.bucket, c.year == log.year).distinct()


def _raw(text: bytes) -> bytes:
    return bytes.fromhex(text.decode())


def _check_index(conn: Connection, state: _Rebuilt, *, kept: bool) -> Iterator[Finding]:
    """What an index over the entries so far is; the rows that are `kept` of it must be everybody's last entries."""
    upto, c = state.size, index_chunk.c
    mine = (c.bucket == state.log.bucket, c.year == state.log.year, c.upto == upto)
    rows = ((tag, *state.tails[tag]) for tag in sorted(state.tails))
    made = chunks_of((_raw(tag), n, _raw(leaf), idx) for tag, n, leaf, idx in rows)
    state.indexed[upto] = len(state.tails), root_of(made)
    if not kept:
        return
    stored = conn.execute(select(c.n, c.first, c.root, c.data).where(*mine).order_by(c.n)).all()
    if [tuple(row) for row in stored] != [
        (n, one.rows[:TAG_BYTES], full_root(one), one.rows) for n, one in enumerate(made)
    ]:
        yield Finding(state.origin, "rows of an index are not what the entries give", upto)


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
    rows = conn.execute(query)
    stored = {row.tag.hex().encode(): (row.n, row.leaf.hex().encode(), row.idx) for row in rows}
    for tag in stored.keys() | state.tails.keys():
        if stored.get(tag) != state.tails.get(tag):
            at = state.tails.get(tag) or stored[tag]
            yield Finding(state.origin, "a person's head is not their last entry", at[2])


def _check_tile_count(conn: Connection, state: _Rebuilt) -> Iterator[Finding]:
    c = tile.c
    mine = (c.bucket == state.log.bucket, c.year == state.log.year)
    for row in conn.execute(select(c.level, c.n).where(*mine)):
        if row.n >= state.size >> HEIGHT * (row.level + 1):
            yield Finding(state.origin, f"tile of level {row.level} beyond the end of the log", row.n)


def _check_checkpoint(
    keys: Sequence[VerifierKey], state: _Rebuilt, stored: Row[int, bytes, bytes, bytes]
) -> Iterator[Finding]:
    try:
        found = checkpoints.verify(stored.note, keys)
    except LedgerError:
        yield Finding(state.origin, "a stored checkpoint does not verify", stored.size)
        return
    if found != Checkpoint(state.origin, stored.size, stored.root):
        yield Finding(state.origin, "a checkpoint row says something else than its signature", stored.size)
    if _edge_root(stored.size, stored.frontier) != stored.root:
        yield Finding(state.origin, "the frontier beside a checkpoint does not lead to its root", stored.size)
    if state.roots.get(stored.size) != stored.root:
        yield Finding(state.origin, "a signed root is not what the entries give", stored.size)


def _edge_root(size: int, frontier: bytes) -> bytes | None:
    try:
        return RightEdge.from_bytes(size, frontier).root()
    except ValueError:
        return None
