"""A new sign-in key for somebody who has lost theirs, and whatever passkeys they had (ADR 0033).

Whoever proves twice, a day apart, that they hold both a mailbox and a telephone of the person's may have it. In the
day between the person is told everywhere, and whoever holds what was sent, or is signed in, can cancel. What is
taken makes the old key, all passkeys, codes on their way and sessions worthless at once; the last of these is the
caller's to do. Without the second proof within a week of that day it lapses.

* `step(conn, who, now_ms) -> Begun | Waiting | Replaced | None`, for a proof of both just now; None when the person is gone.
* `cancel(conn, text, now_ms) -> bool` by what was sent, `cancel_own(conn, who, now_ms) -> bool` signed in.
* `waiting(conn, who, now_ms) -> int | None`: from when on it could be taken.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from consent.accounts import keys as accounts
from consent.schema.recovery_tables import DELAY_MS, recovery
from vault.errors import MalformedId
from vault.ids import Person, new_id, new_secret, secret_bucket, secret_hash

CANCEL_PREFIX: Final = "rcx"
OPEN_MS: Final = 7 * DELAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The day has begun; `cancel` is the secret to be sent to the person."""

    due_at: int
    cancel: str

    def __repr__(self) -> str:
        return "Begun()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The day is not over."""

    due_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """The old key and all passkeys are worthless; this is the new key, which is stored nowhere."""

    key: str

    def __repr__(self) -> str:
        return "Replaced()"


def step(conn: Connection, who: Person, now_ms: int) -> Begun | Waiting | Replaced | None:
    """Begin, go on waiting, or take."""
    if accounts.present(conn, who) is None:
        return None
    found = _open(conn, who)
    if found is None:
        return _begin(conn, who, now_ms)
    if now_ms < found.due_at:
        return Waiting(due_at=found.due_at)
    if now_ms >= found.lapses_at:
        _end(conn, found, "lapsed", now_ms)
        return _begin(conn, who, now_ms)
    _end(conn, found, "taken", now_ms)
    return Replaced(key=accounts.replace_key(conn, who))


def cancel(conn: Connection, text: str, now_ms: int) -> bool:
    """End what this secret is for; False when it is none, or has ended."""
    try:
        bucket = secret_bucket(CANCEL_PREFIX, text)
    except MalformedId:
        return False
    c = recovery.c
    own = select(recovery).where(c.bucket == bucket, c.cancel_hash == secret_hash(text))
    found = conn.execute(own).one_or_none()
    return found is not None and _end(conn, found, "cancelled", now_ms)


def cancel_own(conn: Connection, who: Person, now_ms: int) -> bool:
    """End what is open for this person; False when nothing is."""
    found = _open(conn, who)
    return found is not None and _end(conn, found, "cancelled", now_ms)


def waiting(conn: Connection, who: Person, now_ms: int) -> int | None:
    """From when on a replacement could be taken; None when none is open."""
    found = _open(conn, who)
    return None if found is None or now_ms >= found.lapses_at else int(found.due_at)


def _begin(conn: Connection, who: Person, now_ms: int) -> Begun:
    bucket, subject = who
    text, due = new_secret(CANCEL_PREFIX, bucket), now_ms + DELAY_MS
    row = {
        "bucket": bucket,
        "id": new_id(bucket, now_ms),
        "subject": subject,
        "cancel_hash": secret_hash(text),
        "asked_at": now_ms,
        "due_at": due,
        "lapses_at": due + OPEN_MS,
    }
    conn.execute(insert(recovery).values(row))
    return Begun(due_at=due, cancel=text)


def _open(conn: Connection, who: Person) -> Any:
    c = recovery.c
    own = (c.subject == who[1], c.bucket == who[0], c.ended_at.is_(None))
    return conn.execute(select(recovery).where(*own)).one_or_none()


def _end(conn: Connection, found: Any, how: str, now_ms: int) -> bool:
    c = recovery.c
    own = (c.bucket == found.bucket, c.id == found.id, c.ended_at.is_(None))
    return conn.execute(update(recovery).where(*own).values(ended_at=now_ms, end=how)).rowcount == 1
