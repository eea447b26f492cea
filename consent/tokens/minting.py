"""Minting: one use of a grant, the token bound to it and, for a counted grant, the secret that mints the next one.

Everything here happens under the grant's lock and after the caller has checked it; the data base checks the
same again (`triggers`). A token lives 120 seconds or until the window closes. It is for as many uses as the
request asked to have at a time, one unless it said otherwise, and never for more than are left (ADR 0018). Nor
are all the tokens that are out together: the oldest gives way to the newest.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, literal_column, select, update

from consent.asking.ask import details_of
from consent.denials import DenialCode
from consent.grants.granted import granted_details
from consent.ids import GrantId, UseId, fields_json, use_text
from consent.recipients.registering import RecipientKind
from consent.schema.grant_chains import stands
from consent.schema.grant_states import GrantState
from consent.schema.tables import consent_grant, notice_showing, recipient, refresh_token, token, use
from vault.ids import Bucket, new_id, new_secret, secret_hash

TOKEN_PREFIX = "cut"  # noqa: S105  # a prefix, not a password
REFRESH_PREFIX = "ref"
TOKEN_LIFETIME_MS = 120_000
_ABOVE = stands("consent_grant")
_kind = recipient.c.kind.label("recipient_kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A token for one use; `details` is what it is for, ready for `authorization_details`.

    `refresh` mints the next use of a counted grant; None when there is only one.
    """

    token: str
    expires_in: int
    grant_id: GrantId
    use_id: UseId
    details: list[dict[str, Any]]
    refresh: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a use is minted from: the code that was exchanged, or the refresh token; the key it is bound to."""

    jkt: str
    code_hash: bytes | None = None
    refresh_hash: bytes | None = None


def locked_grant(conn: Connection, bucket: Bucket, grant_id: bytes) -> Any:
    """The grant with its showing's `details`, and whether what is `above` it stands, read under its lock:
    exchanges, redemptions, withdrawals take turns.
    """
    grant, shown = consent_grant.c, notice_showing.c
    own = (grant.bucket == bucket, grant.id == grant_id)
    conn.execute(select(grant.id).where(*own).with_for_update()).one()
    return conn.execute(
        select(consent_grant, shown.details, literal_column(_ABOVE).label("above"), _kind)
        .join(recipient, recipient.c.id == grant.recipient_id)
        .join(notice_showing, (shown.bucket == grant.bucket) & (shown.id == grant.showing_id))
        .where(*own)
    ).one()


def closed(grant: Any, now_ms: int) -> DenialCode | None:
    """Why nothing is minted from a grant, judged by its row; None when it may be."""
    if grant.state == GrantState.WITHDRAWN:
        return DenialCode.WITHDRAWN
    if grant.state == GrantState.EXHAUSTED:
        return DenialCode.SPENT
    if grant.state != GrantState.ACTIVE:
        return DenialCode.GRANT_NOT_ACTIVE
    if not grant.above:
        return DenialCode.PARENT_NOT_ACTIVE
    if grant.recipient_kind == RecipientKind.STAFF:
        return DenialCode.STAFF_ONLY
    return DenialCode.WINDOW if now_ms >= grant.window_to else None


def mint(conn: Connection, grant: Any, fields: tuple[str, ...], origin: Origin, now_ms: int) -> Issued:
    """A use of `grant` for `fields`, with its token."""
    names = {"bucket": grant.bucket, "recipient_id": grant.recipient_id, "client_id": grant.client_id}
    use_id = UseId(new_id(grant.bucket, now_ms))
    left = grant.max_uses - grant.used
    quota = min(details_of(grant.details).batch, left)
    _void_beyond(conn, grant, left - quota, now_ms)
    made = insert(use).values(
        **names,
        id=use_id,
        grant_id=grant.id,
        code_hash=origin.code_hash,
        refresh_hash=origin.refresh_hash,
        fields=fields_json(fields),
        quota=quota,
        spent=0,
        minted_at=now_ms,
    )
    conn.execute(made)
    secret = new_secret(TOKEN_PREFIX, grant.bucket)
    expires = min(now_ms + TOKEN_LIFETIME_MS, grant.window_to)
    bound = {"hash": secret_hash(secret), "use_id": use_id, "jkt": origin.jkt}
    conn.execute(insert(token).values(**names, **bound, minted_at=now_ms, expires_at=expires))
    return Issued(
        token=secret,
        expires_in=max(1, (expires - now_ms) // 1000),
        grant_id=GrantId(grant.id),
        use_id=use_id,
        details=[{**granted_details(grant, fields), "use_id": use_text(use_id)}],
    )


def mint_refresh(conn: Connection, grant: Any, jkt: str, now_ms: int) -> str | None:
    """The secret that mints the further uses of a counted grant until its window closes; None for a single use."""
    if grant.max_uses == 1:
        return None
    secret = new_secret(REFRESH_PREFIX, grant.bucket)
    conn.execute(
        insert(refresh_token).values(
            bucket=grant.bucket,
            hash=secret_hash(secret),
            grant_id=grant.id,
            recipient_id=grant.recipient_id,
            client_id=grant.client_id,
            jkt=jkt,
            minted_at=now_ms,
            expires_at=grant.window_to,
        )
    )
    return secret


def _void_beyond(conn: Connection, grant: Any, room: int, now_ms: int) -> None:
    """Void the oldest open uses of a grant, so that those left open are good for `room` disclosures at most."""
    own = (use.c.bucket == grant.bucket, use.c.grant_id == grant.id)
    alive = (
        use.c.voided_at.is_(None),
        use.c.spent < use.c.quota,
        use.c.minted_at > now_ms - TOKEN_LIFETIME_MS,
    )
    # Of one and the same millisecond, what the code was exchanged for is the oldest.
    newest = (use.c.minted_at.desc(), use.c.refresh_hash.is_(None), use.c.id.desc())
    open_uses = select(use.c.id, use.c.quota - use.c.spent).where(*own, *alive).order_by(*newest)
    voided = []
    for use_id, rest in conn.execute(open_uses).all():
        if rest > room:
            voided.append(use_id)
        else:
            room -= rest
    if voided:
        conn.execute(update(use).where(*own, use.c.id.in_(voided)).values(voided_at=now_ms))


def void_all(conn: Connection, grant: Any, now_ms: int) -> None:
    """End every use ever minted from a grant, and what would mint more (RFC 6749 §4.1.2)."""
    for table in (use, refresh_token):
        own = (table.c.bucket == grant.bucket, table.c.grant_id == grant.id, table.c.voided_at.is_(None))
        conn.execute(update(table).where(*own).values(voided_at=now_ms))
