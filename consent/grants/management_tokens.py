"""Tokens with which a recipient's program manages its consents: short, bound to a key, good for nothing else.

Minted for a client that authenticated itself (`client_credentials`), for what it may do with its own grants. Only
their digest is stored. A client that was suspended meanwhile, or whose recipient was, holds nothing any more.

* `scopes_of(text) -> frozenset[Scope] | None`: from the wire; None for a word that is no scope of these.
* `mint(conn, buckets, client, scopes, jkt, now_ms) -> str`, `holder(conn, text, jkt, now_ms) -> Holder | None`,
  `give_back(conn, client_id, text)`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from consent.ids import ClientId
from consent.recipients import register as recipients
from consent.recipients.register import Client
from consent.schema.tables import management_token
from vault.ids import Bucket, Buckets, new_secret, secret_hash

PREFIX: Final = "gmt"
LIFETIME_MS: Final = 300_000


class Scope(StrEnum):
    """What a token lets its holder do (Grant Management for OAuth 2.0, §6)."""

    QUERY = "grant_management_query"
    REVOKE = "grant_management_revoke"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whoever showed a living token under its key."""

    client_id: ClientId
    scopes: frozenset[Scope]


def scopes_of(text: str) -> frozenset[Scope] | None:
    """The scopes a request names, all of them when it names none (RFC 6749 §3.3)."""
    words = text.split(" ") if text else list(Scope)
    return frozenset(map(Scope, words)) if set(words) <= set(Scope) else None


def scope_text(scopes: Collection[Scope]) -> str:
    """Their form on the wire."""
    return " ".join(sorted(scopes))


def mint(
    conn: Connection, buckets: Buckets, client: Client, scopes: Collection[Scope], jkt: str, now_ms: int
) -> str:
    """A token for `client` under the key whose thumbprint is `jkt`; what is over of its tokens goes."""
    row = management_token.c
    conn.execute(delete(management_token).where(row.client_id == client.client_id, row.expires_at <= now_ms))
    secret = new_secret(PREFIX, Bucket(buckets.first))
    conn.execute(
        insert(management_token).values(
            hash=secret_hash(secret),
            client_id=client.client_id,
            recipient_id=client.recipient.id,
            jkt=jkt,
            scope=scope_text(scopes),
            minted_at=now_ms,
            expires_at=now_ms + LIFETIME_MS,
        )
    )
    return secret


def holder(conn: Connection, text: str, jkt: str, now_ms: int) -> Holder | None:
    """Who holds this token; None when nobody was given it, it is over, or another key shows it."""
    row = management_token.c
    found = conn.execute(select(management_token).where(row.hash == secret_hash(text))).one_or_none()
    if found is None or found.jkt != jkt or now_ms >= found.expires_at:
        return None
    client = recipients.client(conn, found.client_id)
    if client is None or client.suspended:
        return None
    return Holder(client_id=client.client_id, scopes=scopes_of(found.scope) or frozenset())


def give_back(conn: Connection, client_id: str, text: str) -> bool:
    """End a token of this client (RFC 7009); False when it has no such token."""
    row = management_token.c
    own = delete(management_token).where(row.hash == secret_hash(text), row.client_id == client_id)
    return conn.execute(own).rowcount == 1
