"""Telling a client that there is an answer to fetch (CIBA Core §10.2, ping mode): once for each request.

The ping is written with its request, to be sent when the waiting is over; the person's answer brings it forward
to the commit of that answer. So none is forgotten, and a hint that means nobody is told of like any other. What
is sent, the request's `auth_req_id` and the client's own token, lies sealed until then, and is wiped as soon as
it was delivered or has become worthless: a minute after the waiting, when nothing can be fetched with it any
more.

* `keep(conn, vault, client_id, request_id, ping, expires_at)`, `ring(conn, request_id, now_ms)`.
* `take(vault, now_ms, room) -> list[Due]`, `settle(database, due, outcome, now_ms, share)`, `give_up(database, now_ms)`.
"""

import hmac
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, and_, insert, select, update

from consent.delivery import deliveries
from consent.delivery.deliveries import Leased, Outcome, Pace, Queue, Room, next_attempt, waits
from consent.house import nobody
from consent.ids import ClientId, RequestId
from consent.schema.backchannel_tables import backchannel_ping
from consent.schema.tables import client, recipient
from vault.ids import Bucket, RecordId, bucket_of
from vault.opening import Vault
from vault.sealing.sealed import SALT_BYTES, Place, open_sealed, seal
from vault.storage.database import Database

PACE: Final = Pace(first_ms=1_000, longest_ms=30_000)
GRACE_MS: Final = 60_000
"""As long as what was approved at the last moment can still be fetched."""

TOO_LATE: Final = "too_late"
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]{1,1024}=*")
_LONGEST_TOKEN: Final = 1024
_FIELD: Final = "backchannel.ping"

_QUEUE: Final = Queue(
    table=backchannel_ping,
    key=backchannel_ping.c.request_id,
    addressee=backchannel_ping.c.client_id,
    party=client.c.client_id,
    # Whoever is suspended may fetch nothing, and need not be told that there is something.
    reachable=and_(
        client.c.notification_uri.is_not(None),
        client.c.suspended_at.is_(None),
        client.c.recipient_id.in_(select(recipient.c.id).where(recipient.c.suspended_at.is_(None))),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """What a client is sent, and the token that proves to it who sends."""

    auth_req_id: str = field(repr=False)
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A ping that is to be sent now; `attempts` counts this one. `until` is when it is worthless, in Unix ms."""

    bucket: Bucket
    request_id: RequestId
    addressee: str
    uri: str
    ping: Ping
    attempts: int
    lease: int
    until: int


def is_token(text: str) -> bool:
    """Whether `text` may stand behind `Bearer` (RFC 6750 §2.1), within the length that CIBA §7.1 allows."""
    return len(text) <= _LONGEST_TOKEN and _TOKEN.fullmatch(text) is not None


def keep(  # each argument is a separate fact of the request
    conn: Connection, vault: Vault, client_id: ClientId, request_id: RequestId, ping: Ping, expires_at: int
) -> None:
    """Write the ping of a request that was stored in this transaction; it is due when the waiting is over."""
    bucket = bucket_of(request_id)
    conn.execute(
        insert(backchannel_ping).values(
            bucket=bucket,
            request_id=request_id,
            client_id=client_id,
            sealed=_sealed(vault, request_id, ping),
            until=expires_at + GRACE_MS,
            attempts=0,
            lease=0,
            next_at=expires_at,
        )
    )


def ring(conn: Connection, request_id: RequestId, now_ms: int) -> None:
    """There is an answer: the request's ping is due, if it has one that was not sent yet."""
    row = backchannel_ping.c
    own = (row.bucket == bucket_of(request_id), row.request_id == request_id, row.next_at > now_ms)
    conn.execute(update(backchannel_ping).where(*own, waits(_QUEUE)).values(next_at=now_ms))


def take(vault: Vault, now_ms: int, room: Room | None = None) -> list[Due]:
    """Lease the oldest pings that are due and have somewhere to go, each client its share of `room`."""
    with deliveries.take(vault.data, _QUEUE, room or Room(), now_ms) as taken:
        if taken is None:
            return []
        conn, rows = taken
        named = select(client.c.client_id, client.c.notification_uri).where(_QUEUE.reachable)
        addressed = named.where(client.c.client_id.in_({row.client_id for row in rows}))
        uris = {row.client_id: row.notification_uri for row in conn.execute(addressed)}
    # Who stopped being pinged a moment ago is sent nothing; the lease runs out.
    return [_due(vault, row, uris[row.client_id]) for row in rows if row.client_id in uris]


def settle(database: Database, due: Due, outcome: Outcome, now_ms: int, share: float) -> bool:
    """Write what came of an attempt; whether the ping has now failed for good."""
    at = next_attempt(PACE, due.attempts, due.until, now_ms, share)
    leased = Leased(bucket=due.bucket, key=due.request_id, lease=due.lease)
    with database.write() as conn:
        return deliveries.settle(conn, _QUEUE, leased, outcome, now_ms, at, {"sealed": None})


def give_up(database: Database, now_ms: int) -> int:
    """Wipe what has become worthless without being sent; how many pings those were."""
    late = and_(waits(_QUEUE), backchannel_ping.c.until <= now_ms)
    ended = {"failed_at": now_ms, "code": TOO_LATE, "sealed": None}
    with database.write() as conn:
        return conn.execute(update(backchannel_ping).where(late).values(ended)).rowcount


def _due(vault: Vault, row: Any, uri: str) -> Due:
    request = RequestId(row.request_id)
    return Due(
        bucket=Bucket(row.bucket),
        request_id=request,
        addressee=row.client_id,
        uri=uri,
        ping=_opened(vault, request, row.sealed),
        attempts=row.attempts,
        lease=row.lease,
        until=row.until,
    )


def _sealed(vault: Vault, request_id: RequestId, ping: Ping) -> bytes:
    text, salt = json.dumps([ping.auth_req_id, ping.token]).encode(), secrets.token_bytes(SALT_BYTES)
    return seal(_key(vault), 1, _place(vault, request_id), text, salt, suite=vault.installation.suite)


def _opened(vault: Vault, request_id: RequestId, sealed: bytes) -> Ping:
    said: Sequence[str] = json.loads(open_sealed(_key(vault), _place(vault, request_id), sealed))
    return Ping(auth_req_id=said[0], token=said[1])


def _key(vault: Vault) -> bytes:
    return hmac.digest(vault.keyring.service_key("code"), b"pv1/ping", "sha256")


def _place(vault: Vault, request_id: RequestId) -> Place:
    return Place(vault.installation.tenant, nobody(vault), RecordId(request_id), _FIELD, 1, 1)
