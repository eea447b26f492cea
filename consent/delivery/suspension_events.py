"""Telling a recipient that it, or one of its clients, was suspended or let in again (RFC 8417).

The event is queued by the transaction that suspends, and signed when it is first taken to be sent: suspending
somebody must work at once and by hand, also while the installation's keys are sealed. From then on it is the
same text, whatever key is current.

* `queue(conn, suspension_id, now_ms)`; `signed(conn, vault, rows) -> {event id: compact JWS}`.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from consent.delivery.events import EVENT_TYPE
from consent.ids import event_text
from consent.instants import instant
from consent.schema.tables import event_outbox, suspension
from consent.signing.keys import Purpose, key
from vault.ids import Bucket, new_id
from vault.opening import Vault, installation_seen


class AccessEvent(StrEnum):
    """What a suspension is called on its way; also the last part of the event's URN."""

    SUSPENDED = "access_suspended"
    RESUMED = "access_resumed"


SUSPENDED: Final = f"urn:perusal:event:{AccessEvent.SUSPENDED}"
RESUMED: Final = f"urn:perusal:event:{AccessEvent.RESUMED}"
_KINDS: Final = {"suspended": AccessEvent.SUSPENDED, "resumed": AccessEvent.RESUMED}


def queue(conn: Connection, suspension_id: str, now_ms: int) -> None:
    """Queue the event of a suspension, or of its end, that was written in this transaction."""
    told = conn.execute(select(suspension).where(suspension.c.id == suspension_id)).one()
    # It is about nobody in particular, and lies where all such things do.
    bucket = Bucket(installation_seen(conn).buckets.first)
    conn.execute(
        insert(event_outbox).values(
            bucket=bucket,
            id=new_id(bucket, now_ms),
            recipient_id=told.recipient_id,
            client_id=told.client_id,
            suspension_id=suspension_id,
            kind=_KINDS[told.step].value,
            created_at=now_ms,
            next_at=now_ms,
            attempts=0,
        )
    )


def signed(conn: Connection, vault: Vault, events: Sequence[Any]) -> dict[bytes, str]:
    """Sign events that are not signed yet, rows of the outbox which the caller holds, and keep what was signed."""
    if not events:
        return {}
    signing = key(vault, conn, Purpose.EVENT)
    causes = select(suspension).where(suspension.c.id.in_([event.suspension_id for event in events]))
    steps = {step.id: step for step in conn.execute(causes)}
    bodies = {
        event.id: signing.sign(EVENT_TYPE, _payload(vault, event, steps[event.suspension_id]))
        for event in events
    }
    for event in events:
        own = (event_outbox.c.bucket == event.bucket, event_outbox.c.id == event.id)
        conn.execute(update(event_outbox).where(*own).values(body=bodies[event.id]))
    return bodies


def _payload(vault: Vault, event: Any, step: Any) -> dict[str, Any]:
    """As `events` writes it; without `client_id` all clients of the recipient are meant."""
    about = {} if step.client_id is None else {"client_id": step.client_id}
    urn, since = (RESUMED, "resumed_at") if step.step == "resumed" else (SUSPENDED, "suspended_at")
    return {
        "iss": vault.installation.ledger_host,
        "aud": step.recipient_id,
        "iat": step.at // 1000,
        "toe": step.at // 1000,
        "jti": event_text(event.id),
        "events": {urn: {**about, since: instant(step.at), "reason": step.reason}},
    }
