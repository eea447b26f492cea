"""Refreshing (RFC 6749 §6): a refresh token mints the next use of a counted grant, and is nothing more than that.

It is bound to the client and to the key of the exchange that made it, is not rotated, and lives until the
window closes or until its code is tried again; losing a reply costs nothing, because uses are counted when they
are redeemed, and the token that was lost gives way to the new one. Every time the grant is checked again under
its lock: withdrawn, suspended or used up, it mints nothing. The next use may be for fewer fields (RFC 9396 §6),
never for more.

`refresh(vault, Refresh(...), now_ms) -> Issued | Denied | Refusal`; `refresh_within` in an open transaction.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from consent.denials import DenialCode, Denied
from consent.refusals import Refusal
from consent.schema.tables import refresh_token
from consent.tokens.exchange import deny, deny_stranger, narrowed
from consent.tokens.minting import REFRESH_PREFIX, Issued, Origin, closed, locked_grant, mint
from vault.errors import MalformedId
from vault.ids import secret_bucket, secret_hash
from vault.opening import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """A request whose client and proof the edge has verified; `details` as in `CodeExchange`."""

    client_id: str
    secret: str
    jkt: str
    details: object = None


def refresh(vault: Vault, request: Refresh, now_ms: int) -> Issued | Denied | Refusal:
    """Mint the next use, in a transaction of its own."""
    with vault.data.write() as conn:
        return refresh_within(conn, vault, request, now_ms)


def refresh_within(
    conn: Connection, vault: Vault, request: Refresh, now_ms: int
) -> Issued | Denied | Refusal:
    """The same in the caller's transaction, which must do nothing more afterwards."""
    try:
        bucket = secret_bucket(REFRESH_PREFIX, request.secret)
    except MalformedId:
        return Denied(code=DenialCode.UNKNOWN_TOKEN)
    kept = refresh_token.c
    own = select(refresh_token).where(kept.bucket == bucket, kept.hash == secret_hash(request.secret))
    found = conn.execute(own).one_or_none()
    if found is None:
        return deny_stranger(conn, vault, bucket, DenialCode.UNKNOWN_TOKEN, now_ms)
    grant = locked_grant(conn, bucket, found.grant_id)
    row = conn.execute(own).one()  # again under the lock: a second try of its code voids it
    denied = _mismatch(row, request) or closed(grant, now_ms) or _over(row, now_ms)
    if denied is not None:
        return deny(conn, vault, grant, denied, row.expires_at, now_ms)
    fields = narrowed(grant, request.details)
    if isinstance(fields, Refusal):
        return fields
    return mint(conn, grant, fields, Origin(jkt=request.jkt, refresh_hash=row.hash), now_ms)


def _mismatch(row: Any, request: Refresh) -> DenialCode | None:
    if row.client_id != request.client_id:
        return DenialCode.WRONG_CLIENT
    return DenialCode.WRONG_KEY if row.jkt != request.jkt else None


def _over(row: Any, now_ms: int) -> DenialCode | None:
    if row.voided_at is not None:
        return DenialCode.VOIDED
    return DenialCode.EXPIRED if now_ms >= row.expires_at else None
