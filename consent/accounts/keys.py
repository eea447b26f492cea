"""Consumers' accounts: a sign-in key that only the person holds.

Only the SHA-256 of a key is stored; the key carries its bucket, so signing in reads one bucket. Other ways in
lead to the same account: a code to an address of the person's (`one_time_codes`), and passkeys (`passkeys`).

* `new_accounts(people, now_ms, langs) -> (keys, call)` makes sign-in keys for people just created, and the call
  that writes their accounts.
* `lock_out(conn, people)` closes accounts for good; `replace_key(conn, who) -> str` opens one with a new key alone.
* `sign_in(conn, key) -> Consumer | None`; a malformed key is nobody's.
* `present(conn, who) -> Consumer | None` holds the person's row, so that nobody signs in who is being erased.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, select

from consent.schema.tables import consumer
from vault.errors import MalformedId
from vault.ids import Bucket, SubjectId, new_secret, secret_bucket, secret_hash
from vault.people.holds import take_people
from vault.storage.rowset import Call, RowSet

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
_LOCK_OUT = RowSet(
    "WITH {rows} UPDATE consumer SET sign_in_hash = rows.nobody FROM rows "
    "WHERE consumer.bucket = rows.bucket AND consumer.subject = rows.subject",
    bucket="int",
    subject="bytes",
    nobody="bytes",
)

_DROP_CODES = RowSet(
    "WITH {rows} DELETE FROM sign_in_code WHERE subject IN (SELECT subject FROM rows)",
    bucket="int",
    subject="bytes",
)

_DROP_PASSKEYS = RowSet(
    "WITH {rows} DELETE FROM passkey WHERE (bucket, subject) IN (SELECT bucket, subject FROM rows)",
    bucket="int",
    subject="bytes",
)


def new_accounts(people: Sequence[Person], now_ms: int, langs: Sequence[str]) -> tuple[list[str], Call]:
    """Sign-in keys in the order of `people`, and the call that writes one account each."""
    keys = [new_secret(KEY_PREFIX, person.bucket) for person in people]
    rows = [
        (person.bucket, person.subject, secret_hash(key), lang)
        for person, key, lang in zip(people, keys, langs, strict=True)
    ]
    return keys, Call(_INSERT, rows, {"now": now_ms})


def lock_out(conn: Connection, people: Sequence[tuple[Bucket, SubjectId]]) -> None:
    """Let these accounts open nothing any more: nobody knows a secret with the digest they have from now on."""
    _LOCK_OUT(conn, [(*who, secrets.token_bytes(32)) for who in people])
    _DROP_CODES(conn, people)
    _DROP_PASSKEYS(conn, people)


def replace_key(conn: Connection, who: tuple[Bucket, SubjectId]) -> str:
    """A new sign-in key; the old one, passkeys and codes on their way open nothing from this commit on."""
    key = new_secret(KEY_PREFIX, who[0])
    _LOCK_OUT(conn, [(*who, secret_hash(key))])
    _DROP_CODES(conn, [who])
    _DROP_PASSKEYS(conn, [who])
    return key


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


def present(conn: Connection, who: tuple[Bucket, SubjectId]) -> Consumer | None:
    """The account of somebody who is here: not of an erased or merged person, nor of one without an account."""
    here = take_people(conn, [who])
    row = conn.execute(
        select(consumer.c.lang).where(consumer.c.bucket == who[0], consumer.c.subject == who[1])
    ).one_or_none()
    if row is None or who[1] not in here:
        return None
    return Consumer(bucket=who[0], subject=who[1], lang=row.lang)
