"""Rebuilding every log from its entries and comparing everything stored beside them, row by row.

Reads one snapshot, changes nothing, signs nothing. Of a log that was given up only what can still be proven is
looked at. What it finds it names by log and index; what it cannot
see, an insider who rewrote and re-signed everything, only someone holding an older checkpoint can.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from consent.ledger import published
from consent.ledger.checking.chain import Chain
from consent.ledger.checking.fsck_cosigned import check_cosigned
from consent.ledger.checking.fsck_said import Heard, check_said, index_rows
from consent.ledger.checking.page import Page, read
from consent.ledger.errors import LedgerError
from consent.ledger.formats import checkpoint as checkpoints
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.note import VerifierKey
from consent.ledger.formats.policy import NO_WITNESSES, Policy
from consent.ledger.formats.tiles import HEIGHT, MAX_LEVEL, WIDTH
from consent.ledger.indexes.index import TAG_BYTES, chunks_of, full_root, root_of
from consent.ledger.origin import LogId, origin_of
from consent.ledger.publishing import given_up, log_keys
from consent.ledger.publishing.signer import Signer
from consent.ledger.recompute import RightEdge, grow
from consent.ledger.tables import checkpoint, head, index_chunk, subject_head, tile
from vault.storage.database import Database
from vault.storage.rowset import RowSet

_TILES_AHEAD = 64
_TILES = RowSet(
    "WITH {rows} SELECT t.n, t.root, t.data FROM rows JOIN ledger_tile t ON t.bucket = rows.bucket "
    "AND t.year = rows.year AND t.level = rows.level AND t.n >= rows.first AND t.n < rows.until",
    bucket="int",
    year="int",
    level="int",
    first="int",
    until="int",
)
_NOTHING = RightEdge(0, {})


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
    edge: RightEdge = _NOTHING
    chain: Chain = field(default_factory=Chain)
    roots: dict[int, bytes] = field(default_factory=dict)
    """Root by size, for the sizes some checkpoint was signed at."""
    filling: list[list[bytes]] = field(default_factory=lambda: [[] for _ in range(MAX_LEVEL + 1)])
    """Hashes of the tile now filling, per level."""
    counts: list[int] = field(default_factory=lambda: [0] * (MAX_LEVEL + 1))
    """Tiles filled, per level."""
    tiles: dict[int, dict[int, tuple[bytes, bytes]]] = field(default_factory=dict)
    """Per level, of these and the next few, what is stored: root and hashes by number."""
    indexed: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    """How many rows an index over so many entries has, and their root, for every size there is an index of."""

    @property
    def size(self) -> int:
        return self.edge.size


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
    stops = sorted({*(row.size for row in signed), *made}, reverse=True)
    ended = given_up.of(conn, log)
    start, size = 0, row.size if ended is None else ended.kept
    while page := _page(conn, log, start, None if ended is None else size):
        start = page.indices[-1] + 1
        for part in _cut(page, state.size, stops):
            yield from _take(conn, state, part)
            if state.size in made:  # rows of an index that was not made are left by somebody broken off
                yield from _check_index(conn, state, kept=state.size in kept)
        yield Progress(state.origin, state.size, size)
    if ended is None:
        yield from _check_head(conn, state, row)
    elif state.size != size:
        yield Finding(state.origin, "entries that were signed before the log was given up are missing", size)
    yield from _check_signed(
        conn, signer, state, [one for one in signed if ended is None or one.size <= size]
    )
    for what, at in check_said(conn, signer, Heard(log, size, state.chain.said, state.indexed)):
        yield Finding(state.origin, what, at)
    for what, at in check_cosigned(conn, log, witnesses):
        yield Finding(state.origin, what, at)


def _page(conn: Connection, log: LogId, start: int, until: int | None) -> Page | None:
    """The next entries; of a log that was given up none behind what can still be proven."""
    page = read(conn, log, start)
    if page is None or until is None or page.indices[-1] < until:
        return page
    kept = bisect_left(page.indices, until)
    return page.part(0, kept) if kept else None


def _check_signed(
    conn: Connection, signer: Signer, state: _Rebuilt, signed: Sequence[Row[int, bytes, bytes, bytes]]
) -> Iterator[Finding]:
    keys = log_keys.every(conn, signer, state.log)
    for stored in signed:
        yield from _check_checkpoint(keys, state, stored)


def _check_head(conn: Connection, state: _Rebuilt, row: Row[Any]) -> Iterator[Finding]:
    """What is stored of the right edge, of a log that was not given up."""
    if (row.size, row.root, row.frontier) != (state.size, state.edge.root(), bytes(state.edge)):
        yield Finding(state.origin, "the head is not what the entries give", row.size)
    if (row.closed_at is not None) != state.chain.closed:
        yield Finding(state.origin, "the head and the closing entry disagree", row.size)
    yield from _check_tails(conn, state)
    yield from _check_tile_count(conn, state)


def _cut(page: Page, start: int, stops: list[int]) -> Iterator[Page]:
    """A page cut at every size in `stops` (falling), which are taken off as they are passed."""
    begun, count = 0, len(page.indices)
    while stops and stops[-1] <= start + count:
        end = stops.pop() - start
        if end > begun:
            yield page.part(begun, end)
            begun = end
    if begun < count:
        yield page.part(begun, count)


def _checkpoints(conn: Connection, log: LogId) -> list[Row[int, bytes, bytes, bytes]]:
    c = checkpoint.c
    query = select(c.size, c.root, c.frontier, c.note).where(c.bucket == log.bucket, c.year == log.year)
    return list(conn.execute(query.order_by(c.size)))


def _take(conn: Connection, state: _Rebuilt, page: Page) -> Iterator[Finding]:
    for what, at in state.chain.follow(page):
        yield Finding(state.origin, what, at)
    state.edge, gained = grow(state.edge, page.hashes)
    for level in range(-(-len(gained) // HEIGHT)):
        yield from _fill(conn, state, level, gained)
    state.roots[state.size] = state.edge.root()


def _kept(log: LogId) -> Select[int]:
    c = index_chunk.c
    return select(c.upto).where(c.bucket == log.bucket, c.year == log.year).distinct()


def _raw(text: bytes) -> bytes:
    return bytes.fromhex(text.decode())


def _check_index(conn: Connection, state: _Rebuilt, *, kept: bool) -> Iterator[Finding]:
    """What an index over the entries so far is; the rows that are `kept` of it must be everybody's last entries."""
    upto, c = state.size, index_chunk.c
    mine = (c.bucket == state.log.bucket, c.year == state.log.year, c.upto == upto)
    rows = ((tag, *state.chain.tails[tag]) for tag in sorted(state.chain.tails))
    made = chunks_of((_raw(tag), n, _raw(leaf), idx) for tag, n, leaf, idx in rows)
    state.indexed[upto] = len(state.chain.tails), root_of(made)
    if not kept:
        return
    stored = conn.execute(select(c.n, c.first, c.root, c.data).where(*mine).order_by(c.n)).all()
    if [tuple(row) for row in stored] != [
        (n, one.rows[:TAG_BYTES], full_root(one), one.rows) for n, one in enumerate(made)
    ]:
        yield Finding(state.origin, "rows of an index are not what the entries give", upto)


def _fill(
    conn: Connection, state: _Rebuilt, level: int, gained: Sequence[Sequence[bytes]]
) -> Iterator[Finding]:
    """Compare each tile of `level` that the gained subtrees complete."""
    row = state.filling[level]
    row += gained[HEIGHT * level]
    roots = gained[HEIGHT * (level + 1)] if len(gained) > HEIGHT * (level + 1) else []
    for root in roots:
        stored, data = _tile(conn, state, level), b"".join(row[:WIDTH])
        if stored != (root, data):
            yield Finding(
                state.origin, f"tile of level {level} is not what the entries give", state.counts[level]
            )
        del row[:WIDTH]
        state.counts[level] += 1


def _tile(conn: Connection, state: _Rebuilt, level: int) -> tuple[bytes, bytes] | None:
    """What is stored of the tile now filled."""
    n = state.counts[level]
    if n % _TILES_AHEAD == 0:
        found = _TILES(conn, [(*state.log, level, n, n + _TILES_AHEAD)])
        state.tiles[level] = {at: (root, data) for at, root, data in found}
    return state.tiles[level].get(n)


def _check_tails(conn: Connection, state: _Rebuilt) -> Iterator[Finding]:
    c = subject_head.c
    query = select(c.tag, c.n, c.leaf, c.idx).where(c.bucket == state.log.bucket, c.year == state.log.year)
    rows = conn.execute(query)
    stored = {row.tag.hex().encode(): (row.n, row.leaf.hex().encode(), row.idx) for row in rows}
    for tag in stored.keys() | state.chain.tails.keys():
        if stored.get(tag) != state.chain.tails.get(tag):
            at = state.chain.tails.get(tag) or stored[tag]
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
