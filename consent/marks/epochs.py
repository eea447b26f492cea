"""Epochs of marks: one secret key each, committed to in the ledger before the first value is marked with it.

The key of epoch e is HMAC-SHA256(service key "mark", "pv1/marks/epoch" ‖ uint32 e), 32 bytes; nothing of it is
stored. What the ledger says of it, as an entry of its own in the log of every bucket, is

    SHA-256("pv1/marks/commitment" ‖ 00 ‖ uint32 e ‖ key)

so that nobody can choose a key afterwards under which somebody else's copy would look like the leaked one.
Integers are big-endian. A new epoch changes nothing that was served: a version stays under the epoch in which
its recipient first got it.

* `roll(vault, now_ms) -> int` begins the next epoch everywhere, or ends what an earlier call was kept from doing.
* `key(vault, number) -> bytes`; `commitment(number, key) -> bytes`; `epochs(vault) -> list[Epoch]`.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select

from consent.ledger.append import append_about_log
from consent.ledger.entries.log_entry import MarkEpoch
from consent.ledger.open_now import open_log
from consent.marks.tables import mark_epoch
from vault.ids import Bucket, new_id
from vault.opening import Vault

_KEY = b"pv1/marks/epoch"
_COMMITMENT = b"pv1/marks/commitment\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One epoch: since when it has been in use (Unix ms, in the first bucket), and in how many buckets it is."""

    number: int
    begun_at: int
    buckets: int
    commitment: bytes


def key(vault: Vault, number: int) -> bytes:
    """The mark key of an epoch, whether it has begun or not."""
    return hmac.digest(vault.keyring.service_key("mark"), _KEY + number.to_bytes(4), "sha256")


def commitment(number: int, secret: bytes) -> bytes:
    """What is published of an epoch's key."""
    return hashlib.sha256(_COMMITMENT + number.to_bytes(4) + secret).digest()


def epochs(vault: Vault) -> list[Epoch]:
    """Every epoch that has begun anywhere, the first one first."""
    c = mark_epoch.c
    query = select(c.number, func.min(c.begun_at), func.count()).group_by(c.number).order_by(c.number)
    with vault.data.read() as conn:
        rows = conn.execute(query).all()
    return [
        Epoch(number=n, begun_at=at, buckets=count, commitment=commitment(n, key(vault, n)))
        for n, at, count in rows
    ]


def roll(vault: Vault, now_ms: int) -> int:
    """Begin the next epoch in every bucket; answers its number.

    Each bucket is a transaction of its own. Broken off, it is ended by the next call, which then begins no
    further one.
    """
    with vault.data.read() as conn:
        reached = _reached(conn)
    every = [Bucket(bucket) for bucket in vault.installation.buckets.every()]
    newest = max(reached.values(), default=0)
    behind = [bucket for bucket in every if reached.get(bucket, 0) < newest]
    number = newest if behind else newest + 1
    for bucket in behind or every:
        for missing in range(reached.get(bucket, 0) + 1, number + 1):
            _begin(vault, bucket, missing, now_ms)
    return number


def _reached(conn: Connection) -> Mapping[int, int]:
    c = mark_epoch.c
    rows = conn.execute(select(c.bucket, func.max(c.number)).group_by(c.bucket))
    return {bucket: number for bucket, number in rows}  # noqa: C416  # rows are not pairs to the type checker


def _begin(vault: Vault, bucket: Bucket, number: int, now_ms: int) -> None:
    told = MarkEpoch(
        id=new_id(bucket, now_ms),
        ts=now_ms,
        epoch=number,
        commitment=commitment(number, key(vault, number)),
    )
    with vault.data.write() as conn:
        log = open_log(vault, bucket, now_ms)
        at = append_about_log(conn, log, told, now_ms, vault.installation.ledger_host)
        # A clock that was set back must not make an epoch older than the one it follows.
        latest = conn.execute(
            select(func.max(mark_epoch.c.begun_at)).where(mark_epoch.c.bucket == bucket)
        ).scalar()
        row = {"bucket": bucket, "number": number, "id": told.id, "commitment": told.commitment}
        conn.execute(insert(mark_epoch).values(**row, begun_at=max(now_ms, latest or 0), ledger_year=at.year))
