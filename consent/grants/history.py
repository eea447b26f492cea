"""Decisions and reads, a line each: a person's own view of them. Reading never consumes anything.

* `grants(conn, bucket, subject) -> list[GrantLine]`, newest first; `grant(conn, bucket, subject, grant_id)`.
* `uses(conn, bucket, subject) -> list[UseLine]`, newest first; `use(conn, bucket, subject, disclosure_id)`.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select

from consent.ids import DisclosureId, GrantId, RecipientId, UseId, fields_of
from consent.ledger.origin import LogId
from consent.ledger.tables import entry
from consent.schema.grant_states import WITHDRAWABLE, GrantState, state_at
from consent.schema.tables import (
    annulment,
    consent_grant,
    disclosure,
    recipient,
    redelivery,
    termination,
    withdrawal,
)
from consent.schema.tables import use as use_table
from consent.wording.countries import is_abroad
from vault.ids import Bucket, SubjectId


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
