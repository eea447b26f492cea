"""Recipients: who may ask at all, by which keys they are known, and where their answers may go.

A recipient is a legal person with a name, a registration and a way to reach it; its clients are its programs (the one
in production and the one being tested, or two houses of one company), each with public keys and addresses of its own.
What a client was given works for that client; what a person granted, they granted to the recipient.

* `client(conn, client_id) -> Client | None`, `known_clients(conn, client_ids)` several at once, `clients(conn, recipient_id) -> list[Client]`
* `recipient(conn, recipient_id) -> Recipient | None`, `recipients(conn) -> list[Recipient]`
* `register`, `add_client`, `replace_keys`, `notify_at` and `change` are `registering`'s verbs, offered here because they belong together.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, select

from consent.ids import ClientId, RecipientId
from consent.recipients.encryption_keys import EncryptionKey, stored_encryption_keys
from consent.recipients.key_sets import PublicKey, stored_keys
from consent.recipients.registering import (
    DeliveryMode,
    Program,
    RecipientKind,
    Registered,
    Registration,
    add_client,
    change,
    notify_at,
    register,
    replace_keys,
)
from consent.schema.tables import client as client_table
from consent.schema.tables import fetched_keys
from consent.schema.tables import recipient as recipient_table
from consent.texts import storable
from consent.wording.countries import is_abroad
from vault.storage.rowset import RowSet

__all__ = [
    "Client",
    "DeliveryMode",
    "Program",
    "Recipient",
    "RecipientKind",
    "Registered",
    "Registration",
    "add_client",
    "change",
    "client",
    "clients",
    "known_clients",
    "notify_at",
    "recipient",
    "recipients",
    "register",
    "replace_keys",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """What the approval page must say about whoever asks; `event_uri` is where it wants to be told.

    `jurisdiction`, `country` and `erase_days` as in `Registration`.
    """

    id: RecipientId
    legal_name: str
    contact: str
    registration_no: str
    event_uri: str | None = None
    suspended: bool = False
    kind: RecipientKind = RecipientKind.ORGANISATION
    jurisdiction: str = "CN"
    country: str = "CN"
    erase_days: int = 15

    @property
    def abroad(self) -> bool:
        """Whether data that goes to it leaves the country under whose law the consent is given (PIPL 38)."""
        return is_abroad(self.country, self.jurisdiction)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A recipient's program as the protocol sees it.

    `keys` are its own, or with a `jwks_uri` what was last fetched there (nothing before `fetched_at` is set;
    `tried_at` and `strange_at` are when somebody last asked, see `fetched_keys`; all in Unix milliseconds);
    `suspended` is true for every client of a suspended recipient. With a `notification_uri` it is pinged there
    (CIBA), without one it polls.
    """

    client_id: ClientId
    recipient: Recipient
    label: str
    keys: tuple[PublicKey, ...]
    jwks_uri: str | None
    fetched_at: int | None
    tried_at: int | None
    strange_at: int | None
    redirect_uris: tuple[str, ...]
    suspended: bool
    notification_uri: str | None = None
    encryption_keys: tuple[EncryptionKey, ...] = ()
    """Of the same set as `keys`: what its answers may be encrypted to."""

    @property
    def delivery(self) -> DeliveryMode:
        """How it learns of answers; polling works for every client."""
        return DeliveryMode.POLL if self.notification_uri is None else DeliveryMode.PING


class _ClientRow(NamedTuple):
    """What `_CLIENT` and `_clients` read."""

    client_id: str
    label: str
    jwks: str | None
    jwks_uri: str | None
    redirect_uris: str
    client_suspended_at: int | None
    fetched: str | None
    fetched_at: int | None
    tried_at: int | None
    strange_at: int | None
    notification_uri: str | None
    id: str
    legal_name: str
    contact: str
    registration_no: str
    event_uri: str | None
    suspended_at: int | None
    kind: str
    jurisdiction: str
    country: str
    erase_days: int


# Every request that a client authenticates begins with it: the toolkit's way costs ten times as much.
_CLIENT = RowSet(
    "WITH {rows} SELECT c.client_id, c.label, c.jwks, c.jwks_uri, c.redirect_uris, c.suspended_at, f.jwks, "
    "f.fetched_at, f.tried_at, f.strange_at, c.notification_uri, r.id, r.legal_name, r.contact, r.registration_no, r.event_uri, r.suspended_at, "
    "r.kind, r.jurisdiction, r.country, r.erase_days "
    "FROM rows JOIN client c ON c.client_id = rows.client_id JOIN recipient r ON r.id = c.recipient_id "
    "LEFT JOIN fetched_keys f ON f.client_id = c.client_id",
    client_id="text",
)


def client(conn: Connection, client_id: str) -> Client | None:
    """The client with its recipient, or None when nobody is known by this id."""
    return known_clients(conn, [client_id]).get(client_id)


def known_clients(conn: Connection, client_ids: Iterable[str]) -> dict[str, Client]:
    """The clients with their recipients by id; who is not known is not in it."""
    wanted = sorted({(client_id,) for client_id in client_ids if storable(client_id)})
    return {row[0]: _client(_ClientRow(*row)) for row in _CLIENT(conn, wanted)}


def clients(conn: Connection, recipient_id: str) -> list[Client]:
    """Every client of a recipient, in the order of registration."""
    own = _clients().where(client_table.c.recipient_id == recipient_id)
    in_order = own.order_by(client_table.c.created_at, client_table.c.client_id)
    return [_client(row) for row in conn.execute(in_order)]


def recipient(conn: Connection, recipient_id: str) -> Recipient | None:
    """One recipient by its id."""
    if not storable(recipient_id):
        return None
    row = conn.execute(select(recipient_table).where(recipient_table.c.id == recipient_id)).one_or_none()
    return None if row is None else _recipient(row)


def recipients(conn: Connection, before_ms: int | None = None) -> list[Recipient]:
    """Every recipient, in the order of registration; those registered before an instant, if given."""
    in_order = select(recipient_table).order_by(recipient_table.c.created_at, recipient_table.c.id)
    if before_ms is not None:
        in_order = in_order.where(recipient_table.c.created_at < before_ms)
    return [_recipient(row) for row in conn.execute(in_order)]


def _clients() -> Select[Any]:
    app, fetched = client_table.c, fetched_keys.c
    return (
        select(
            app.client_id,
            app.label,
            app.jwks,
            app.jwks_uri,
            app.redirect_uris,
            app.suspended_at.label("client_suspended_at"),
            fetched.jwks.label("fetched"),
            fetched.fetched_at,
            fetched.tried_at,
            fetched.strange_at,
            app.notification_uri,
            *(column for column in recipient_table.c if column.name not in {"created_at", "tenant"}),
        )
        .join(recipient_table, recipient_table.c.id == app.recipient_id)
        .outerjoin(fetched_keys, fetched.client_id == app.client_id)
    )


def _client(row: Any) -> Client:
    who, jwks = _recipient(row), row.fetched if row.jwks is None else row.jwks
    return Client(
        client_id=ClientId(row.client_id),
        recipient=who,
        label=row.label,
        keys=() if jwks is None else stored_keys(jwks),
        jwks_uri=row.jwks_uri,
        fetched_at=row.fetched_at,
        tried_at=row.tried_at,
        strange_at=row.strange_at,
        redirect_uris=tuple(json.loads(row.redirect_uris)),
        suspended=who.suspended or row.client_suspended_at is not None,
        notification_uri=row.notification_uri,
        encryption_keys=() if jwks is None else stored_encryption_keys(jwks),
    )


def is_suspended(conn: Connection, client_id: ClientId) -> bool:
    """Whether a client or its recipient is stopped now, as it is read within the transaction."""
    app, who = client_table.c, recipient_table.c
    stopped = (app.suspended_at.is_not(None)) | (who.suspended_at.is_not(None))
    query = select(app.client_id).join(recipient_table, who.id == app.recipient_id)
    return conn.execute(query.where(app.client_id == client_id, stopped)).first() is not None


def _recipient(row: Any) -> Recipient:
    return Recipient(
        id=RecipientId(row.id),
        legal_name=row.legal_name,
        contact=row.contact,
        registration_no=row.registration_no,
        event_uri=row.event_uri,
        suspended=row.suspended_at is not None,
        kind=RecipientKind(row.kind),
        jurisdiction=row.jurisdiction,
        country=row.country,
        erase_days=row.erase_days,
    )
