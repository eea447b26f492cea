"""Passkeys of people: added while signed in, listed, removed, and used in place of a key or a code.

A person's passkeys share one handle, by which an authenticator names its person: the bucket, so that one bucket is
read, and a keyed digest that tells nobody who it is. A counter that did not go up means that there are two of an
authenticator; the assertion is refused and the alarm stays (WebAuthn §6.1.1).

* `add(conn, relying, who, answer, name, now_ms) -> PasskeyId | PasskeyRefusal`
* `assert_one(conn, vault, relying, answer, now_ms, who) -> Proven | Backwards | None`, for an accepted challenge; the
  caller's transaction is to be committed whatever the answer is.
"""

import hmac
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NewType

from sqlalchemy import Connection, delete, func, insert, select, update

from consent.accounts.authenticators import (
    Answer,
    Assertion,
    Relying,
    assertion_of,
    checked_assertion,
    checked_registration,
)
from consent.schema.passkey_tables import passkey, passkey_alarm
from vault.ids import MAX_BUCKETS, Bucket, Person, SubjectId, decode_id, encode_id, new_id
from vault.opening import Vault
from vault.people.holds import take_people

PasskeyId = NewType("PasskeyId", bytes)

MOST: Final = 20
LONGEST_NAME: Final = 100
_HANDLE_BYTES: Final = 34


class PasskeyRefusal(StrEnum):
    """Why a passkey was not added."""

    NOT_CHECKED = "not_checked"
    KNOWN = "known"
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """One passkey as its person sees it; Unix milliseconds."""

    id: PasskeyId
    credential_id: bytes
    name: str
    created_at: int
    used_at: int | None
    alarm_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """Whoever proved to be there, with what, and the proof itself."""

    who: Person
    passkey: PasskeyId
    public_key: bytes
    assertion: Assertion


@dataclass(frozen=True, slots=True)
class Backwards:
    """A good signature whose counter did not go up: refused, and written down as an alarm under this id."""

    alarm: bytes


def passkey_text(passkey_id: PasskeyId) -> str:
    """A passkey's name in addresses."""
    return encode_id("pk", passkey_id)


def parse_passkey(text: str) -> PasskeyId:
    """Raises vault MalformedId."""
    return PasskeyId(decode_id("pk", text))


def handle_of(vault: Vault, who: Person) -> bytes:
    """The 34 bytes by which authenticators know a person."""
    bucket, subject = who
    mac = hmac.digest(vault.keyring.service_key("code"), b"perusal handle v1" + subject, "sha256")
    return bucket.to_bytes(2) + mac


def passkeys_of(conn: Connection, who: Person) -> list[Passkey]:
    """A person's passkeys in the order they were added, each with its latest alarm."""
    c, alarm = passkey.c, passkey_alarm.c
    latest = (
        select(func.max(alarm.at)).where(alarm.bucket == c.bucket, alarm.passkey_id == c.id).scalar_subquery()
    )
    own = select(c.id, c.credential_id, c.name, c.created_at, c.used_at, latest.label("alarm_at"))
    rows = conn.execute(own.where(c.subject == who[1], c.bucket == who[0]).order_by(c.id))
    return [
        Passkey(
            id=PasskeyId(row.id),
            credential_id=row.credential_id,
            name=row.name,
            created_at=row.created_at,
            used_at=row.used_at,
            alarm_at=row.alarm_at,
        )
        for row in rows
    ]


def public_key_of(conn: Connection, who: Person, credential_id: bytes) -> bytes | None:
    """The COSE key of one of a person's passkeys."""
    c = passkey.c
    own = (c.bucket == who[0], c.subject == who[1], c.credential_id == credential_id)
    key: bytes | None = conn.execute(select(c.public_key).where(*own)).scalar_one_or_none()
    return key


def add(
    conn: Connection, relying: Relying, who: Person, answer: Answer, name: str, now_ms: int
) -> PasskeyId | PasskeyRefusal:
    """Keep a new passkey, for a challenge that was accepted; the caller holds the person's row."""
    made = checked_registration(relying, answer)
    if made is None:
        return PasskeyRefusal.NOT_CHECKED
    bucket, subject = who
    if len(passkeys_of(conn, who)) >= MOST:
        return PasskeyRefusal.TOO_MANY
    known = passkey.c.credential_id == made.credential_id
    if conn.execute(select(passkey.c.id).where(known, passkey.c.bucket == bucket)).first() is not None:
        return PasskeyRefusal.KNOWN
    passkey_id = PasskeyId(new_id(bucket, now_ms))
    row = {
        "bucket": bucket,
        "id": passkey_id,
        "subject": subject,
        "credential_id": made.credential_id,
        "public_key": made.public_key,
        "sign_count": made.sign_count,
        "name": name[:LONGEST_NAME],
        "backed_up": made.backed_up,
        "created_at": now_ms,
    }
    conn.execute(insert(passkey).values(row))
    return passkey_id


def remove(conn: Connection, who: Person, passkey_id: PasskeyId) -> bool:
    """Forget one of a person's passkeys; False when it is none of theirs."""
    c = passkey.c
    own = (c.bucket == who[0], c.id == passkey_id, c.subject == who[1])
    return conn.execute(delete(passkey).where(*own)).rowcount == 1


def assert_one(
    conn: Connection, vault: Vault, relying: Relying, answer: Answer, now_ms: int, who: Person | None = None
) -> Proven | Backwards | None:
    """Whose passkey signed the accepted challenge; with `who` it has to be theirs. None for every other failure."""
    assertion = assertion_of(answer)
    row = _stored(conn, assertion, who)
    if row is None:
        return None
    owner = (Bucket(row.bucket), SubjectId(row.subject))
    named = assertion.user_handle or (handle_of(vault, owner) if who else b"")
    if not hmac.compare_digest(named, handle_of(vault, owner)) or who not in {None, owner}:
        return None
    count = checked_assertion(relying, answer, row.public_key)
    # The person's row before the passkey's, as an erasure takes them.
    if count is None or owner[1] not in take_people(conn, [owner]):
        return None
    if not _counted(conn, row, count, now_ms):
        return _alarm(conn, row, count, now_ms)
    return Proven(who=owner, passkey=PasskeyId(row.id), public_key=row.public_key, assertion=assertion)


def _stored(conn: Connection, assertion: Assertion, who: Person | None) -> Any:
    handle = assertion.user_handle or b""
    if who is None and len(handle) != _HANDLE_BYTES:
        return None
    bucket = int.from_bytes(handle[:2]) if who is None else who[0]
    if bucket >= MAX_BUCKETS:
        return None
    c = passkey.c
    own = select(passkey).where(c.credential_id == assertion.credential_id, c.bucket == bucket)
    return conn.execute(own).one_or_none()


def _counted(conn: Connection, row: Any, count: int, now_ms: int) -> bool:
    """Move the counter on. An authenticator without one always shows 0 (§6.1.1)."""
    c = passkey.c
    moved = (
        update(passkey)
        .where(c.bucket == row.bucket, c.id == row.id)
        .where((c.sign_count < count) | ((c.sign_count == 0) & (count == 0)))
        .values(sign_count=count, used_at=now_ms)
    )
    return conn.execute(moved).rowcount == 1


def _alarm(conn: Connection, row: Any, count: int, now_ms: int) -> Backwards | None:
    c = passkey.c
    own = select(c.sign_count).where(c.bucket == row.bucket, c.id == row.id)
    stored = conn.execute(own).scalar_one_or_none()
    if stored is None:
        return None  # removed meanwhile
    alarm = new_id(Bucket(row.bucket), now_ms)
    conn.execute(
        insert(passkey_alarm).values(
            bucket=row.bucket,
            id=alarm,
            subject=row.subject,
            passkey_id=row.id,
            stored_count=stored,
            given_count=count,
            at=now_ms,
        )
    )
    return Backwards(alarm)
