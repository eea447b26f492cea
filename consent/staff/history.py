"""What staff asked for, decided, opened, read, looked up and were denied about one person, as that person sees it.

`staff_events(conn, bucket, subject) -> list[StaffEvent]`, newest first. Staff are named by role and key number.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select

from consent.denials import DAY_MS
from consent.ids import fields_of
from consent.schema.dual_tables import dual_request, dual_vote, emergency_read, staff_lookup
from consent.schema.staff_tables import staff_read, staff_refusal
from consent.schema.tables import denial
from consent.staff_members import DualKind, Verdict
from vault.ids import Bucket, SubjectId


class StaffEventKind(StrEnum):
    ASKED = "staff_asked"
    APPROVED = "staff_approved"
    REFUSED = "staff_refused"
    OPENED = "staff_opened"
    LOOKED_UP = "staff_looked_up"
    DENIED = "staff_denied"
    READ = "staff_read"
    READ_DENIED = "staff_read_denied"
    MINOR_ASKED = "staff_minor_asked"
    MINOR_APPROVED = "staff_minor_approved"
    MINOR_REFUSED = "staff_minor_refused"
    MINOR_DENIED = "staff_minor_denied"


_OF_MINORS: Mapping[StaffEventKind, StaffEventKind] = {
    StaffEventKind.ASKED: StaffEventKind.MINOR_ASKED,
    StaffEventKind.APPROVED: StaffEventKind.MINOR_APPROVED,
    StaffEventKind.REFUSED: StaffEventKind.MINOR_REFUSED,
    StaffEventKind.DENIED: StaffEventKind.MINOR_DENIED,
}
"""What is no emergency: another member of staff approving what one reads of somebody under eighteen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffEvent:
    """One thing somebody inside did; `reason`, `basis` and `code` are codes, `count` how often.

    `approver` is the key that approved a read before, at `approved_at` (Unix ms).
    """

    kind: StaffEventKind
    at: int
    staff: str
    reason: str
    fields: tuple[str, ...] = ()
    code: str | None = None
    count: int = 1
    basis: str | None = None
    approver: str | None = None
    approved_at: int | None = None


def staff_events(conn: Connection, bucket: Bucket, subject: SubjectId) -> list[StaffEvent]:
    """Everything staff did around this person's data."""
    c = dual_request.c
    mine = select(dual_request).where(c.bucket == bucket, c.subject == subject)
    requests = {row.id: row for row in conn.execute(mine)}
    events = [
        StaffEvent(
            kind=_kind(StaffEventKind.ASKED, row),
            at=row.asked_at,
            staff=row.staff,
            reason=row.reason,
            fields=fields_of(row.fields),
        )
        for row in requests.values()
    ]
    events += _votes(conn, bucket, requests)
    events += _reads(conn, bucket, requests)
    events += _lookups(conn, bucket, subject)
    events += _alone(conn, bucket, subject)
    events += _refused_alone(conn, bucket, subject)
    events += _denied(conn, bucket, requests)
    return sorted(events, key=lambda event: event.at, reverse=True)


def _votes(conn: Connection, bucket: Bucket, requests: dict[bytes, Any]) -> Iterator[StaffEvent]:
    c = dual_vote.c
    for row in conn.execute(select(dual_vote).where(c.bucket == bucket, c.request_id.in_(requests))):
        yes = row.verdict == Verdict.YES.value
        yield StaffEvent(
            kind=_kind(StaffEventKind.APPROVED if yes else StaffEventKind.REFUSED, requests[row.request_id]),
            at=row.voted_at,
            staff=row.staff,
            reason=requests[row.request_id].reason,
        )


def _reads(conn: Connection, bucket: Bucket, requests: dict[bytes, Any]) -> Iterator[StaffEvent]:
    c = emergency_read.c
    for row in conn.execute(select(emergency_read).where(c.bucket == bucket, c.request_id.in_(requests))):
        yield StaffEvent(
            kind=StaffEventKind.OPENED,
            at=row.committed_at,
            staff=row.staff,
            reason=requests[row.request_id].reason,
            fields=fields_of(row.fields),
            count=row.times,
        )


def _lookups(conn: Connection, bucket: Bucket, subject: SubjectId) -> Iterator[StaffEvent]:
    c = staff_lookup.c
    for row in conn.execute(select(staff_lookup).where(c.bucket == bucket, c.subject == subject)):
        yield StaffEvent(
            kind=StaffEventKind.LOOKED_UP,
            at=row.committed_at,
            staff=row.staff,
            reason=row.reason,
            fields=fields_of(row.fields),
        )


def _alone(conn: Connection, bucket: Bucket, subject: SubjectId) -> Iterator[StaffEvent]:
    """What members of staff read by themselves, with who approved it where somebody had to."""
    c, vote = staff_read.c, dual_vote.c
    yes = (vote.bucket == c.bucket) & (vote.request_id == c.approval_id) & (vote.place == 1)
    mine = select(staff_read, vote.staff.label("approver"), vote.voted_at).outerjoin(dual_vote, yes)
    for row in conn.execute(mine.where(c.bucket == bucket, c.subject == subject)):
        yield StaffEvent(
            kind=StaffEventKind.READ,
            at=row.committed_at,
            staff=row.staff,
            reason=row.reason,
            fields=fields_of(row.fields),
            basis=row.basis,
            approver=row.approver,
            approved_at=row.voted_at,
        )


def _refused_alone(conn: Connection, bucket: Bucket, subject: SubjectId) -> Iterator[StaffEvent]:
    c = staff_refusal.c
    for row in conn.execute(select(staff_refusal).where(c.bucket == bucket, c.subject == subject)):
        yield StaffEvent(
            kind=StaffEventKind.READ_DENIED,
            at=row.last_at,
            staff=row.staff,
            reason=row.reason,
            fields=fields_of(row.fields),
            code=row.code,
            count=row.attempts,
        )


def _kind(kind: StaffEventKind, request: Any) -> StaffEventKind:
    return _OF_MINORS[kind] if request.kind == DualKind.MINOR_READ.value else kind


def _denied(conn: Connection, bucket: Bucket, requests: dict[bytes, Any]) -> Iterator[StaffEvent]:
    """Denied attempts are counted by the day, from the first request on."""
    since = min((row.asked_at for row in requests.values()), default=0) // DAY_MS
    c = denial.c
    counted = select(denial).where(c.bucket == bucket, c.day >= since, c.grant_id.in_(requests))
    for row in conn.execute(counted):
        request = requests[row.grant_id]
        yield StaffEvent(
            kind=_kind(StaffEventKind.DENIED, request),
            at=row.last_at,
            staff="",
            reason=request.reason,
            code=row.code,
            count=row.attempts,
        )
