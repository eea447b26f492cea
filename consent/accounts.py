"""Consumers' accounts: a sign-in key that only the person holds, and the ledger's word that they joined.

Only the SHA-256 of a key is stored; the key carries its bucket, so signing in reads one bucket. The key is
the thin first form of sign-in; what stays is the row, which passkeys will be added to.

* `enrol(conn, bucket, subject, lang) -> str` writes one account and returns its `sik_` key.
* `enrol_many(vault, created, now_ms, langs=None) -> list[str]` writes accounts and `enrol` ledger entries
  for people just created, in one transaction; keys come back in the order of `created`.
* `sign_in(conn, key) -> Consumer | None`; a malformed key is nobody's.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, select

from consent.ledger.append import append
from consent.ledger.entry import Kind
from consent.ledgering import entry_items
from consent.tables import consumer
from vault.errors import MalformedId
from vault.ids import Bucket, SubjectId, new_id, new_secret, secret_bucket, secret_hash
from vault.opening import Vault
from vault.rowset import RowSet

KEY_PREFIX = "sik"
DEFAULT_LANG = "zh-CN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """A signed-in person, by internal names only."""

    bucket: Bucket
    subject: SubjectId
    lang: str


class Person(Protocol):
    """Whoever the vault has just created."""

    @property
    def subject(self) -> SubjectId: ...
    @property
    def bucket(self) -> Bucket: ...


_INSERT = RowSet(
    "WITH {rows} INSERT INTO consumer (bucket, subject, sign_in_hash, lang, created_at) "
    "SELECT rows.bucket, rows.subject, rows.sign_in_hash, rows.lang, :now FROM rows",
    bucket="int",
    subject="bytes",
    sign_in_hash="bytes",
    lang="text",
)


def enrol(conn: Connection, bucket: Bucket, subject: SubjectId, lang: str, now_ms: int | None = None) -> str:
    """Write one account; returns the sign-in key, which exists nowhere else."""
    key = new_secret(KEY_PREFIX, bucket)
    at = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    _INSERT(conn, [(bucket, subject, secret_hash(key), lang)], now=at)
    return key


def enrol_many(
    vault: Vault, created: Sequence[Person], now_ms: int, langs: Sequence[str] | None = None
) -> list[str]:
    """Accounts and `enrol` entries for people just created: all or none, in one transaction."""
    spoken = langs or [DEFAULT_LANG] * len(created)
    keys = [new_secret(KEY_PREFIX, person.bucket) for person in created]
    rows = [
        (person.bucket, person.subject, secret_hash(key), lang)
        for person, key, lang in zip(created, keys, spoken, strict=True)
    ]
    about = [
        (person.bucket, person.subject, new_id(person.bucket, now_ms), (("lang", lang),))
        for person, lang in zip(created, spoken, strict=True)
    ]
    items = entry_items(vault, Kind.ENROL, about, now_ms)
    with vault.data.write() as conn:
        _INSERT(conn, rows, now=now_ms)
        append(conn, items, now_ms, vault.installation.ledger_host)
    return keys


def sign_in(conn: Connection, key: str) -> Consumer | None:
    """Whose key this is, or None: wrong, malformed and unknown keys look alike."""
    try:
        bucket = secret_bucket(KEY_PREFIX, key)
    except MalformedId:
        return None
    row = conn.execute(
        select(consumer.c.subject, consumer.c.lang).where(
            consumer.c.bucket == bucket, consumer.c.sign_in_hash == secret_hash(key)
        )
    ).one_or_none()
    return None if row is None else Consumer(bucket=bucket, subject=SubjectId(row.subject), lang=row.lang)
