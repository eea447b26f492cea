"""The outbox: events on their way to recipients, at least once each, with growing waits, until they are acknowledged.

An event waits in its row, not in anybody's memory. Whoever takes it leases it by moving its next attempt on, so that two
servers never send the same one at the same time and a crash costs one lease. What a recipient refuses (RFC 8935 §2.3) is
not sent again by itself, and after a week nothing is: both stay visible as failed until an operator sends them again. An
event is overdue when it is still not acknowledged an hour after it happened.

* `take(database, now_ms, limit) -> list[Due]`; `settle(database, due, outcome, now_ms, share)`: what came of one.
* `overdue(conn, now_ms) -> list[Late]` for operators; `standing(conn, bucket, grants) -> dict` for the person;
  `again(conn, recipient_id, now_ms) -> int`: send what has failed once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, and_, func, or_, select, tuple_, update

from consent.ids import GrantId, RecipientId
from consent.tables import event_outbox, recipient
from vault.ids import Bucket
from vault.storage import Database

FIRST_WAIT_MS: Final = 5_000
LONGEST_WAIT_MS: Final = 6 * 3_600_000
DEADLINE_MS: Final = 7 * 86_400_000
OVERDUE_MS: Final = 3_600_000
LEASE_MS: Final = 60_000
"""Longer than any attempt may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """An event that is to be sent now; `attempts` counts this one. Times in Unix ms."""

    bucket: Bucket
    id: bytes
    event_uri: str
    body: str
    attempts: int
    created_at: int


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
class Late:
    """Events of one kind that a recipient should have acknowledged: how many, since when, and why the last was not."""

    recipient_id: RecipientId
    recipient: str
    kind: str
    count: int
    since: int
    code: str
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One event of a grant as its person sees it; `overdue` also when it has failed for good."""

    id: bytes
    kind: str
    created_at: int
    delivered_at: int | None
    overdue: bool


def next_attempt(attempts: int, created_at: int, now_ms: int, share: float) -> int | None:
    """When to try again after so many attempts; None when the deadline comes first.

    The wait doubles with each attempt; `share` (0 to 1, a throw of the dice) takes up to half of it off, so that what
    failed together is not sent together again.
    """
    wait = min(FIRST_WAIT_MS * 2 ** min(attempts - 1, 20), LONGEST_WAIT_MS)
    at = now_ms + wait - int(wait * share / 2)
    return at if at <= created_at + DEADLINE_MS else None


def take(database: Database, now_ms: int, limit: int = 16) -> list[Due]:
    """Lease the oldest events that are due and have somewhere to go."""
    row = event_outbox.c
    due = (
        select(row.bucket, row.id, row.body, row.attempts, row.created_at, recipient.c.event_uri)
        .join(recipient, recipient.c.id == row.recipient_id)
        .where(_waiting(), row.next_at <= now_ms, recipient.c.event_uri.is_not(None))
        .order_by(row.next_at, row.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=event_outbox)
    )
    with database.write() as conn:
        found = conn.execute(due).all()
        if found:
            mine = tuple_(row.bucket, row.id).in_([(one.bucket, one.id) for one in found])
            leased = {"attempts": row.attempts + 1, "next_at": now_ms + LEASE_MS}
            conn.execute(update(event_outbox).where(mine).values(leased))
    return [_due(one) for one in found]


def give_up(database: Database, now_ms: int) -> int:
    """Mark as failed what has waited for a week and has nowhere to go; how many those were."""
    row = event_outbox.c
    nowhere = select(recipient.c.id).where(recipient.c.event_uri.is_(None))
    hopeless = and_(_waiting(), row.created_at <= now_ms - DEADLINE_MS, row.recipient_id.in_(nowhere))
    with database.write() as conn:
        ended = update(event_outbox).where(hopeless).values(failed_at=now_ms, code="no_address")
        return conn.execute(ended).rowcount


def settle(database: Database, due: Due, outcome: Outcome, now_ms: int, share: float) -> bool:
    """Write what came of an attempt; whether the event has failed for good."""
    values: dict[str, Any] = {"code": outcome.code or None}
    if outcome.result is Result.DELIVERED:
        values["delivered_at"] = now_ms
    elif outcome.result is Result.REFUSED:
        values["failed_at"] = now_ms
    else:
        at = next_attempt(due.attempts, due.created_at, now_ms, share)
        values |= {"failed_at": now_ms} if at is None else {"next_at": at}
    own = (event_outbox.c.bucket == due.bucket, event_outbox.c.id == due.id)
    with database.write() as conn:
        # A second server whose lease ran out may have been acknowledged meanwhile: that stands.
        conn.execute(update(event_outbox).where(*own, _waiting()).values(values))
    return "failed_at" in values


def overdue(conn: Connection, now_ms: int) -> list[Late]:
    """What is not acknowledged although it should be, oldest first."""
    row = event_outbox.c
    rows = conn.execute(
        select(
            row.recipient_id,
            recipient.c.legal_name,
            row.kind,
            func.count().label("count"),
            func.min(row.created_at).label("since"),
            func.max(row.code).label("code"),
            func.count(row.failed_at).label("failed"),
        )
        .join(recipient, recipient.c.id == row.recipient_id)
        .where(_late(now_ms))
        .group_by(row.recipient_id, recipient.c.legal_name, row.kind)
        .order_by(func.min(row.created_at))
    )
    return [
        Late(
            recipient_id=RecipientId(one.recipient_id),
            recipient=one.legal_name,
            kind=one.kind,
            count=int(one[3]),
            since=one.since,
            code=one.code or "no_address",
            failed=one.failed,
        )
        for one in rows
    ]


def standing(
    conn: Connection, bucket: Bucket, grants: Sequence[GrantId], now_ms: int
) -> dict[GrantId, list[Told]]:
    """Of each grant the events its recipient is told, oldest first."""
    row = event_outbox.c
    found: dict[GrantId, list[Told]] = {}
    rows = conn.execute(
        select(row.grant_id, row.id, row.kind, row.created_at, row.delivered_at, row.failed_at)
        .where(row.bucket == bucket, row.grant_id.in_(grants))
        .order_by(row.created_at, row.id)
    )
    for one in rows:
        missing = one.delivered_at is None
        late = missing and (one.failed_at is not None or now_ms >= one.created_at + OVERDUE_MS)
        told = Told(
            id=one.id,
            kind=one.kind,
            created_at=one.created_at,
            delivered_at=one.delivered_at,
            overdue=late,
        )
        found.setdefault(GrantId(one.grant_id), []).append(told)
    return found


def again(conn: Connection, recipient_id: str, now_ms: int) -> int:
    """Send once more whatever has failed for good at this recipient; how many events those are."""
    row = event_outbox.c
    failed = (row.recipient_id == recipient_id, row.failed_at.is_not(None), row.delivered_at.is_(None))
    revived = update(event_outbox).where(*failed).values(failed_at=None, next_at=now_ms)
    return conn.execute(revived).rowcount


def _waiting() -> Any:
    return and_(event_outbox.c.delivered_at.is_(None), event_outbox.c.failed_at.is_(None))


def _late(now_ms: int) -> Any:
    row = event_outbox.c
    late = or_(row.failed_at.is_not(None), row.created_at <= now_ms - OVERDUE_MS)
    return and_(row.delivered_at.is_(None), late)


def _due(row: Any) -> Due:
    return Due(
        bucket=Bucket(row.bucket),
        id=row.id,
        event_uri=row.event_uri,
        body=row.body,
        attempts=row.attempts + 1,
        created_at=row.created_at,
    )
