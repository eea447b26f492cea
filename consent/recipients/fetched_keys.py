"""Keys at a client's `jwks_uri`: when they are asked for again, and what is remembered for every worker.

A set is asked for again after ten minutes, once a minute until there is an answer, and once at once when a
signature names a key that is not in it, so that a new key works in the middle of everything. Anybody can name
such a key, so that has a budget of its own: five seconds for one client between two, whoever sends what.
Strangers can make us ask its server twelve times a minute, and delay a change of its keys by five seconds. A
set that could not be had again is trusted for an hour: a key that its owner has taken away must not live here
for ever.

* `due(client, kid, now_ms)`, `why(client, kid, now_ms)`, `trusted(client, now_ms)`, `usable(client, now_ms)`: pure.
* `claim_try(conn, client_id, why, now_ms) -> bool`, `keep(conn, client_id, jwks_uri, keys, now_ms)`.
"""

from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import Connection, select, update

from consent.recipients.key_sets import Key, PublicKey, jwks_json
from consent.recipients.register import Client
from consent.schema.tables import client as client_table
from consent.schema.tables import fetched_keys
from vault.storage.rowset import RowSet

FRESH_MS = 600_000
CEILING_MS = 3_600_000
BETWEEN_TRIES_MS = 60_000
BETWEEN_STRANGE_MS = 5_000

_FIRST_TRY = RowSet(
    "WITH {rows} INSERT INTO fetched_keys (client_id, tried_at) "
    "SELECT rows.client_id, :now FROM rows WHERE true ON CONFLICT DO NOTHING RETURNING client_id",
    client_id="text",
)


class Why(StrEnum):
    """What a fetch is for; each has times of its own."""

    AGE = "age"
    STRANGE = "strange"


def due(client: Client, kid: str | None, now_ms: int) -> bool:
    """Whether the keys of a client should be fetched before a signature under `kid` is looked at."""
    return client.jwks_uri is not None and (_old(client, now_ms) or _strange(client, kid))


def why(client: Client, kid: str | None, now_ms: int) -> Why | None:
    """What the fetch that is due is for; None when somebody asked for that a moment ago.

    A stranger who makes us look here must not make us write.
    """
    if _old(client, now_ms):
        return None if _within(client.tried_at, BETWEEN_TRIES_MS, now_ms) else Why.AGE
    if not _strange(client, kid) or _within(client.strange_at, BETWEEN_STRANGE_MS, now_ms):
        return None
    return Why.STRANGE


def _old(client: Client, now_ms: int) -> bool:
    return client.fetched_at is None or now_ms >= client.fetched_at + FRESH_MS


def _strange(client: Client, kid: str | None) -> bool:
    known = {key.kid for key in client.keys} | {key.kid for key in client.encryption_keys}
    return kid is not None and kid not in known


def _within(last_ms: int | None, pause_ms: int, now_ms: int) -> bool:
    return last_ms is not None and now_ms < last_ms + pause_ms


def usable(client: Client, now_ms: int) -> tuple[PublicKey, ...]:
    """The keys a client may be known by now."""
    return client.keys if trusted(client, now_ms) else ()


def trusted(client: Client, now_ms: int) -> bool:
    """Whether what is known of a client's keys is its own word, or was had from it within the hour."""
    return client.jwks_uri is None or (
        client.fetched_at is not None and now_ms < client.fetched_at + CEILING_MS
    )


def claim_try(conn: Connection, client_id: str, cause: Why, now_ms: int) -> bool:
    """True for the one caller, on any worker, who shall fetch now."""
    if _FIRST_TRY(conn, [(client_id,)], now=now_ms):
        return True
    row = fetched_keys.c
    last, pause = (
        (row.tried_at, BETWEEN_TRIES_MS) if cause is Why.AGE else (row.strange_at, BETWEEN_STRANGE_MS)
    )
    turn = (row.client_id == client_id) & (last.is_(None) | (last <= now_ms - pause))
    return conn.execute(update(fetched_keys).where(turn).values({last: now_ms})).rowcount == 1


def keep(conn: Connection, client_id: str, jwks_uri: str, keys: Sequence[Key], now_ms: int) -> None:
    """Remember what `jwks_uri` answered, if that is still the client's."""
    app = client_table.c
    still = select(app.client_id).where(app.client_id == client_id, app.jwks_uri == jwks_uri)
    conn.execute(
        update(fetched_keys)
        .where(fetched_keys.c.client_id.in_(still))
        .values(jwks=jwks_json(keys), fetched_at=now_ms)
    )
