"""What happened around a person's data, as they see it: decisions, uses, denied attempts and withdrawals, newest first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import Connection, select

from consent.denials import DAY_MS
from consent.grants.history import GrantLine, UseLine, grants, uses
from consent.ids import DisclosureId, GrantId, RecipientId
from consent.schema.grant_states import GrantState
from consent.schema.tables import consent_grant, denial
from vault.ids import Bucket, SubjectId


class EventKind(StrEnum):
    APPROVED = "approved"
    WAITING = "waiting"
    LAPSED = "lapsed"
    REFUSED = "refused"
    USED = "used"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    TERMINATED = "terminated"
    REVOKED = "revoked"
    INVALIDATED = "invalidated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened; `disclosure_id` for uses, `code` and `count` for denied attempts."""

    kind: EventKind
    at: int
    grant_id: GrantId
    recipient_id: RecipientId
    recipient: str
    purpose: str
    fields: tuple[str, ...]
    disclosure_id: DisclosureId | None = None
    code: str | None = None
    count: int = 1


def timeline(conn: Connection, bucket: Bucket, subject: SubjectId) -> list[Event]:
    """Everything that happened around this person's data."""
    lines = {line.id: line for line in grants(conn, bucket, subject)}
    events = [event for line in lines.values() for event in _decisions(line)]
    events += [_used(line) for line in uses(conn, bucket, subject)]
    events += _denied(conn, bucket, subject, lines)
    return sorted(events, key=lambda event: event.at, reverse=True)


_FIRST: Mapping[GrantState, EventKind] = {
    GrantState.REFUSED: EventKind.REFUSED,
    GrantState.DEFERRED: EventKind.WAITING,
    GrantState.LAPSED: EventKind.LAPSED,
}
"""What a decision is called that gave nothing."""


def _decisions(line: GrantLine) -> Sequence[Event]:
    first = _event(_FIRST.get(line.state, EventKind.APPROVED), line.decided_at, line)
    void = line.annulled
    ends = {
        EventKind.WITHDRAWN: line.withdrawn_at,
        EventKind.TERMINATED: line.terminated_at,
        EventKind.REVOKED: void.at if void and not void.authority else None,
        EventKind.INVALIDATED: void.at if void and void.authority else None,
    }
    return [first, *(_event(kind, at, line) for kind, at in ends.items() if at is not None)]


def _event(kind: EventKind, at: int, line: GrantLine) -> Event:
    return Event(
        kind=kind,
        at=at,
        grant_id=line.id,
        recipient_id=line.recipient_id,
        recipient=line.recipient,
        purpose=line.purpose,
        fields=line.fields,
    )


def _used(line: UseLine) -> Event:
    return Event(
        kind=EventKind.USED,
        at=line.committed_at,
        grant_id=line.grant_id,
        recipient_id=line.recipient_id,
        recipient=line.recipient,
        purpose=line.purpose,
        fields=line.fields,
        disclosure_id=line.id,
    )


def _denied(
    conn: Connection, bucket: Bucket, subject: SubjectId, lines: Mapping[GrantId, GrantLine]
) -> list[Event]:
    """Denied attempts are counted by the day, from the first decision of the person on."""
    since = min((line.decided_at for line in lines.values()), default=0) // DAY_MS
    about = (consent_grant.c.bucket == denial.c.bucket) & (consent_grant.c.id == denial.c.grant_id)
    rows = conn.execute(
        select(denial)
        .join(consent_grant, about)
        .where(denial.c.bucket == bucket, denial.c.day >= since, consent_grant.c.subject == subject)
    )
    return [
        replace(
            _event(EventKind.DENIED, row.last_at, lines[row.grant_id]),
            fields=(),
            code=row.code,
            count=row.attempts,
        )
        for row in rows
    ]
