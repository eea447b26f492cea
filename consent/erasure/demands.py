"""Demanding erasure of recipients whose consent has ended in another way than by withdrawal, when a person is erased.

Erasing withdraws every consent that can be withdrawn, and those events carry the demand. Whoever had its
consent revoked, or declared void, may hold what it received all the same, and is told here: once, however often
the erasure is resumed.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, exists, select, tuple_

from consent.delivery.events import Cause, EventKind, queue
from consent.ids import ClientId, GrantId, RecipientId
from consent.schema.grant_states import MOVES, GrantState
from consent.schema.tables import consent_grant, event_outbox, recipient
from vault.ids import Bucket, SubjectId
from vault.opening import Vault

_OVER: Final = sorted(
    state for state in GrantState if state not in MOVES and state is not GrantState.WITHDRAWN
)


def demand_erasure(
    conn: Connection, vault: Vault, people: Sequence[tuple[Bucket, SubjectId]], now_ms: int
) -> int:
    """Queue the events; how many those are."""
    grant, event = consent_grant.c, event_outbox.c
    demanded = exists().where(
        event.bucket == grant.bucket, event.grant_id == grant.id, event.kind == EventKind.ERASURE.value
    )
    rows = conn.execute(
        select(consent_grant, recipient.c.erase_days)
        .join(recipient, recipient.c.id == grant.recipient_id)
        .where(tuple_(grant.bucket, grant.subject).in_(people), grant.state.in_(_OVER), grant.used > 0)
        .where(~demanded)
        .order_by(grant.bucket, grant.id)
        .with_for_update(of=consent_grant)
    )
    causes = [
        Cause(
            kind=EventKind.ERASURE,
            bucket=Bucket(row.bucket),
            grant_id=GrantId(row.id),
            recipient_id=RecipientId(row.recipient_id),
            client_id=ClientId(row.client_id),
            at=now_ms,
            disclosures=row.used,
            voided=0,
            retention=row.retention,
            erase_days=row.erase_days,
        )
        for row in rows
    ]
    return len(queue(conn, vault, causes))
