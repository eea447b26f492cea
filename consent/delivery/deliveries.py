"""Rows that wait to be sent: leased by one sender at a time, shared out between those they are for, settled once.

A row waits in its table, not in anybody's memory. Whoever takes it leases it: its next attempt moves on, and
`lease` counts up, which is the lease's name. So two servers never send the same row at the same time, a crash
costs one lease, and who comes late with a failure changes nothing once somebody else holds the row. A delivery
always stands: it has happened, whoever tells it and when.

Nobody's dead endpoint may hold up the others: one addressee gets its share of what is sent together, and the next
round begins with the addressee after the last.

* `take(database, queue, room, now_ms)`: a unit of work that yields its connection and the rows it has leased.
* `settle(conn, queue, leased, outcome, now_ms, next_at, wiped) -> bool`.
* `next_attempt(pace, attempts, until, now_ms, share) -> int | None`: pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, exists, select, tuple_, update

from vault.ids import Bucket
from vault.storage.database import Database

LEASE_MS: Final = 60_000
"""Longer than any attempt may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A table whose rows wait: beside `bucket` its primary key has `key`; `addressee` names a row of `party`.

    It has the columns `attempts`, `lease`, `next_at`, `code`, `delivered_at` and `failed_at`. Only addressees
    for which `reachable` holds are sent anything.
    """

    table: Table
    key: Column[bytes]
    addressee: Column[str]
    party: Column[str]
    reachable: ColumnElement[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a sender has free: `limit` rows, for one addressee no more than `share` with those that are `busy` already.

    `after` is the addressee with whom the last round ended.
    """

    limit: int = 16
    share: int = 16
    busy: Mapping[str, int] = field(default_factory=dict)
    after: str = ""

    def of(self, addressee: str) -> int:
        """How many more this addressee may be sent."""
        return max(0, self.share - self.busy.get(addressee, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """The name of one row and of the lease it is held under."""

    bucket: Bucket
    key: bytes
    lease: int


class Result(StrEnum):
    """What came of an attempt."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`code` says why it was refused or failed: one of a closed list, never a stranger's own words."""

    result: Result
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The first wait after a failure and the longest, in milliseconds."""

    first_ms: int
    longest_ms: int


def next_attempt(pace: Pace, attempts: int, until: int, now_ms: int, share: float) -> int | None:
    """When to try again after so many attempts; None when `until` (Unix ms) comes first.

    The wait doubles with each attempt; `share` (0 to 1, a throw of the dice) takes up to half of it off, so that what
    failed together is not sent together again.
    """
    wait = min(pace.first_ms * 2 ** min(attempts - 1, 20), pace.longest_ms)
    at = now_ms + wait - int(wait * share / 2)
    return at if at <= until else None


def waits(queue: Queue) -> ColumnElement[bool]:
    """That a row of the queue is neither delivered nor given up."""
    row = queue.table.c
    return and_(row.delivered_at.is_(None), row.failed_at.is_(None))


@contextmanager
def take(
    database: Database, queue: Queue, room: Room, now_ms: int
) -> Iterator[tuple[Connection, list[Any]] | None]:
    """Lease rows that are due, the oldest of each addressee first, in a unit of work that ends with the block.

    None when nothing is due: then there is no unit of work, which would take SQLite's one writer every second.
    """
    with database.glance() as conn:
        addressees = _addressees(conn, queue, room, now_ms)
    if not addressees:
        yield None
        return
    with database.write() as conn:
        rows: list[Any] = []
        for addressee in addressees:
            rows += _oldest(conn, queue, addressee, min(room.of(addressee), room.limit - len(rows)), now_ms)
            if len(rows) >= room.limit:
                break
        yield conn, _held(conn, queue, rows, now_ms)


def settle(  # each argument is a separate fact of the attempt
    conn: Connection,
    queue: Queue,
    leased: Leased,
    outcome: Outcome,
    now_ms: int,
    next_at: int | None,
    wiped: Mapping[str, None] | None = None,
) -> bool:
    """Write what came of an attempt; whether the row has now failed for good.

    A failure is tried again at `next_at`, or never when that is None. `wiped` are columns to empty once it is over.
    """
    row, gone = queue.table.c, wiped or {}
    own = (row.bucket == leased.bucket, queue.key == leased.key)
    if outcome.result is Result.DELIVERED:
        done = {"delivered_at": now_ms, "failed_at": None, "code": None, **gone}
        conn.execute(update(queue.table).where(*own, row.delivered_at.is_(None)).values(done))
        return False
    again = next_at if outcome.result is Result.FAILED else None
    told = {"failed_at": now_ms, **gone} if again is None else {"next_at": again}
    mine = (*own, waits(queue), row.lease == leased.lease)
    written = conn.execute(update(queue.table).where(*mine).values(code=outcome.code or None, **told))
    return again is None and written.rowcount == 1


def _addressees(conn: Connection, queue: Queue, room: Room, now_ms: int) -> Sequence[str]:
    """Who has something due and room for it, beginning after the last one of the round before."""
    full = [addressee for addressee in room.busy if not room.of(addressee)]
    due = exists().where(queue.addressee == queue.party, waits(queue), queue.table.c.next_at <= now_ms)
    wanted = select(queue.party).where(queue.reachable, queue.party.not_in(full), due)
    in_turn = wanted.order_by(queue.party <= room.after, queue.party).limit(room.limit)
    return conn.execute(in_turn).scalars().all()


def _oldest(conn: Connection, queue: Queue, addressee: str, many: int, now_ms: int) -> Sequence[Any]:
    due = (queue.addressee == addressee, waits(queue), queue.table.c.next_at <= now_ms)
    wanted = select(queue.table.c.bucket, queue.key.label("key")).where(*due)
    in_turn = wanted.order_by(queue.table.c.next_at, queue.key).limit(many)
    return conn.execute(in_turn.with_for_update(skip_locked=True)).all()


def _held(conn: Connection, queue: Queue, rows: Sequence[Any], now_ms: int) -> list[Any]:
    if not rows:
        return []
    row = queue.table.c
    mine = tuple_(row.bucket, queue.key).in_([(one.bucket, one.key) for one in rows])
    moved = {"attempts": row.attempts + 1, "lease": row.lease + 1, "next_at": now_ms + LEASE_MS}
    conn.execute(update(queue.table).where(mine).values(moved))
    place = {(one.bucket, one.key): at for at, one in enumerate(rows)}
    found = conn.execute(select(queue.table).where(mine)).all()
    return sorted(found, key=lambda one: place[one.bucket, getattr(one, queue.key.name)])
