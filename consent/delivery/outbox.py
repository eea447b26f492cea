"""The outbox: events on their way to recipients, at least once each, with growing waits, until they are acknowledged.

How they are leased and shared out is `deliveries`' business. What a recipient refuses (RFC 8935 §2.3) is not
sent again by itself, and after a week nothing is: both stay visible as failed until an operator sends them
again, which begins the week and the waits anew. An event is overdue when it is still not acknowledged an hour
after it happened.

* `take(vault, now_ms, room) -> list[Due]`; `settle(database, due, outcome, now_ms, share)`: what came of one.
* `overdue(conn, now_ms) -> list[Late]` for operators; `standing(conn, bucket, grants) -> dict` for the person;
  `again(conn, recipient_id, now_ms) -> int`: send what has failed once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, and_, func, or_, select, update

from consent.delivery import deliveries
from consent.delivery.deliveries import Leased, Outcome, Pace, Queue, Room, next_attempt, waits
from consent.delivery.suspension_events import signed
from consent.ids import GrantId, RecipientId
from consent.schema.tables import event_outbox, recipient
from vault.ids import Bucket
from vault.opening import Vault
from vault.storage.database import Database

PACE: Final = Pace(first_ms=5_000, longest_ms=6 * 3_600_000)
DEADLINE_MS: Final = 7 * 86_400_000
OVERDUE_MS: Final = 3_600_000
NO_ADDRESS: Final = "no_address"

_QUEUE: Final = Queue(
    table=event_outbox,
    key=event_outbox.c.id,
    addressee=event_outbox.c.recipient_id,
    party=recipient.c.id,
    # Whoever is suspended is told all the same: that it is, and what people have taken back meanwhile.
    reachable=recipient.c.event_uri.is_not(None),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """An event that is to be sent now; `attempts` counts this one. `since` is when the week began, in Unix ms."""

    bucket: Bucket
    id: bytes
    addressee: str
    event_uri: str
    body: str
    attempts: int
    lease: int
    since: int


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


def take(vault: Vault, now_ms: int, room: Room | None = None) -> list[Due]:
    """Lease the oldest events that are due and have somewhere to go, each recipient its share of `room`."""
    with deliveries.take(vault.data, _QUEUE, room or Room(), now_ms) as taken:
        if taken is None:
            return []
        conn, rows = taken
        bodies = signed(conn, vault, [row for row in rows if row.body is None])
        where = select(recipient.c.id, recipient.c.event_uri).where(_QUEUE.reachable)
        addressed = where.where(recipient.c.id.in_({row.recipient_id for row in rows}))
        uris = {row.id: row.event_uri for row in conn.execute(addressed)}
    # Whoever's address was taken away a moment ago is sent nothing; the lease runs out.
    going = [row for row in rows if row.recipient_id in uris]
    return [_due(row, uris[row.recipient_id], row.body or bodies[row.id]) for row in going]


def give_up(database: Database, now_ms: int) -> int:
    """Mark as failed what has waited for a week and has nowhere to go; how many those were."""
    row = event_outbox.c
    nowhere = select(recipient.c.id).where(recipient.c.event_uri.is_(None))
    old = func.coalesce(row.again_at, row.created_at) <= now_ms - DEADLINE_MS
    hopeless = and_(waits(_QUEUE), old, row.recipient_id.in_(nowhere))
    with database.write() as conn:
        ended = update(event_outbox).where(hopeless).values(failed_at=now_ms, code=NO_ADDRESS)
        return conn.execute(ended).rowcount


def settle(database: Database, due: Due, outcome: Outcome, now_ms: int, share: float) -> bool:
    """Write what came of an attempt; whether the event has now failed for good."""
    at = next_attempt(PACE, due.attempts, due.since + DEADLINE_MS, now_ms, share)
    leased = Leased(bucket=due.bucket, key=due.id, lease=due.lease)
    with database.write() as conn:
        return deliveries.settle(conn, _QUEUE, leased, outcome, now_ms, at)


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
            code=one.code or NO_ADDRESS,
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
    """Send once more whatever has failed for good at this recipient, as if it had just happened; how many events."""
    row = event_outbox.c
    failed = (row.recipient_id == recipient_id, row.failed_at.is_not(None), row.delivered_at.is_(None))
    # A new lease, though nobody's: whoever still holds an old one has no say in this beginning.
    afresh = {"failed_at": None, "next_at": now_ms, "again_at": now_ms, "attempts": 0, "lease": row.lease + 1}
    return conn.execute(update(event_outbox).where(*failed).values(afresh)).rowcount


def _late(now_ms: int) -> Any:
    row = event_outbox.c
    late = or_(row.failed_at.is_not(None), row.created_at <= now_ms - OVERDUE_MS)
    return and_(row.delivered_at.is_(None), late)


def _due(row: Any, uri: str, body: str) -> Due:
    return Due(
        bucket=Bucket(row.bucket),
        id=row.id,
        addressee=row.recipient_id,
        event_uri=uri,
        body=body,
        attempts=row.attempts,
        lease=row.lease,
        since=row.again_at or row.created_at,
    )
