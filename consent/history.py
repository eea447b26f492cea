"""What was asked, approved, read and withdrawn: a person's own view of it. Reading never consumes anything.

* `grants(conn, bucket, subject) -> list[GrantLine]`, newest first; `grant(conn, bucket, subject, grant_id)`.
* `timeline(conn, bucket, subject) -> list[Event]`: decisions, uses, denied attempts, withdrawals, newest first.
* `received_before`, `recipient_totals` and the other set-based questions of a trace live in `exposure` and
  are offered here too.
* `uses(conn, bucket, subject) -> list[UseLine]`, newest first; `use(conn, bucket, subject, disclosure_id)`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, func, select

from consent.countries import is_abroad
from consent.denials import DAY_MS
from consent.exposure import (
    count_disclosed,
    grants_behind,
    held_by,
    received_before,
    received_version,
    recipient_field_totals,
    recipient_totals,
    undisclosed,
)
from consent.grants import WITHDRAWABLE, GrantState, state_at
from consent.ids import DisclosureId, GrantId, RecipientId, UseId, fields_of
from consent.ledger.origin import LogId
from consent.ledger.tables import entry
from consent.tables import (
    annulment,
    consent_grant,
    denial,
    disclosure,
    recipient,
    redelivery,
    termination,
    withdrawal,
)
from consent.tables import use as use_table
from vault.ids import Bucket, SubjectId

__all__ = [
    "AnnulledLine",
    "Event",
    "EventKind",
    "GrantLine",
    "UseLine",
    "count_disclosed",
    "grant",
    "grants",
    "grants_behind",
    "held_by",
    "received_before",
    "received_version",
    "recipient_field_totals",
    "recipient_totals",
    "timeline",
    "undisclosed",
    "use",
    "uses",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnulledLine:
    """That the operator revoked a permission, or an authority declared it void: when (Unix ms), and why."""

    at: int
    reason: str
    authority: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantLine:
    """A decision as the person sees it later; times are Unix milliseconds."""

    id: GrantId
    state: GrantState
    recipient_id: RecipientId
    recipient: str
    contact: str
    purpose: str
    fields: tuple[str, ...]
    used: int
    max_uses: int
    window_from: int
    window_to: int
    retention: str
    decided_at: int
    withdrawn_at: int | None
    terminated_at: int | None
    """When its recipient ended it, or the recipient of the consent above it did."""
    annulled: AnnulledLine | None
    parent: GrantId | None
    """The consent it stands under, which was given to another recipient."""
    onward: tuple[str, ...]
    """The ids of the recipients that may ask for a consent under it."""
    abroad: str | None
    """The country the data leaves for, if it does."""

    def state_at(self, at_ms: int) -> GrantState:
        """The state at a moment in Unix milliseconds."""
        return state_at(self.state, self.window_to, at_ms)

    @property
    def withdrawable(self) -> bool:
        return self.state in WITHDRAWABLE

    @property
    def endable(self) -> bool:
        """Whether the person can end it: it can be withdrawn, or it waits and can be taken back."""
        return self.withdrawable or self.state is GrantState.DEFERRED


@dataclass(frozen=True, slots=True, kw_only=True)
class UseLine:
    """One read of the person's data; `log` and `idx` are its ledger position."""

    id: DisclosureId
    grant_id: GrantId
    use_id: UseId
    recipient_id: RecipientId
    recipient: str
    purpose: str
    fields: tuple[str, ...]
    slot: int
    quota: int
    committed_at: int
    redelivered: int
    log: LogId
    idx: int


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


def grants(conn: Connection, bucket: Bucket, subject: SubjectId) -> list[GrantLine]:
    """Every decision of this person."""
    newest = _grants(bucket, subject).order_by(consent_grant.c.decided_at.desc(), consent_grant.c.id.desc())
    return [_grant_line(row) for row in conn.execute(newest)]


def grant(conn: Connection, bucket: Bucket, subject: SubjectId, grant_id: GrantId) -> GrantLine | None:
    """One decision, when it is this person's."""
    row = conn.execute(_grants(bucket, subject).where(consent_grant.c.id == grant_id)).one_or_none()
    return None if row is None else _grant_line(row)


def uses(conn: Connection, bucket: Bucket, subject: SubjectId) -> list[UseLine]:
    """Every read of this person's data."""
    newest = _uses(bucket, subject).order_by(disclosure.c.committed_at.desc(), entry.c.idx.desc())
    return [_use_line(row) for row in conn.execute(newest)]


def use(conn: Connection, bucket: Bucket, subject: SubjectId, disclosure_id: DisclosureId) -> UseLine | None:
    """One read, when it is of this person's data."""
    row = conn.execute(_uses(bucket, subject).where(disclosure.c.id == disclosure_id)).one_or_none()
    return None if row is None else _use_line(row)


def timeline(conn: Connection, bucket: Bucket, subject: SubjectId) -> list[Event]:
    """Everything that happened around this person's data."""
    lines = {line.id: line for line in grants(conn, bucket, subject)}
    events = [event for line in lines.values() for event in _decisions(line)]
    events += [_used(line) for line in uses(conn, bucket, subject)]
    events += _denied(conn, bucket, subject, lines)
    return sorted(events, key=lambda event: event.at, reverse=True)


def _grants(bucket: Bucket, subject: SubjectId) -> Select[Any]:
    grant_, withdrawn, ended, void = consent_grant.c, withdrawal.c, termination.c, annulment.c
    return (
        select(
            consent_grant,
            recipient.c.legal_name,
            recipient.c.contact,
            recipient.c.country,
            recipient.c.jurisdiction,
            withdrawn.withdrawn_at,
            ended.terminated_at,
            void.annulled_at,
            void.reason,
            void.authority,
        )
        .join(recipient, recipient.c.id == grant_.recipient_id)
        .outerjoin(withdrawal, (withdrawn.bucket == grant_.bucket) & (withdrawn.grant_id == grant_.id))
        .outerjoin(termination, (ended.bucket == grant_.bucket) & (ended.grant_id == grant_.id))
        .outerjoin(annulment, (void.bucket == grant_.bucket) & (void.grant_id == grant_.id))
        .where(grant_.bucket == bucket, grant_.subject == subject)
    )


def _uses(bucket: Bucket, subject: SubjectId) -> Select[Any]:
    read, spent, again = disclosure.c, use_table.c, redelivery.c
    redelivered = (
        select(func.coalesce(func.sum(again.attempts), 0))
        .where(again.bucket == read.bucket, again.disclosure_id == read.id)
        .scalar_subquery()
        .label("redelivered")
    )
    same_entry = (
        (entry.c.bucket == read.bucket) & (entry.c.year == read.ledger_year) & (entry.c.id == read.id)
    )
    return (
        select(disclosure, spent.quota, recipient.c.legal_name, entry.c.idx, redelivered)
        .join(use_table, (spent.bucket == read.bucket) & (spent.id == read.use_id))
        .join(recipient, recipient.c.id == read.recipient_id)
        .join(entry, same_entry)
        .where(read.bucket == bucket, read.subject == subject)
    )


def _grant_line(row: Any) -> GrantLine:
    return GrantLine(
        id=GrantId(row.id),
        state=GrantState(row.state),
        recipient_id=RecipientId(row.recipient_id),
        recipient=row.legal_name,
        contact=row.contact,
        purpose=row.purpose,
        fields=fields_of(row.fields),
        used=row.used,
        max_uses=row.max_uses,
        window_from=row.window_from,
        window_to=row.window_to,
        retention=row.retention,
        decided_at=row.decided_at,
        withdrawn_at=row.withdrawn_at,
        terminated_at=row.terminated_at,
        annulled=_annulled(row),
        parent=None if row.parent_grant is None else GrantId(row.parent_grant),
        onward=fields_of(row.onward),
        abroad=row.country if is_abroad(row.country, row.jurisdiction) else None,
    )


def _annulled(row: Any) -> AnnulledLine | None:
    if row.annulled_at is None:
        return None
    return AnnulledLine(at=row.annulled_at, reason=row.reason, authority=row.authority)


def _use_line(row: Any) -> UseLine:
    return UseLine(
        id=DisclosureId(row.id),
        grant_id=GrantId(row.grant_id),
        use_id=UseId(row.use_id),
        recipient_id=RecipientId(row.recipient_id),
        recipient=row.legal_name,
        purpose=row.purpose,
        fields=fields_of(row.fields),
        slot=row.slot,
        quota=row.quota,
        committed_at=row.committed_at,
        redelivered=int(row.redelivered),  # PostgreSQL sums whole numbers as decimals
        log=LogId(row.bucket, row.ledger_year),
        idx=row.idx,
    )


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
