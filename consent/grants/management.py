"""Grant Management for recipients: a client looks at its own consents, and ends those it no longer needs.

Ending one is for good and for everybody: the termination's row moves the grant (a trigger does it), its open
uses and refresh tokens are voided, onward consents below it end with it and their recipients are told, and the
person's ledger says so, in one transaction under the locks of a redemption. It takes nothing from the person: a
terminated consent can still be withdrawn, because that is what ends the right to keep what was received.

* `query(conn, client_id, grant_id) -> Managed | Refused`
* `terminate(vault, client_id, grant_id, now_ms) -> Terminated | Refused`
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select

from consent.delivery.events import EventKind, cause_of, queue
from consent.grants.granted import granted_details
from consent.ids import GrantId, fields_of, grant_text
from consent.ledger.append import Item, append
from consent.ledger.entries.entry import Kind
from consent.ledgering import entry_item
from consent.schema.grant_states import GrantState, may_move, state_at
from consent.schema.tables import consent_grant, notice_showing, termination
from consent.signing.keys import Purpose, derived
from consent.withdrawal import rows as withdraw_rows
from consent.withdrawal.rows import Member, Scope, Tally
from vault.ids import Bucket, SubjectId, bucket_of, new_id
from vault.keys.keyring import SubjectKey
from vault.opening import Vault

_STANDING = frozenset({GrantState.ACTIVE, GrantState.SUSPENDED, GrantState.EXHAUSTED, GrantState.EXPIRED})
"""States in which there is something to look at or to end; a consent that was refused or has ended is not there."""

_OPEN = frozenset({GrantState.ACTIVE, GrantState.SUSPENDED})
"""What must not stand below a consent that has ended."""


class Refused(StrEnum):
    """Why a recipient neither sees nor ends a grant."""

    UNKNOWN = "unknown"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """A grant as its client sees it; `details` is its one `pii_use` object, `used` of `max_uses` are spent."""

    grant_id: GrantId
    state: GrantState
    details: dict[str, Any]
    used: int
    max_uses: int
    decided_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminated:
    """When it ended (Unix ms), and which consents ended with it, itself last."""

    at: int
    grants: tuple[GrantId, ...]


def query(conn: Connection, client_id: str, grant_id: GrantId, now_ms: int) -> Managed | Refused:
    """One grant of this client as it stands at `now_ms` (Unix ms); looking at it consumes nothing."""
    row = _row(conn, grant_id)
    refused = _refuse(row, client_id)
    if refused is not None:
        return refused
    return Managed(
        grant_id=GrantId(row.id),
        state=state_at(GrantState(row.state), row.window_to, now_ms),
        details=granted_details(row, fields_of(row.fields)),
        used=row.used,
        max_uses=row.max_uses,
        decided_at=row.decided_at,
    )


def terminate(vault: Vault, client_id: str, grant_id: GrantId, now_ms: int) -> Terminated | Refused:
    """End a grant of this client, and what was passed on under it."""
    bucket, scope = bucket_of(grant_id), Scope(grant_id=grant_id)
    with vault.data.glance() as conn:
        row = _row(conn, grant_id)
        refused = _refuse(row, client_id)
        if refused is not None:
            return refused
    subject = SubjectId(row.subject)
    key = vault.keyring.subject_keys([(bucket, subject)]).get(subject)
    if key is None:  # an erased person's consents have ended
        return Refused.UNKNOWN
    with withdraw_rows.holding(vault, subject, bucket, scope) as (conn, held, tally):
        return _end(conn, vault, key, held, tally, now_ms)


def _row(conn: Connection, grant_id: GrantId) -> Any:
    grant, shown = consent_grant.c, notice_showing.c
    return conn.execute(
        select(consent_grant, shown.details)
        .join(notice_showing, (shown.bucket == grant.bucket) & (shown.id == grant.showing_id))
        .where(grant.bucket == bucket_of(grant_id), grant.id == grant_id)
    ).one_or_none()


def _refuse(row: Any, client_id: str) -> Refused | None:
    if row is None:
        return Refused.UNKNOWN
    if row.client_id != client_id:
        return Refused.FOREIGN
    return None if GrantState(row.state) in _STANDING else Refused.UNKNOWN


def _end(
    conn: Connection, vault: Vault, key: SubjectKey, members: Sequence[Member], tally: Tally, now_ms: int
) -> Terminated | Refused:
    """Write the end of the named consent and of what stands open below it; children stand first."""
    ending = [one for one in members if one.state in (_STANDING if one.named else _OPEN)]
    if not any(one.named for one in ending):  # it ended while this waited for its lock
        return Refused.UNKNOWN
    assert all(may_move(one.state, GrantState.TERMINATED) for one in ending)
    at = max(now_ms, tally.last)  # never before the last disclosure, whatever the clocks of two servers said
    voided = withdraw_rows.void(conn, [one.key for one in ending], at)
    items = [_item(vault, key, one, at) for one in ending]
    # The recipient of an onward consent is told the same as of any consent that is no longer there.
    below = [
        cause_of(one, EventKind.WITHDRAWN, at, tally.spent.get(one.id, 0), voided[one.id])
        for one in ending
        if not one.named
    ]
    queue(conn, vault, below, derived(vault, Purpose.EVENT, tally.generation))
    for one, item in zip(ending, items, strict=True):  # one by one: each moves its grant
        conn.execute(insert(termination).values(_written(one, item, tally.spent.get(one.id, 0), at)))
    append(conn, items, at, vault.installation.ledger_host)
    return Terminated(at=at, grants=tuple(one.id for one in ending))


def _item(vault: Vault, key: SubjectKey, one: Member, at: int) -> Item:
    fields = (("grant", grant_text(one.id)), ("recipient", one.recipient_id), ("outcome", "terminated"))
    about = (one.bucket, key.subject, new_id(Bucket(one.bucket), at), fields)
    return entry_item(vault, Kind.WITHDRAW, key, about, at)


def _written(one: Member, item: Item, disclosures: int, at: int) -> dict[str, Any]:
    return {
        "bucket": one.bucket,
        "grant_id": one.id,
        "id": item.id,
        "recipient_id": one.recipient_id,
        "client_id": one.client_id,
        "channel": "recipient" if one.named else "parent",
        "disclosures": disclosures,
        "terminated_at": at,
        "ledger_year": item.year,
    }
