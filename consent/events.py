"""Events to recipients: signed security event tokens (RFC 8417), queued by the transaction that causes them.

A withdrawal's event says what now must happen: stop, and erase what was received. It is queued in the same
transaction as the withdrawal, so that none is ever forgotten; delivery is another job's work.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, insert

from consent import signed
from consent.details import instant
from consent.ids import GrantId, RecipientId, grant_text
from consent.signed import PublicKey
from consent.tables import event_outbox
from vault.ids import Bucket, encode_id, new_id
from vault.opening import Vault

WITHDRAWN = "urn:perusal:event:withdrawn"
EVENT_TYPE = "secevent+jwt"
_KEY = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawnEvent:
    """What a recipient must learn about a withdrawal; `disclosures` is how often it had received data."""

    bucket: Bucket
    grant_id: GrantId
    recipient_id: RecipientId
    withdrawn_at: int
    disclosures: int
    voided: int


def public_key(vault: Vault) -> PublicKey:
    """The key that verifies this installation's events."""
    return signed.public_key(vault.keyring.service_key(_KEY))


def queue_withdrawn(conn: Connection, vault: Vault, event: WithdrawnEvent) -> None:
    """Sign and queue the event; call it inside the withdrawal's transaction."""
    event_id = new_id(event.bucket, event.withdrawn_at)
    conn.execute(
        insert(event_outbox).values(
            bucket=event.bucket,
            id=event_id,
            recipient_id=event.recipient_id,
            grant_id=event.grant_id,
            kind=WITHDRAWN,
            body=_token(vault, event, event_id),
            created_at=event.withdrawn_at,
            attempts=0,
        )
    )


def _token(vault: Vault, event: WithdrawnEvent, event_id: bytes) -> str:
    duties = ["stop", "erase"] if event.disclosures else ["stop"]
    payload = {
        "iss": vault.installation.ledger_host,
        "aud": event.recipient_id,
        "iat": event.withdrawn_at // 1000,
        "jti": encode_id("ev", event_id),
        "events": {
            WITHDRAWN: {
                "grant_id": grant_text(event.grant_id),
                "withdrawn_at": instant(event.withdrawn_at),
                "duties": duties,
                "unredeemed_uses_voided": event.voided,
            }
        },
    }
    seed = vault.keyring.service_key(_KEY)
    return signed.sign(seed, signed.header(EVENT_TYPE, public_key(vault)), payload)
