"""Telling every process to forget a key: numbered evictions, and a lease for each cache (vault.md §6.7).

No threads and no connections kept open. A cache may answer only while its lease of ten seconds runs; renewing
it, at most every three seconds and only when keys are asked for, reads what has to be forgotten. So an eviction
is complete as soon as every member has seen its number or has lost its lease. A member that renews too late
reads the news once more when the new lease is there, because somebody may have counted it out meanwhile. Wall
clocks of servers must agree within two seconds; the member's own lease is measured by its monotonic clock.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import batched
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from vault.ids import SubjectId, TenantId
from vault.keys.tables import cache_member, eviction, eviction_head
from vault.storage.database import Database

LEASE_MS: Final = 10_000
RENEW_MS: Final = 3_000
SKEW_MS: Final = 2_000
KEEP_MS: Final = 600_000
"""Evictions older than this are of no use to anybody: whoever missed them has lost the lease long ago."""

TENANT: Final = SubjectId(b"")
"""Stands in an eviction for the tenant's own keys instead of a person's."""

_RETRY_MS: Final = 500
_CHUNK: Final = 5_000


def wall_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def announce(conn: Connection, tenant: TenantId, subjects: Iterable[SubjectId], now_ms: int) -> int:
    """Inside a transaction of the key data base: have every cache forget these; the eviction's number.

    `now_ms` is the wall clock and nothing else: by it old news are cleared away.
    """
    seq = _next_number(conn, tenant)
    for chunk in batched(dict.fromkeys(subjects), _CHUNK):
        rows = [{"tenant": tenant, "seq": seq, "subject": subject, "at": now_ms} for subject in chunk]
        conn.execute(insert(eviction), rows)
    old = now_ms - KEEP_MS
    conn.execute(delete(eviction).where(eviction.c.tenant == tenant, eviction.c.at < old))
    conn.execute(
        delete(cache_member).where(cache_member.c.tenant == tenant, cache_member.c.lease_until < old)
    )
    return seq


def is_clear(conn: Connection, tenant: TenantId, seq: int, now_ms: int) -> bool:
    """Whether no cache still answers with what eviction `seq` named; `now_ms` is the wall clock."""
    late = (
        select(cache_member.c.id)
        .where(
            cache_member.c.tenant == tenant,
            cache_member.c.seen < seq,
            cache_member.c.lease_until + SKEW_MS >= now_ms,
        )
        .limit(1)
    )
    return conn.execute(late).first() is None


def members(conn: Connection, tenant: TenantId, now_ms: int) -> int:
    """How many caches hold a lease now."""
    held = select(cache_member.c.id).where(
        cache_member.c.tenant == tenant, cache_member.c.lease_until >= now_ms
    )
    return len(conn.execute(held).all())


class Membership:
    """One cache's place among those that have to be told; thread-safe.

    `forget` is called with the subjects to drop (TENANT among them for the tenant's own keys), or with None
    for everything, before the number is acknowledged.
    """

    def __init__(
        self,
        database: Database,
        tenant: TenantId,
        forget: Callable[[Sequence[SubjectId] | None], None],
        *,
        since: int,
        clock: Callable[[], float],
        wall: Callable[[], int],
    ) -> None:
        self._database = database
        self._tenant = tenant
        self._forget = forget
        self._clock = clock
        self._wall = wall
        self._lock = threading.Lock()
        self._id = secrets.token_bytes(16)
        self._seen = since
        self._joined = False
        self._renewed, self._due, self._lease_end = clock(), float("-inf"), float("-inf")

    def keep(self) -> None:
        """Make sure that the lease runs; raises DBAPIError when it has ended and cannot be renewed."""
        now = self._clock()
        if now < self._due:
            return
        if not self._lock.acquire(blocking=now >= self._lease_end):
            return  # another thread is renewing, and the lease still runs
        try:
            if self._clock() >= self._due:
                self._renew_or_go_on()
        finally:
            self._lock.release()

    def catch_up(self, seq: int) -> None:
        """Renew now if eviction `seq` has not been heard of: when this returns, it is forgotten here."""
        with self._lock:
            if not self._joined or self._seen < seq:
                self._renew()

    def leave(self) -> None:
        """Give up the place: nobody waits for this cache any more. `keep` joins again."""
        with self._lock:
            if not self._joined:
                return
            self._forget(None)
            self._joined, self._due, self._lease_end = False, float("-inf"), float("-inf")
            with self._database.write() as conn:
                conn.execute(delete(cache_member).where(*self._mine))

    @property
    def _mine(self) -> tuple[ColumnElement[bool], ...]:
        return cache_member.c.tenant == self._tenant, cache_member.c.id == self._id

    def _renew_or_go_on(self) -> None:
        try:
            self._renew()
        except DBAPIError:
            if self._clock() >= self._lease_end:
                raise
            self._due = min(self._clock() + _RETRY_MS / 1000, self._lease_end)

    def _renew(self) -> None:
        begun, until = self._clock(), self._wall() + LEASE_MS
        with self._database.write() as conn:
            seen = self._follow(conn, until)
        now = self._clock()
        if now >= self._lease_end:
            # Somebody may have counted this cache out just before the lease was there again: their news are in
            # by now. News are not kept for ever either.
            self._catch_up(seen)
            if now >= self._renewed + KEEP_MS / 2000:
                self._forget(None)
        self._seen, self._joined = seen, True
        self._renewed, self._due, self._lease_end = begun, begun + RENEW_MS / 1000, begun + LEASE_MS / 1000

    def _catch_up(self, seen: int) -> None:
        with self._database.read() as conn:
            rows = self._news(conn, seen)
        if rows:
            self._forget([SubjectId(row.subject) for row in rows])

    def _follow(self, conn: Connection, until: int) -> int:
        rows = self._news(conn, self._seen)
        if rows:
            self._forget([SubjectId(row.subject) for row in rows])
        seen: int = max([self._seen, *(row.seq for row in rows)])
        held = {"seen": seen, "lease_until": until}
        if conn.execute(update(cache_member).where(*self._mine).values(held)).rowcount == 0:
            if self._joined:  # cleared away as long lost
                self._forget(None)
            conn.execute(insert(cache_member).values(tenant=self._tenant, id=self._id, **held))
        return seen

    def _news(self, conn: Connection, seen: int) -> Sequence[Any]:
        wanted = select(eviction.c.seq, eviction.c.subject)
        return conn.execute(wanted.where(eviction.c.tenant == self._tenant, eviction.c.seq > seen)).all()


def _next_number(conn: Connection, tenant: TenantId) -> int:
    """The next number; its row stays locked until the commit, so that no smaller one appears later."""
    make = (sqlite if conn.dialect.name == "sqlite" else postgresql).insert
    conn.execute(make(eviction_head).values(tenant=tenant, seq=0).on_conflict_do_nothing())
    taken = (
        update(eviction_head)
        .where(eviction_head.c.tenant == tenant)
        .values(seq=eviction_head.c.seq + 1)
        .returning(eviction_head.c.seq)
    )
    return int(conn.execute(taken).scalar_one())


def last_number(conn: Connection, tenant: TenantId) -> int:
    """The number of the newest eviction; 0 when there never was one."""
    row = conn.execute(select(eviction_head.c.seq).where(eviction_head.c.tenant == tenant)).first()
    return 0 if row is None else int(row.seq)
