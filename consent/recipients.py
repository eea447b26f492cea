"""Recipients: who may ask at all, by which keys they are known, and where their answers may go.

A recipient is a legal person with a name, a registration and a way to reach it; a client is one of its
programs with its own public keys. Private keys, plain-http redirects and empty names are refused.

* `register(conn, registration, now_ms) -> Registered`; raises BadRegistration.
* `client(conn, client_id) -> Client | None`, `recipient(conn, recipient_id) -> Recipient | None`,
  `recipients(conn) -> list[Recipient]`, `suspend(conn, client_id, now_ms)`.
"""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, insert, select, update

from consent.errors import BadRegistration
from consent.ids import ClientId, RecipientId, canonical_json, new_reference
from consent.tables import client as client_table
from consent.tables import recipient as recipient_table
from consent.texts import storable

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
# What RFC 3986 writes, less what would end a directive of a header or stand for a quote there.
_REDIRECT = re.compile(r"[A-Za-z0-9:/?#\[\]@!$&()*+=._~%-]{1,2000}")
_MAX_TEXT = 200
_MAX_KEYS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """`jwks` is a JWK set of public keys: the parsed object or its JSON text."""

    legal_name: str
    contact: str
    registration_no: str
    redirect_uris: Sequence[str]
    jwks: Mapping[str, Any] | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    recipient_id: RecipientId
    client_id: ClientId


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """What the approval page must say about whoever asks."""

    id: RecipientId
    legal_name: str
    contact: str
    registration_no: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A recipient's program as the protocol sees it."""

    client_id: ClientId
    recipient: Recipient
    jwks: dict[str, Any]
    redirect_uris: tuple[str, ...]
    suspended: bool


def register(conn: Connection, registration: Registration, now_ms: int | None = None) -> Registered:
    """Write a recipient and its first client; `now_ms` defaults to the clock. Raises BadRegistration."""
    names = {
        member: _line(getattr(registration, member))
        for member in ("legal_name", "contact", "registration_no")
    }
    jwks = _public_keys(registration.jwks)
    redirects = tuple(_redirect(uri) for uri in registration.redirect_uris)
    if not redirects:
        raise BadRegistration("at least one redirect URI")
    at = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    who = Registered(
        recipient_id=RecipientId(new_reference("org", at)), client_id=ClientId(new_reference("app", at))
    )
    conn.execute(insert(recipient_table).values(id=who.recipient_id, **names, created_at=at))
    conn.execute(
        insert(client_table).values(
            client_id=who.client_id,
            recipient_id=who.recipient_id,
            jwks=canonical_json(jwks),
            redirect_uris=canonical_json(redirects),
            created_at=at,
        )
    )
    return who


def client(conn: Connection, client_id: str) -> Client | None:
    """The client with its recipient, or None when nobody is known by this id."""
    if not storable(client_id):
        return None
    row = conn.execute(
        select(client_table, recipient_table)
        .join(recipient_table, recipient_table.c.id == client_table.c.recipient_id)
        .where(client_table.c.client_id == client_id)
    ).one_or_none()
    if row is None:
        return None
    return Client(
        client_id=ClientId(row.client_id),
        recipient=_recipient(row),
        jwks=json.loads(row.jwks),
        redirect_uris=tuple(json.loads(row.redirect_uris)),
        suspended=row.suspended_at is not None,
    )


def recipient(conn: Connection, recipient_id: str) -> Recipient | None:
    """One recipient by its id."""
    row = conn.execute(select(recipient_table).where(recipient_table.c.id == recipient_id)).one_or_none()
    return None if row is None else _recipient(row)


def recipients(conn: Connection) -> list[Recipient]:
    """Every recipient, in the order of registration."""
    return [_recipient(row) for row in conn.execute(select(recipient_table).order_by(recipient_table.c.id))]


def suspend(conn: Connection, client_id: str, now_ms: int) -> None:
    """Stop a client from asking and exchanging; tokens in flight are the grants' business."""
    conn.execute(
        update(client_table).where(client_table.c.client_id == client_id).values(suspended_at=now_ms)
    )


def _recipient(row: Any) -> Recipient:
    return Recipient(
        id=RecipientId(row.id),
        legal_name=row.legal_name,
        contact=row.contact,
        registration_no=row.registration_no,
    )


def _line(text: str) -> str:
    line = text.strip()
    if not line or len(line) > _MAX_TEXT or not line.isprintable():
        raise BadRegistration("name, contact and registration are one printable line of up to 200 characters")
    return line


def _redirect(uri: str) -> str:
    if not _REDIRECT.fullmatch(uri):
        raise BadRegistration("a redirect URI is plain ASCII without spaces, quotes, commas and semicolons")
    try:
        parts = urlsplit(uri)
        port_is_sound = parts.port is None or parts.port > 0
    except ValueError:
        raise BadRegistration("a redirect URI names a host and perhaps a port") from None
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not (secure and port_is_sound) or not parts.hostname or parts.fragment or "@" in parts.netloc:
        raise BadRegistration("a redirect URI is https (http only on loopback), without user or fragment")
    return uri


def _public_keys(given: Mapping[str, Any] | str) -> dict[str, Any]:
    try:
        jwks: Any = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        raise BadRegistration("jwks is not JSON") from None
    keys = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= _MAX_KEYS:
        raise BadRegistration("jwks holds between 1 and 16 keys")
    for key in keys:
        if not isinstance(key, dict) or not isinstance(key.get("kty"), str):
            raise BadRegistration("every key is a JWK")
        if _PRIVATE_MEMBERS & key.keys() or key["kty"] == "oct":
            raise BadRegistration("only public keys: a private key was sent")
    return {"keys": keys}
