"""Proofs and assertions are accepted once: insert or fail, kept five minutes beyond their own lifetime.

`remember(conn, buckets, kind, key, expires_ms) -> bool` says False when this key of this kind was seen before;
`kind` is a closed word such as "dpop" or "assertion". Such a row belongs to no person, so it is routed by
its own digest. `remember_many(conn, rows)` is the set-based form, in one statement and in sorted order,
for proofs that arrive with a token and live in the token's bucket.
"""

import hashlib
from collections.abc import Sequence

from sqlalchemy import Connection, delete

from consent.schema.tables import replay
from vault.ids import Bucket, Buckets, bucket_of_hash
from vault.storage.rowset import Call, RowSet

KEEP_MS = 300_000

_INSERT = RowSet(
    "WITH {rows} INSERT INTO replay (bucket, hash, expires_at) "
    "SELECT rows.bucket, rows.hash, rows.expires_at FROM rows WHERE true ORDER BY rows.bucket, rows.hash "
    "ON CONFLICT DO NOTHING RETURNING bucket, hash",
    bucket="int",
    hash="bytes",
    expires_at="int",
)


def replay_hash(kind: str, key: bytes) -> bytes:
    """What is stored of a proof or assertion: 32 bytes that say nothing about it."""
    return hashlib.sha256(kind.encode() + b"\x00" + key).digest()


def row_of(buckets: Buckets, kind: str, key: bytes, expires_ms: int) -> tuple[Bucket, bytes, int]:
    """What `remember_many` is given for a key that belongs to no person."""
    digest = replay_hash(kind, key)
    return bucket_of_hash(digest, buckets), digest, expires_ms


def remember(conn: Connection, buckets: Buckets, kind: str, key: bytes, expires_ms: int) -> bool:
    """Accept `key` once; False means it was replayed. `expires_ms` is when it would be refused anyway."""
    return bool(remember_many(conn, [row_of(buckets, kind, key, expires_ms)]))


def remember_many(conn: Connection, rows: Sequence[tuple[Bucket, bytes, int]]) -> set[tuple[int, bytes]]:
    """Accept each (bucket, hash, expires_ms) once; returns the (bucket, hash) pairs that were new.

    A pair given twice in one call is new once: the caller decides which of its items that is.
    """
    return {(bucket, digest) for bucket, digest in remembering(rows).alone(conn)}


def remembering(rows: Sequence[tuple[Bucket, bytes, int]]) -> Call:
    """The call that does so, to be sent with others; its rows are the (bucket, hash) pairs that were new."""
    return Call(_INSERT, [(bucket, digest, expires + KEEP_MS) for bucket, digest, expires in sorted(rows)])


def forget_expired(conn: Connection, now_ms: int) -> int:
    """Delete what no proof could be replayed against any more; returns how many rows."""
    return conn.execute(delete(replay).where(replay.c.expires_at < now_ms)).rowcount
