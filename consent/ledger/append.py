"""Appending inside the caller's transaction: any list of items, any mix of logs, a constant number of statements.

The head rows are locked in (bucket, year) order and everything below happens under them: ids are looked up,
each tag's number and previous leaf continue without a gap, indices follow the head, tiles that became full are
written, and the heads move on only if nobody else moved them. No promise is handed out and nothing is signed
here: when the caller's transaction commits, the entry is in the tree. Call it as the transaction's last step,
so that the heads are held briefly and always after every other lock. Whoever writes into a log first begins it, with
an entry that says which log it carries on (`succession`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection

from consent.ledger import append_rows
from consent.ledger.entries.entry import LOG_KINDS, NO_PREVIOUS, Kind, body, parse
from consent.ledger.entries.log_entry import LogEntry, Opening, encode
from consent.ledger.errors import LedgerAlarm, LedgerConflict, WrongLog
from consent.ledger.fill import Growth, write_full_tiles
from consent.ledger.open_now import read_editions
from consent.ledger.origin import PER_EDITION, LogId, origin_of, year_of
from consent.ledger.succession import opening_of
from consent.ledger.tree import EMPTY, EMPTY_ROOT, Frontier, leaf_hash
from vault.editions import Editions
from vault.ids import SubjectId
from vault.storage.rowset import Call, volley


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entry to be: made by `openings.new_item`, for the log of (bucket, year)."""

    bucket: int
    year: int
    kind: Kind
    tag: bytes
    id: bytes
    commitment: bytes
    subject: SubjectId
    sealed_secret: bytes
    editions: Editions | None = field(default=None, repr=False, compare=False)
    """What its log was chosen by: read anew when that log turns out to be closed."""


class Position(NamedTuple):
    """Where an entry stands: its log, its index in it, its number `n` for its person (0 for nobody's), its exact bytes."""

    bucket: int
    year: int
    origin: str
    idx: int
    n: int
    leaf: bytes
    body: bytes


type _Tag = tuple[int, int, bytes]
type _EntryRow = tuple[int, int, int, bytes, bytes, bytes]
type _Found = tuple[int, int | None, bytes | None, bytes | None, int | None, bytes | None]


@dataclass(slots=True)
class _OpenLog:
    """A locked log while a batch goes into it."""

    origin: str
    frontier: Frontier
    ts: int
    leaves: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class _Batch:
    """What one call is going to write."""

    logs: dict[LogId, _OpenLog]
    entries: list[_EntryRow] = field(default_factory=list)
    openings: list[tuple[int, int, int, bytes, bytes]] = field(default_factory=list)
    tails: dict[_Tag, tuple[int, bytes, int]] = field(default_factory=dict)
    placed: dict[_Tag, tuple[Item, Position]] = field(default_factory=dict)


def append(
    conn: Connection, items: Sequence[Item], now_ms: int, ledger_host: str, *, ahead: Sequence[Call] = ()
) -> list[Position]:
    """Append `items` in order and return one position each; `ahead` is sent with the first statement, before it.

    An id that is already there with the same kind, tag and commitment gives its old position; with others,
    LedgerConflict. WrongLog when an item was prepared for another year than that of `now_ms` (Unix ms), or for a log
    that is closed: then its editions have been read anew, and the same can be tried again.
    """
    if not items:
        volley(conn, *ahead)
        return []
    _refuse_foreign(items, now_ms)
    logs = sorted({LogId(item.bucket, item.year) for item in items})
    keys = [(item.bucket, item.year, item.id, item.tag) for item in items]
    *_, heads, found = volley(conn, *ahead, Call(append_rows.LOCK, logs), Call(append_rows.FIND, keys))
    if not heads:
        # Once in the life of a log its head is missing; opening it locks the others in the same order.
        heads = append_rows.OPEN(conn, [(*log, EMPTY_ROOT, b"") for log in logs])
        found = append_rows.FIND(conn, keys)
    _refuse_closed(conn, heads, items)
    batch = _begun(conn, heads, now_ms, ledger_host)
    positions = [_place(batch, item, row) for item, row in zip(items, found, strict=True)]
    if batch.entries:
        _write(conn, batch)
    return positions


def append_about_log(
    conn: Connection, log: LogId, entry: LogEntry, now_ms: int, ledger_host: str
) -> Position:
    """Append one entry about the log itself, as of its own time or `now_ms` (Unix ms), whichever is later.

    It may go into any year's log, so that a log can be closed when its year is over; WrongLog when it is
    closed. Call it as the last step.
    """
    heads = append_rows.LOCK(conn, [log]) or append_rows.OPEN(conn, [(*log, EMPTY_ROOT, b"")])
    # An opening that somebody wants to write into a log of no entries is the one it would begin with.
    batch = _begun(conn, heads, now_ms, ledger_host, opening=not isinstance(entry, Opening))
    position = _place_about(batch, log, entry)
    _write(conn, batch)
    return position


def lock(conn: Connection, log: LogId) -> None:
    """Hold the head of a log that exists until the transaction ends."""
    append_rows.LOCK(conn, [log])


def _refuse_foreign(items: Iterable[Item], now_ms: int) -> None:
    year = year_of(now_ms)
    for item in items:
        if item.year % PER_EDITION != year:
            raise WrongLog("item prepared for another year than that of its entry")
        if item.kind in LOG_KINDS:
            raise WrongLog("an entry about the log itself is not appended as a person's")


def _refuse_closed(conn: Connection, heads: Sequence[tuple[Any, ...]], items: Sequence[Item]) -> None:
    """Under the heads' locks, so that whoever gave a log up has begun its successor by now."""
    if all(closed_at is None for *_, closed_at in heads):
        return
    for editions in {id(item.editions): item.editions for item in items}.values():
        if editions is not None:
            read_editions(conn, editions)
    raise WrongLog("the log is closed")


def _begun(
    conn: Connection,
    heads: Sequence[tuple[Any, ...]],
    now_ms: int,
    ledger_host: str,
    *,
    opening: bool = True,
) -> _Batch:
    """A batch for the locked logs; one that has no entry yet gets its first here, unless it carries on none."""
    batch = _Batch(_opened(heads, now_ms, ledger_host))
    for log, state in batch.logs.items():
        first = opening_of(conn, log, state.ts, ledger_host) if opening and not state.frontier.size else None
        if first is not None:
            _place_about(batch, log, first)
    return batch


def _place_about(batch: _Batch, log: LogId, entry: LogEntry) -> Position:
    state = batch.logs[log]
    data = encode(replace(entry, ts=state.ts))
    leaf, idx = leaf_hash(data), state.frontier.size + len(state.leaves)
    state.leaves.append(leaf)
    batch.entries.append((*log, idx, entry.id, leaf, data))
    return Position(bucket=log.bucket, year=log.year, origin=state.origin, idx=idx, n=0, leaf=leaf, body=data)


def _opened(heads: Sequence[tuple[Any, ...]], now_ms: int, ledger_host: str) -> dict[LogId, _OpenLog]:
    logs: dict[LogId, _OpenLog] = {}
    for bucket, year, size, root, frontier, ts, closed_at in heads:
        log = LogId(bucket, year)
        origin = origin_of(ledger_host, log)
        if closed_at is not None:
            raise WrongLog("the log is closed")
        logs[log] = _OpenLog(origin, _intact(origin, size, frontier, root), max(now_ms, ts))
    return logs


def _intact(origin: str, size: int, frontier: bytes, root: bytes) -> Frontier:
    """The stored right edge, unless it was damaged: nothing may be built on a wrong one."""
    try:
        edge = Frontier.parse(size, frontier) if size else EMPTY
    except ValueError as error:
        raise LedgerAlarm(origin, "frontier does not fit the size") from error
    if edge.root() != root:
        raise LedgerAlarm(origin, "frontier does not lead to the root")
    return edge


def _place(batch: _Batch, item: Item, row: _Found) -> Position:
    _, idx, leaf, stored, n, tail = row
    key = (item.bucket, item.year, item.id)
    if key in batch.placed:
        return _same(item, *batch.placed[key])
    log = batch.logs[LogId(item.bucket, item.year)]
    if idx is not None and leaf is not None and stored is not None:
        return _old_position(item, log.origin, idx, leaf, stored)
    position = _next_position(batch, log, item, (n or 0, tail or NO_PREVIOUS))
    batch.placed[key] = (item, position)
    return position


def _next_position(batch: _Batch, log: _OpenLog, item: Item, stored: tuple[int, bytes]) -> Position:
    bucket, year, tag = item.bucket, item.year, item.tag
    tail = batch.tails.get((bucket, year, tag))
    n, previous = stored if tail is None else tail[:2]
    n += 1
    data = body(item.kind, log.ts, tag, n, previous, item.commitment, item.id)
    leaf = leaf_hash(data)
    idx = log.frontier.size + len(log.leaves)
    log.leaves.append(leaf)
    batch.entries.append((bucket, year, idx, item.id, leaf, data))
    batch.openings.append((bucket, year, idx, item.subject, item.sealed_secret))
    batch.tails[bucket, year, tag] = (n, leaf, idx)
    return Position(bucket=bucket, year=year, origin=log.origin, idx=idx, n=n, leaf=leaf, body=data)


def _same(item: Item, before: Item, position: Position) -> Position:
    if (item.kind, item.tag, item.commitment) != (before.kind, before.tag, before.commitment):
        raise LedgerConflict("this entry id stands for another entry of the batch")
    return position


def _old_position(item: Item, origin: str, idx: int, leaf: bytes, stored: bytes) -> Position:
    entry = parse(stored)
    if (item.kind, item.tag, item.commitment) != (entry.kind, entry.tag, entry.commitment):
        raise LedgerConflict("this entry id stands for another entry")
    return Position(
        bucket=item.bucket, year=item.year, origin=origin, idx=idx, n=entry.n, leaf=leaf, body=stored
    )


def _write(conn: Connection, batch: _Batch) -> None:
    grown = {log: state for log, state in batch.logs.items() if state.leaves}
    write_full_tiles(conn, [Growth(log, state.frontier.size, state.leaves) for log, state in grown.items()])
    moved = append_rows.WRITE(
        conn,
        {
            "entries": batch.entries,
            "openings": batch.openings,
            "tails": [(*tag, *tail) for tag, tail in batch.tails.items()],
            "heads": [_moved_head(log, state) for log, state in grown.items()],
        },
    )
    if len(moved) != len(grown):
        raise LedgerAlarm(next(iter(grown.values())).origin, "a head moved although it was locked")


def _moved_head(log: LogId, state: _OpenLog) -> tuple[int, int, int, int, bytes, bytes, int]:
    edge = state.frontier.extend(state.leaves)
    return (*log, state.frontier.size, edge.size, edge.root(), bytes(edge), state.ts)
