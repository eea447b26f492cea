"""Polling: a client asks, with the secret it was given, whether the person has answered (RFC 8628 §3.4, CIBA §10).

Until then it hears `pending`, or `slow_down` when it asked before its interval was over, which grows by five
seconds each time. A refusal and the end of the waiting are told as such. An approval made the secret the code of a
grant; it is exchanged once, for the client, and with the key it was bound to if it was bound. Trying it again gets
nothing, but takes nothing back either: a client that polls twice at a time has not lost its secret to anybody.

`poll(conn, vault, Poll(...), now_ms) -> Issued | Waiting | Denied | Refusal` in the caller's transaction, which
must do nothing more afterwards.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select, update

from consent.asking.ask import Via
from consent.decoupled.outcomes import Outcome
from consent.denials import DenialCode, Denied
from consent.ids import GrantId
from consent.refusals import Refusal
from consent.schema.decoupled_tables import request_outcome, request_poll
from consent.schema.tables import consent_request
from consent.tokens.exchange import PolledExchange, deny_stranger, exchange_polled
from consent.tokens.minting import Issued
from vault.errors import MalformedId
from vault.ids import Bucket, secret_bucket, secret_hash
from vault.opening import Vault

INTERVAL_S = 5
LIFETIME_MS = 300_000
PREFIXES = {Via.DEVICE: "dvc", Via.BACKCHANNEL: "cib"}


class Waiting(StrEnum):
    """Why there is no token yet, or never will be; the words of RFC 8628 §3.5 and CIBA §11."""

    PENDING = "authorization_pending"
    SLOW_DOWN = "slow_down"
    REFUSED = "access_denied"
    EXPIRED = "expired_token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """A token request whose client and proof the edge has verified; `details` as in `CodeExchange`."""

    via: Via
    client_id: str
    secret: str
    jkt: str
    details: object = None


def poll(conn: Connection, vault: Vault, request: Poll, now_ms: int) -> Issued | Waiting | Denied | Refusal:
    """The answer to one poll."""
    try:
        bucket = secret_bucket(PREFIXES[request.via], request.secret)
    except MalformedId:
        return Denied(code=DenialCode.UNKNOWN_CODE)
    row = _locked(conn, bucket, secret_hash(request.secret), request.via)
    if row is None or row.client_id != request.client_id:
        return deny_stranger(conn, vault, bucket, DenialCode.UNKNOWN_CODE, now_ms)
    if row.outcome == Outcome.APPROVED:
        wanted = PolledExchange(
            client_id=request.client_id, digest=row.secret_hash, jkt=request.jkt, details=request.details
        )
        return exchange_polled(conn, vault, GrantId(row.grant_id), wanted, now_ms)
    if row.outcome == Outcome.REFUSED:
        return Waiting.REFUSED
    return Waiting.EXPIRED if now_ms >= row.expires_at else _wait(conn, row, now_ms)


def _locked(conn: Connection, bucket: Bucket, digest: bytes, via: Via) -> Any:
    """The request with its poll, the poll locked, and its outcome as it is then."""
    request, kept, ended = consent_request.c, request_poll.c, request_outcome.c
    own = (request.bucket == bucket, request.secret_hash == digest, request.via == via.value)
    found = conn.execute(select(request.id).where(*own)).scalar_one_or_none()
    if found is None:
        return None
    conn.execute(
        select(kept.request_id).where(kept.bucket == bucket, kept.request_id == found).with_for_update()
    ).one()
    return conn.execute(
        select(consent_request, kept.interval_s, kept.polled_at, ended.outcome, ended.grant_id)
        .join(request_poll, (kept.bucket == request.bucket) & (kept.request_id == request.id))
        .outerjoin(request_outcome, (ended.bucket == request.bucket) & (ended.request_id == request.id))
        .where(*own)
    ).one()


def _wait(conn: Connection, row: Any, now_ms: int) -> Waiting:
    early = now_ms < row.polled_at + row.interval_s * 1000
    kept = request_poll.c
    conn.execute(
        update(request_poll)
        .where(kept.bucket == row.bucket, kept.request_id == row.id)
        .values(polled_at=now_ms, interval_s=row.interval_s + (INTERVAL_S if early else 0))
    )
    return Waiting.SLOW_DOWN if early else Waiting.PENDING
