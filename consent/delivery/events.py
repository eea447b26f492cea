"""Events to recipients: signed security event tokens (RFC 8417), queued by the transaction that causes them.

An event says what has ended and what the recipient must do now. It is written in the same transaction as its cause,
so that none is ever forgotten, and a withdrawal's row points at its event, so that none can be left out; delivering
it is the work of `outbox`.

* `queue(conn, vault, causes) -> list[bytes]`: sign and queue one event for each, and answer their ids, in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from sqlalchemy import Connection

from consent.delivery.duties import duties, erase_by
from consent.ids import ClientId, GrantId, RecipientId, event_text, grant_text
from consent.instants import instant
from consent.signing.keys import Purpose, key
from consent.signing.signed import SigningKey
from vault.ids import Bucket, new_id
from vault.opening import Vault
from vault.storage.rowset import RowSet

EVENT_TYPE: Final = "secevent+jwt"
_URN: Final = "urn:perusal:event:"


class EventKind(StrEnum):
    """What may happen to a grant that its recipient must learn; also the last part of the event's URN."""

    WITHDRAWN = "withdrawn"
    ERASURE = "erasure_demanded"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    REVOKED = "revoked"
    INVALIDATED = "invalidated"


WITHDRAWN: Final = _URN + EventKind.WITHDRAWN
ERASURE: Final = _URN + EventKind.ERASURE
SUSPENDED: Final = _URN + EventKind.SUSPENDED
RESUMED: Final = _URN + EventKind.RESUMED
REVOKED: Final = _URN + EventKind.REVOKED
INVALIDATED: Final = _URN + EventKind.INVALIDATED
_RULINGS: Final = {EventKind.REVOKED: REVOKED, EventKind.INVALIDATED: INVALIDATED}


class Ended(Protocol):
    """A consent as far as its recipient's event is about it."""

    @property
    def bucket(self) -> Bucket: ...
    @property
    def id(self) -> GrantId: ...
    @property
    def recipient_id(self) -> RecipientId: ...
    @property
    def client_id(self) -> ClientId: ...
    @property
    def retention(self) -> str: ...
    @property
    def erase_days(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What happened to one grant, at `at` (Unix ms).

    `disclosures` is how often its recipient had received data, `voided` how many uses were still open,
    `retention` what the recipient promised, `erase_days` the most it has to erase; `erased` says that the
    person is being erased, which is an event of its own. `reason` and `authority` are those of a ruling
    (`annulling`).
    """

    kind: EventKind
    bucket: Bucket
    grant_id: GrantId
    recipient_id: RecipientId
    client_id: ClientId
    at: int
    disclosures: int
    voided: int
    retention: str
    erase_days: int
    erased: bool = False
    reason: str = ""
    authority: str | None = None


def cause_of(one: Ended, kind: EventKind, at: int, disclosures: int = 0, voided: int = 0) -> Cause:
    """What happened to the consent `one`; further members by `dataclasses.replace`."""
    return Cause(
        kind=kind,
        bucket=one.bucket,
        grant_id=one.id,
        recipient_id=one.recipient_id,
        client_id=one.client_id,
        at=at,
        disclosures=disclosures,
        voided=voided,
        retention=one.retention,
        erase_days=one.erase_days,
    )


_QUEUE = RowSet(
    "WITH {rows} INSERT INTO event_outbox (bucket, id, recipient_id, client_id, grant_id, kind, body, created_at, "
    "next_at, attempts, erase_by) SELECT rows.bucket, rows.id, rows.recipient_id, rows.client_id, rows.grant_id, rows.kind, "
    "rows.body, rows.created_at, rows.created_at, 0, rows.erase_by FROM rows ORDER BY rows.i",
    bucket="int",
    id="bytes",
    recipient_id="text",
    client_id="text",
    grant_id="bytes",
    kind="text",
    body="text",
    created_at="int",
    erase_by="int",
)


def queue(
    conn: Connection, vault: Vault, causes: Sequence[Cause], signing: SigningKey | None = None
) -> list[bytes]:
    """Sign and queue one event per cause, inside the transaction of what happened; `signing` where it is known."""
    if not causes:
        return []
    signing = signing or key(vault, conn, Purpose.EVENT)
    ids = [new_id(cause.bucket, cause.at) for cause in causes]
    rows = [
        (
            cause.bucket,
            event_id,
            cause.recipient_id,
            cause.client_id,
            cause.grant_id,
            cause.kind.value,
            signing.sign(EVENT_TYPE, _payload(vault, cause, event_id)),
            cause.at,
            _erase_by(cause),
        )
        for event_id, cause in zip(ids, causes, strict=True)
    ]
    _QUEUE(conn, rows)
    return ids


def _payload(vault: Vault, cause: Cause, event_id: bytes) -> dict[str, Any]:
    """RFC 8417 §2.2: who says it, to whom, when, and each event under its URN. No `exp`, and nobody's `sub`."""
    return {
        "iss": vault.installation.ledger_host,
        "aud": cause.recipient_id,
        "iat": cause.at // 1000,
        "toe": cause.at // 1000,
        "jti": event_text(event_id),
        "events": _events(cause),
    }


def _erase_by(cause: Cause) -> int | None:
    if cause.kind in {EventKind.SUSPENDED, EventKind.RESUMED}:
        return None
    return erase_by(cause.disclosures, cause.at, cause.retention, cause.erase_days)


def _events(cause: Cause) -> dict[str, Any]:
    about: dict[str, Any] = {"grant_id": grant_text(cause.grant_id)}
    if cause.kind is EventKind.SUSPENDED:
        return {SUSPENDED: {**about, "suspended_at": instant(cause.at), "duties": ["stop"]}}
    if cause.kind is EventKind.RESUMED:
        return {RESUMED: {**about, "resumed_at": instant(cause.at)}}
    owed = duties(cause.disclosures, cause.at, cause.retention, cause.erase_days)
    if cause.kind is EventKind.ERASURE:
        return {ERASURE: {**about, "demanded_at": instant(cause.at), "duties": owed}}
    if cause.kind in _RULINGS:
        return {_RULINGS[cause.kind]: {**about, **_ruling(cause), "duties": owed}}
    said = {
        **about,
        "withdrawn_at": instant(cause.at),
        "duties": owed,
        "unredeemed_uses_voided": cause.voided,
    }
    # One cause seen from two sides is one token with two events (RFC 8417 §1.1).
    also = {ERASURE: {**about, "demanded_at": instant(cause.at), "duties": owed}} if cause.erased else {}
    return {WITHDRAWN: said, **also}


def _ruling(cause: Cause) -> dict[str, Any]:
    said = {
        f"{cause.kind}_at": instant(cause.at),
        "reason": cause.reason,
        "unredeemed_uses_voided": cause.voided,
    }
    return said if cause.authority is None else {**said, "authority": cause.authority}
