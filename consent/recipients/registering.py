"""Registering recipients and their programs: everything is checked before anything is written.

A name, a contact and a registration number are what the approval page must show. A program has redirect addresses and
public keys, by value or at an address of its own (`jwks_uri`), never both. A registration number, a label and a key
are nobody's twice.

* `register(conn, registration, now_ms) -> Registered`: a recipient and its first program.
* `add_client(conn, recipient_id, program, now_ms) -> ClientId`, `replace_keys(conn, client_id, jwks, jwks_uri)`,
  `notify_at(conn, client_id, uri)`, `change(conn, recipient_id, contact=…, event_uri=…, erase_days=…)`.
All raise BadRegistration; all but the first UnknownRecipient. A name and a registration number never change: consents
were given to them.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, delete, insert, select, update

from consent.errors import BadRegistration, UnknownRecipient
from consent.ids import ClientId, RecipientId, canonical_json, new_reference
from consent.recipients.encryption_keys import whole_set
from consent.recipients.key_sets import PublicKey, jwks_json, stored_keys
from consent.schema.tables import client, fetched_keys, recipient
from consent.texts import storable
from consent.wording import countries

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
# What RFC 3986 writes, less what would end a directive of a header or stand for a quote there.
_ADDRESS = re.compile(r"[A-Za-z0-9:/?#\[\]@!$&()*+=._~%-]{1,2000}")
_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_COUNTRY = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_MAX_TEXT = 200
_MOST_DAYS = 3660
_MOST_ADDRESSES = 16
FIRST_LABEL = "production"


class RecipientKind(StrEnum):
    """Who a recipient is: somebody else, or the operator's own staff, who read by name and hold no tokens."""

    ORGANISATION = "organisation"
    STAFF = "staff"


class DeliveryMode(StrEnum):
    """How a client learns that a person it asked directly has answered (CIBA §5)."""

    POLL = "poll"
    PING = "ping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One client: `jwks` is a JWK set of public keys (the parsed object or its JSON text), or None with a `jwks_uri`.

    With `delivery` PING it is told at its `notification_uri` that a person has answered.
    """

    label: str
    redirect_uris: Sequence[str]
    jwks: Mapping[str, Any] | str | None = None
    jwks_uri: str | None = None
    delivery: DeliveryMode = DeliveryMode.POLL
    notification_uri: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A recipient with its first client; `event_uri` is where it wants to be told of withdrawals.

    `jurisdiction` (a country of ISO 3166-1, maybe with its part) is the law its consents are given under, `country`
    where the data goes, that of the law unless it says otherwise, both for good;
    `erase_days` is how long it may take at most to erase when a consent ends.
    """

    legal_name: str
    contact: str
    registration_no: str
    redirect_uris: Sequence[str]
    jwks: Mapping[str, Any] | str | None = None
    jwks_uri: str | None = None
    event_uri: str | None = None
    label: str = FIRST_LABEL
    delivery: DeliveryMode = DeliveryMode.POLL
    notification_uri: str | None = None
    kind: RecipientKind = RecipientKind.ORGANISATION
    jurisdiction: str = "CN"
    erase_days: int = 15
    country: str | None = None

    @property
    def program(self) -> Program:
        """The first client."""
        return Program(
            label=self.label,
            redirect_uris=self.redirect_uris,
            jwks=self.jwks,
            jwks_uri=self.jwks_uri,
            delivery=self.delivery,
            notification_uri=self.notification_uri,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    recipient_id: RecipientId
    client_id: ClientId


def register(conn: Connection, registration: Registration, now_ms: int | None = None) -> Registered:
    """Write a recipient and its first client; `now_ms` defaults to the clock."""
    names = {
        member: _line(getattr(registration, member))
        for member in ("legal_name", "contact", "registration_no")
    }
    told_at = None if registration.event_uri is None else _called(registration.event_uri, "event_uri")
    law = {
        "kind": registration.kind.value,
        "jurisdiction": _jurisdiction(registration.jurisdiction),
        "country": _country(registration.country or countries.home(registration.jurisdiction)),
        "erase_days": _erase_days(registration.erase_days),
    }
    columns = _program(registration.program)
    known = select(recipient.c.id).where(recipient.c.registration_no == names["registration_no"])
    if (found := conn.execute(known).scalar_one_or_none()) is not None:
        raise BadRegistration(f"this registration number is {found}'s already")
    at = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    who = RecipientId(new_reference("org", at))
    conn.execute(insert(recipient).values(id=who, **names, **law, event_uri=told_at, created_at=at))
    return Registered(recipient_id=who, client_id=_insert(conn, who, columns, at))


def add_client(conn: Connection, recipient_id: str, program: Program, now_ms: int) -> ClientId:
    """Write another client of a registered recipient."""
    columns = _program(program)
    own = _clients_of(conn, recipient_id)
    if columns["label"] in {row.label for row in own}:
        raise BadRegistration("this recipient has a client with this label already")
    _no_key_twice(own, columns["jwks"])
    return _insert(conn, RecipientId(recipient_id), columns, now_ms)


def replace_keys(
    conn: Connection, client_id: str, jwks: Mapping[str, Any] | str | None, jwks_uri: str | None
) -> tuple[PublicKey, ...]:
    """Let a client be known by these keys and by no others, from now on; returns those given by value."""
    columns = _keys(jwks, jwks_uri)
    found = select(client.c.recipient_id).where(client.c.client_id == client_id)
    owner = conn.execute(found).scalar_one_or_none() if storable(client_id) else None
    if owner is None:
        raise UnknownRecipient("no client is known by this id")
    _no_key_twice([row for row in _clients_of(conn, owner) if row.client_id != client_id], columns["jwks"])
    conn.execute(update(client).where(client.c.client_id == client_id).values(columns))
    # What another address answered, or the former one to whoever asked there last, is no word on these keys.
    conn.execute(delete(fetched_keys).where(fetched_keys.c.client_id == client_id))
    return () if columns["jwks"] is None else stored_keys(columns["jwks"])


def notify_at(conn: Connection, client_id: str, uri: str | None) -> None:
    """Ping a client at another address from now on; with None it polls."""
    told_at = _told_at(uri)
    known = storable(client_id) and conn.execute(
        update(client).where(client.c.client_id == client_id).values(notification_uri=told_at)
    )
    if not known or not known.rowcount:
        raise UnknownRecipient("no client is known by this id")


def change(
    conn: Connection,
    recipient_id: str,
    *,
    contact: str | None = None,
    event_uri: str | None = None,
    erase_days: int | None = None,
) -> None:
    """Give a recipient another contact, address for its events (an empty one takes it away) or time to erase in."""
    columns: dict[str, str | int | None] = {}
    if contact is not None:
        columns["contact"] = _line(contact)
    if event_uri is not None:
        columns["event_uri"] = _called(event_uri, "event_uri") if event_uri else None
    if erase_days is not None:
        columns["erase_days"] = _erase_days(erase_days)
    if not columns:
        raise BadRegistration("nothing to change")
    _clients_of(conn, recipient_id)
    conn.execute(update(recipient).where(recipient.c.id == recipient_id).values(columns))


def _clients_of(conn: Connection, recipient_id: str) -> Sequence[Any]:
    known = select(recipient.c.id).where(recipient.c.id == recipient_id)
    if not storable(recipient_id) or conn.execute(known).scalar_one_or_none() is None:
        raise UnknownRecipient("no recipient is known by this id")
    return conn.execute(select(client).where(client.c.recipient_id == recipient_id)).all()


def _insert(conn: Connection, owner: RecipientId, columns: Mapping[str, Any], at: int) -> ClientId:
    made = ClientId(new_reference("app", at))
    conn.execute(insert(client).values(client_id=made, recipient_id=owner, **columns, created_at=at))
    return made


def _program(program: Program) -> dict[str, Any]:
    if not _LABEL.fullmatch(program.label):
        raise BadRegistration("a label has up to 40 small letters, digits and hyphens")
    redirects = tuple(_called(uri, "a redirect URI") for uri in program.redirect_uris)
    if not 1 <= len(redirects) <= _MOST_ADDRESSES:
        raise BadRegistration(f"between 1 and {_MOST_ADDRESSES} redirect URIs")
    if len(set(redirects)) < len(redirects):
        raise BadRegistration("a redirect URI is given twice")
    keys = _keys(program.jwks, program.jwks_uri)
    if (program.delivery is DeliveryMode.PING) != (program.notification_uri is not None):
        raise BadRegistration("a client that is pinged has a notification endpoint, and no other has one")
    told_at = _told_at(program.notification_uri)
    return {
        "label": program.label,
        "redirect_uris": canonical_json(redirects),
        "notification_uri": told_at,
        **keys,
    }


def _told_at(uri: str | None) -> str | None:
    return None if uri is None else _called(uri, "a notification endpoint")


def _keys(jwks: Mapping[str, Any] | str | None, jwks_uri: str | None) -> dict[str, str | None]:
    if (jwks is None) == (jwks_uri is None):
        raise BadRegistration("keys are given either as jwks or at a jwks_uri")
    if jwks_uri is not None:
        return {"jwks": None, "jwks_uri": _called(jwks_uri, "jwks_uri")}
    return {"jwks": jwks_json(whole_set(jwks or {})), "jwks_uri": None}


def _no_key_twice(others: Sequence[Any], jwks: str | None) -> None:
    """Two programs with one key could not be told apart by what they sign."""
    taken = {key.thumbprint for row in others if row.jwks for key in stored_keys(row.jwks)}
    if jwks is not None and any(key.thumbprint in taken for key in stored_keys(jwks)):
        raise BadRegistration("another client of this recipient has this key already")


def _line(text: str) -> str:
    line = text.strip()
    if not line or len(line) > _MAX_TEXT or not line.isprintable():
        raise BadRegistration("name, contact and registration are one printable line of up to 200 characters")
    return line


def _jurisdiction(code: str) -> str:
    if not _COUNTRY.fullmatch(code):
        raise BadRegistration("a jurisdiction is a code of ISO 3166, such as CN or US-CA")
    return code


def _country(code: str) -> str:
    if not countries.known(code):
        raise BadRegistration("a country is a code of ISO 3166-1 that is in use, such as CN")
    return code


def _erase_days(days: int) -> int:
    if not 1 <= days <= _MOST_DAYS:
        raise BadRegistration(f"a recipient has 1 to {_MOST_DAYS} days to erase")
    return days


def _called(uri: str, what: str) -> str:
    """An address that browsers or this server may be sent to."""
    if not _ADDRESS.fullmatch(uri):
        raise BadRegistration(f"{what} is plain ASCII without spaces, quotes, commas and semicolons")
    try:
        parts = urlsplit(uri)
        port_is_sound = parts.port is None or parts.port > 0
    except ValueError:
        raise BadRegistration(f"{what} names a host and perhaps a port") from None
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not (secure and port_is_sound) or not parts.hostname or parts.fragment or "@" in parts.netloc:
        raise BadRegistration(f"{what} is https (http only on loopback), without user or fragment")
    return uri
