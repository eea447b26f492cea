"""A recipient's record of the last year, as the approval page shows it: does it erase what it must, was it suspended?

Counted are consents that ended with something to erase: the recipient proved the erasure by the last day it had
(a statement that came later is late, whatever it says), or proved it late, or the day has passed and there is
none. Whose day is still to come and who has not proved anything is not counted. The count runs over everybody's
rows, so it is made once a day and not while somebody looks (`recount`); suspensions are few, and read as they
are.

People who said that they were refused a service for want of data it does not need (`grants.service_denials`) are counted
with them, each once. Fewer than five are not told: a recipient could tell who they were.

* `recount(vault, now_ms) -> int`: for every recipient; how many those are.
* `record_of(conn, recipient_id, now_ms) -> TrackRecord | None`; None for nobody's id.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select

from consent.schema.tables import recipient, recipient_record, suspension
from vault.opening import Vault
from vault.storage.rowset import RowSet

YEAR_MS: Final = 365 * 86_400_000
FEWEST: Final = 5

# One consent may have ended by several events: its first day counts, and its first proof.
_RECOUNT = RowSet(
    "WITH {rows}, owed AS (SELECT e.recipient_id, min(e.erase_by) AS due, "
    "(SELECT min(p.received_at) FROM deletion_proof p WHERE p.bucket = e.bucket AND p.grant_id = e.grant_id) AS proven "
    "FROM rows JOIN event_outbox e ON e.erase_by > rows.since AND e.grant_id IS NOT NULL "
    "GROUP BY e.recipient_id, e.bucket, e.grant_id), "
    "denied AS (SELECT d.recipient_id, count(DISTINCT d.subject) AS people FROM rows JOIN service_denial d "
    "ON d.said_at > rows.since GROUP BY d.recipient_id) "
    "INSERT INTO recipient_record (recipient_id, erased_in_time, erased_late, not_erased, service_denied, counted_at) "
    "SELECT r.id, count(CASE WHEN o.proven < o.due THEN 1 END), count(CASE WHEN o.proven >= o.due THEN 1 END), "
    "count(CASE WHEN o.proven IS NULL AND o.due <= rows.now THEN 1 END), coalesce(min(n.people), 0), min(rows.now) "
    "FROM rows CROSS JOIN recipient r LEFT JOIN owed o ON o.recipient_id = r.id "
    "LEFT JOIN denied n ON n.recipient_id = r.id WHERE r.kind = 'organisation' "
    "GROUP BY r.id ORDER BY r.id "
    "ON CONFLICT (recipient_id) DO UPDATE SET erased_in_time = excluded.erased_in_time, "
    "erased_late = excluded.erased_late, not_erased = excluded.not_erased, "
    "service_denied = excluded.service_denied, counted_at = excluded.counted_at "
    "RETURNING recipient_id",
    since="int",
    now="int",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRecord:
    """Numbers of the last year; times in Unix ms. `counted_at` is None before the first count of erasures."""

    erased_in_time: int
    erased_late: int
    not_erased: int
    counted_at: int | None
    suspensions: int
    last_suspended_at: int | None
    service_denied: int = 0
    """How many people said that they were refused a service for want of data it does not need; 0 for fewer than `FEWEST`."""

    @property
    def owed(self) -> int:
        """How many consents ended with something to erase."""
        return self.erased_in_time + self.erased_late + self.not_erased


def recount(vault: Vault, now_ms: int) -> int:
    """Count every recipient's erasures anew."""
    with vault.data.write() as conn:
        return len(_RECOUNT(conn, [(now_ms - YEAR_MS, now_ms)]))


def record_of(conn: Connection, recipient_id: str, now_ms: int) -> TrackRecord | None:
    """What is on record about a recipient."""
    known, counted, stopped = recipient.c, recipient_record.c, suspension.c
    row = conn.execute(
        select(
            known.id,
            counted.erased_in_time,
            counted.erased_late,
            counted.not_erased,
            counted.service_denied,
            counted.counted_at,
        )
        .outerjoin(recipient_record, counted.recipient_id == known.id)
        .where(known.id == recipient_id)
    ).one_or_none()
    if row is None:
        return None
    times, last = conn.execute(
        select(func.count(), func.max(stopped.at)).where(
            stopped.recipient_id == recipient_id, stopped.step == "suspended", stopped.at > now_ms - YEAR_MS
        )
    ).one()
    return TrackRecord(
        erased_in_time=row.erased_in_time or 0,
        erased_late=row.erased_late or 0,
        not_erased=row.not_erased or 0,
        counted_at=row.counted_at,
        suspensions=int(times),
        last_suspended_at=last,
        service_denied=denied if (denied := row.service_denied or 0) >= FEWEST else 0,
    )
