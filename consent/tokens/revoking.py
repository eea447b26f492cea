"""Giving a token back (RFC 7009): it ends at once, and the consent it came from stays as it is.

Of an access token the use is voided if any of it is left; of a refresh token what it would still mint and the uses
that are open. The grant's own lock is taken first, so a redemption commits before the revocation or not at all.
A token that nobody was given, that belongs to another client, or that is no token at all is one and the same: the
same statement finds nothing.

`revoke(conn, buckets, client_id, text, now_ms) -> bool`: whether this client had such a token.
"""

from typing import Any

from sqlalchemy import Connection, literal, null, select, union_all, update

from consent.grants import management_tokens
from consent.schema.tables import consent_grant, refresh_token, token, use
from consent.tokens.minting import REFRESH_PREFIX, TOKEN_PREFIX
from vault.errors import MalformedId
from vault.ids import Bucket, Buckets, secret_bucket, secret_hash


def revoke(conn: Connection, buckets: Buckets, client_id: str, text: str, now_ms: int) -> bool:
    """End the token that `text` is, if it is one of this client's."""
    if text.startswith(f"{management_tokens.PREFIX}_"):
        return management_tokens.give_back(conn, client_id, text)
    found = conn.execute(_own(_bucket(text, buckets), secret_hash(text), client_id)).one_or_none()
    if found is None:
        return False
    grant = consent_grant.c
    own = (grant.bucket == found.bucket, grant.id == found.grant_id)
    conn.execute(select(grant.id).where(*own).with_for_update()).one()
    if found.refresh is None:
        _void(conn, use, use.c.bucket == found.bucket, use.c.id == found.use_id, now_ms=now_ms)
        return True
    _void(conn, use, use.c.bucket == found.bucket, use.c.grant_id == found.grant_id, now_ms=now_ms)
    of_refresh = (refresh_token.c.bucket == found.bucket, refresh_token.c.hash == found.refresh)
    _void(conn, refresh_token, *of_refresh, now_ms=now_ms)
    return True


def _bucket(text: str, buckets: Buckets) -> Bucket:
    """Where the token would be; for what is no token, the first place there is, so that nothing is found there."""
    for prefix in (TOKEN_PREFIX, REFRESH_PREFIX):
        try:
            return secret_bucket(prefix, text)
        except MalformedId:
            continue
    return Bucket(buckets.first)


def _own(bucket: Bucket, digest: bytes, client_id: str) -> Any:
    """The client's token with this digest: its bucket, grant, use, and its own digest if it is a refresh token."""
    access = (
        select(token.c.bucket, use.c.grant_id, use.c.id.label("use_id"), null().label("refresh"))
        .join(use, (use.c.bucket == token.c.bucket) & (use.c.id == token.c.use_id))
        .where(token.c.bucket == bucket, token.c.hash == digest, token.c.client_id == client_id)
    )
    row = refresh_token.c
    refresh = select(row.bucket, row.grant_id, null(), row.hash).where(
        row.bucket == bucket, row.hash == digest, row.client_id == client_id
    )
    return union_all(access, refresh)


def _void(conn: Connection, table: Any, *which: Any, now_ms: int) -> None:
    """Void what is still open of it: a use that is spent stays what it is."""
    left = (use.c.spent < use.c.quota) if table is use else literal(1) == 1
    conn.execute(update(table).where(*which, table.c.voided_at.is_(None), left).values(voided_at=now_ms))
