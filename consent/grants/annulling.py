"""Ending a consent that neither its person nor its recipient ends: the operator revokes it, or an authority voids it.

Revoked is what the operator decides (a recipient that lied about itself, say), invalidated what an authority or
court has declared void. Both are for good and act like a withdrawal, in one transaction under the locks of a
redemption: the annulment's row moves the grant (a trigger does it), open uses and refresh tokens are voided,
everything passed on under it ends the same way, each recipient gets a signed event with its duty to erase, and
the person is told, in their ledger and on their pages. Reason and authority are one line each, shown to the
person and sent to the recipient.

* `annul(vault, grant_id, ruling, now_ms) -> Annulled | None`; None when there is no such consent, or it has ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select

from consent.accounts.notify import NoticeKind, Told, notify
from consent.delivery.events import Cause, EventKind, cause_of, queue
from consent.ids import GrantId, grant_text
from consent.ledger.append import Item, append
from consent.ledger.entries.entry import Kind
from consent.ledgering import entry_item
from consent.recipients.suspensions import reason_of
from consent.schema.grant_states import WITHDRAWABLE, GrantState, may_move
from consent.schema.tables import annulment, consent_grant
from consent.signing.keys import Purpose, derived
from consent.withdrawal import rows as withdraw_rows
from consent.withdrawal.rows import Member, Scope, Tally
from vault.ids import SubjectId, bucket_of, new_id
from vault.keys.keyring import SubjectKey
from vault.opening import Vault


class Annulment(StrEnum):
    """Who ended it; also the state the consent is in from then on."""

    REVOKED = "revoked"
    INVALIDATED = "invalidated"


_EVENTS = {Annulment.REVOKED: EventKind.REVOKED, Annulment.INVALIDATED: EventKind.INVALIDATED}
_NOTICES = {
    Annulment.REVOKED: NoticeKind.CONSENT_REVOKED,
    Annulment.INVALIDATED: NoticeKind.CONSENT_INVALIDATED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """Why a consent ends: `authority` declared it void, or nobody did and the operator revokes it."""

    reason: str
    authority: str | None = None

    def __post_init__(self) -> None:
        """Raises BadRegistration unless reason and authority are lines that say something."""
        object.__setattr__(self, "reason", reason_of(self.reason))
        if self.authority is not None:
            object.__setattr__(self, "authority", reason_of(self.authority))

    @property
    def kind(self) -> Annulment:
        return Annulment.REVOKED if self.authority is None else Annulment.INVALIDATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Annulled:
    """When it ended (Unix ms), and which consents ended with it, itself last."""

    at: int
    grants: tuple[GrantId, ...]


def annul(vault: Vault, grant_id: GrantId, ruling: Ruling, now_ms: int) -> Annulled | None:
    """End a consent by a ruling, and what was passed on under it."""
    bucket, scope, grant = bucket_of(grant_id), Scope(grant_id=grant_id), consent_grant.c
    with vault.data.glance() as conn:
        owner = select(grant.subject).where(grant.bucket == bucket, grant.id == grant_id)
        found = conn.execute(owner).scalar_one_or_none()
    if found is None:
        return None
    subject = SubjectId(found)
    key = vault.keyring.subject_keys([(bucket, subject)]).get(subject)
    if key is None:  # an erased person's consents have ended
        return None
    with withdraw_rows.holding(vault, subject, bucket, scope) as (conn, held, tally):
        ending = [one for one in held if one.state in WITHDRAWABLE]
        if not any(one.named for one in ending):
            return None
        return _end(conn, vault, key, ending, tally, ruling, now_ms)


def _end(
    conn: Connection,
    vault: Vault,
    key: SubjectKey,
    ending: Sequence[Member],
    tally: Tally,
    ruling: Ruling,
    now_ms: int,
) -> Annulled:
    """Write the end of all of these; children stand first."""
    assert all(may_move(one.state, GrantState(ruling.kind)) for one in ending)
    at = max(now_ms, tally.last)  # never before the last disclosure, whatever the clocks of two servers said
    voided = withdraw_rows.void(conn, [one.key for one in ending], at)
    items = [_item(vault, key, one, ruling, at) for one in ending]
    causes = [_cause(one, ruling, at, tally.spent.get(one.id, 0), voided[one.id]) for one in ending]
    told = queue(conn, vault, causes, derived(vault, Purpose.EVENT, tally.generation))
    for cause, item, event_id, one in zip(causes, items, told, ending, strict=True):
        conn.execute(insert(annulment).values(_written(cause, item, event_id, ruling, named=one.named)))
    names = [grant_text(one.id) for one in ending]
    about = {"permissions": names}
    own = Told(bucket=ending[0].bucket, subject=key.subject, kind=_NOTICES[ruling.kind], about=about)
    notify(conn, [own], at)
    append(conn, items, at, vault.installation.ledger_host)
    return Annulled(at=at, grants=tuple(one.id for one in ending))


def _item(vault: Vault, key: SubjectKey, one: Member, ruling: Ruling, at: int) -> Item:
    fields = [
        ("grant", grant_text(one.id)),
        ("recipient", one.recipient_id),
        ("outcome", ruling.kind.value),
        ("reason", ruling.reason),
    ]
    if ruling.authority is not None:
        fields.append(("authority", ruling.authority))
    about = (one.bucket, key.subject, new_id(one.bucket, at), tuple(fields))
    return entry_item(vault, Kind.WITHDRAW, key, about, at)


def _cause(one: Member, ruling: Ruling, at: int, disclosures: int, voided: int) -> Cause:
    told = cause_of(one, _EVENTS[ruling.kind], at, disclosures, voided)
    return replace(told, reason=ruling.reason, authority=ruling.authority)


def _written(cause: Cause, item: Item, event_id: bytes, ruling: Ruling, *, named: bool) -> dict[str, Any]:
    return {
        "bucket": cause.bucket,
        "grant_id": cause.grant_id,
        "id": item.id,
        "recipient_id": cause.recipient_id,
        "client_id": cause.client_id,
        "kind": ruling.kind.value,
        "channel": "operator" if named else "parent",
        "authority": ruling.authority,
        "reason": ruling.reason,
        "disclosures": cause.disclosures,
        "event_id": event_id,
        "annulled_at": cause.at,
        "ledger_year": item.year,
    }
