"""Which key signs what, by generations: a rotation begins a new one, and what the old ones signed stays verifiable.

No private key is stored anywhere: each is derived from the service key of its duty, purpose and generation.
The data base only knows that a generation was begun, and when (`schema.signing_tables`). The next generation's public key
is published before it signs anything, so that whoever keeps our key set for its ten minutes knows it already.

* `sign(vault, conn, Purpose.EVENT, "secevent+jwt", payload) -> str` compact JWS under the current key. `conn` is any
  connection of the data data base, inside a transaction or not; None reads by itself.
* `key(vault, conn, purpose, at=None) -> SigningKey`: the current one, or the one that was current at `at` (Unix ms),
  for a batch, or for a document that must come out the same again: `.sign(typ, payload)`, `.kid`, `.public()`.
* `public_keys(vault, now_ms=None) -> list[JWK dict]`: every key that a verifier may need.
* `verifying(vault, conn, purpose) -> list[SigningKey]`: every generation of one purpose, newest first.
* `receipt_keys(vault) -> tuple[bytes, ...]`: the Ed25519 public keys behind every receipt, 32 bytes each.
* `generations(conn, tenant) -> list[Generation]`: which there were, and since when; needs no keys.
* `rotate(vault, now_ms) -> Mapping[Purpose, int]`: begin the next generation of every purpose.
"""

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, insert, select

from consent.schema.signing_tables import signing_key as signing_key_table
from consent.signing.signed import Algorithm, SigningKey, signing_key
from vault.ids import TenantId
from vault.opening import Vault

FIRST: Final = 1
_DAY_MS: Final = 86_400_000


class Purpose(StrEnum):
    """What is signed; the value is the name of the service key behind it."""

    RECEIPT = "receipt"
    EVENT = "event"
    INTROSPECTION = "answer"
    STATUS = "status"


_ALGORITHMS: Final[Mapping[Purpose, Algorithm]] = {
    Purpose.RECEIPT: Algorithm.ED25519,
    Purpose.EVENT: Algorithm.ES256,
    Purpose.INTROSPECTION: Algorithm.ES256,
    Purpose.STATUS: Algorithm.ES256,
}

_KEPT_MS: Final[Mapping[Purpose, int]] = {Purpose.INTROSPECTION: _DAY_MS, Purpose.STATUS: _DAY_MS}
"""How long after its retirement a key is still published; a receipt's and an event's for ever: they are evidence."""

NEWEST: Final = "(SELECT coalesce(max(k.generation), 1) FROM signing_key k WHERE k.name = '{}')"
"""For a hot statement: the current generation of the purpose whose value is put in, as a column of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One key of a purpose, in Unix milliseconds: the first has signed since the installation's first day (None).

    `retired_at` is when its follower began, None for the one that signs now.
    """

    purpose: Purpose
    number: int
    begun_at: int | None
    retired_at: int | None


def sign(
    vault: Vault, conn: Connection | None, purpose: Purpose, typ: str, payload: Mapping[str, Any]
) -> str:
    """The compact JWS of `payload`, with `typ` in its header, under the current key of `purpose`."""
    return key(vault, conn, purpose).sign(typ, payload)


def key(vault: Vault, conn: Connection | None, purpose: Purpose, at: int | None = None) -> SigningKey:
    """The key of `purpose` that is current, or was at `at` (Unix milliseconds)."""
    begun = _begun(vault, conn).get(purpose, {})
    return derived(
        vault, purpose, max((n for n, since in begun.items() if at is None or since <= at), default=FIRST)
    )


def derived(vault: Vault, purpose: Purpose, generation: int) -> SigningKey:
    """The key of one generation, whether it was begun or not."""
    secret = vault.keyring.service_key(purpose)
    # The first receipts were signed with the service key itself; they must stay verifiable.
    if (purpose, generation) != (Purpose.RECEIPT, FIRST):
        secret = hmac.digest(secret, f"pv1/signing/{purpose}/{generation}".encode(), "sha256")
    return signing_key(_ALGORITHMS[purpose], secret)


def verifying(vault: Vault, conn: Connection | None, purpose: Purpose) -> list[SigningKey]:
    """Every key of `purpose` that ever signed, newest first."""
    newest = max(_begun(vault, conn).get(purpose, {FIRST: 0}))
    return [derived(vault, purpose, generation) for generation in range(newest, 0, -1)]


def public_keys(vault: Vault, now_ms: int | None = None) -> list[dict[str, str]]:
    """The JWKs of all keys whose signatures may be about or are about to be: current ones first."""
    now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    begun = _begun(vault, None)
    ranked = [one for purpose in Purpose for one in _published(purpose, begun.get(purpose, {}), now)]
    return [derived(vault, purpose, generation).public() for _, purpose, generation in sorted(ranked)]


def receipt_keys(vault: Vault) -> tuple[bytes, ...]:
    """The public keys (Ed25519, 32 bytes each) that receipts were ever signed with, newest first."""
    return tuple(one.raw for one in verifying(vault, None, Purpose.RECEIPT))


def generations(conn: Connection, tenant: TenantId) -> list[Generation]:
    """Every generation of every purpose, the oldest first."""
    begun = _rows(conn, tenant)
    return [
        Generation(
            purpose=purpose,
            number=number,
            begun_at=begun.get(purpose, {}).get(number),
            retired_at=begun.get(purpose, {}).get(number + 1),
        )
        for purpose in Purpose
        for number in range(FIRST, max(begun.get(purpose, {}), default=FIRST) + 1)
    ]


def rotate(vault: Vault, now_ms: int) -> dict[Purpose, int]:
    """Begin the next generation of every purpose; it signs from this commit on. Answers the generations.

    Two rotations at once: the second one's commit is refused by the data base.
    """
    with vault.data.write() as conn:
        begun = _begun(vault, conn)
        following = {purpose: max(begun.get(purpose, {FIRST: 0})) + 1 for purpose in Purpose}
        latest = max((since for rows in begun.values() for since in rows.values()), default=0)
        # A clock that was set back must not make a key older than the one it follows.
        at = max(now_ms, latest + 1)
        rows = [
            {"name": purpose, "generation": n, "tenant": vault.installation.tenant, "created_at": at}
            for purpose, n in following.items()
        ]
        conn.execute(insert(signing_key_table), rows)
    return following


def _published(purpose: Purpose, begun: Mapping[int, int], now_ms: int) -> list[tuple[int, Purpose, int]]:
    """(rank, purpose, generation): the current, the next, then the old ones that are still published."""
    newest = max(begun, default=FIRST)
    kept = _KEPT_MS.get(purpose)
    old = [n for n in range(newest - 1, 0, -1) if kept is None or now_ms < begun[n + 1] + kept]
    return [(0, purpose, newest), (1, purpose, newest + 1), *((2 + newest - n, purpose, n) for n in old)]


def _begun(vault: Vault, conn: Connection | None) -> dict[Purpose, dict[int, int]]:
    """Of each purpose the generations after the first, and since when."""
    if conn is None:
        with vault.data.glance() as own:
            return _begun(vault, own)
    return _rows(conn, vault.installation.tenant)


def _rows(conn: Connection, tenant: TenantId) -> dict[Purpose, dict[int, int]]:
    row = signing_key_table.c
    wanted = select(row.name, row.generation, row.created_at).where(row.tenant == tenant)
    begun: dict[Purpose, dict[int, int]] = {}
    for name, generation, created_at in conn.execute(wanted):
        begun.setdefault(Purpose(name), {})[generation] = created_at
    return begun
