"""Holding people's rows still, so that values and the uses that read them have one order.

A use is read as of the instant it committed, and read again as of that instant when the recipient retries.
Whoever commits a use therefore holds the person's row until the commit, and whoever changes a value takes the
row for itself first and asks the clock only then: no version can begin at or before an instant that has
already been answered for. SQLite's one writer holds everything anyway. Servers' clocks must agree.
"""

import time
from collections.abc import Iterable

from sqlalchemy import Connection

from vault.ids import Bucket, SubjectId
from vault.storage.database import Dialect
from vault.storage.rowset import Call, RowSet

_SHARE = RowSet(
    "WITH {rows} SELECT p.state FROM rows JOIN person p ON p.bucket = rows.bucket "
    "AND p.subject = rows.subject ORDER BY p.bucket, p.subject {for_share:p}",
    bucket="int",
    subject="bytes",
)
_TAKE = RowSet(
    "WITH {rows} SELECT p.subject, p.state, p.created_at FROM rows JOIN person p ON p.bucket = rows.bucket "
    "AND p.subject = rows.subject ORDER BY p.bucket, p.subject {for_update:p}",
    bucket="int",
    subject="bytes",
)


def sharing(conn: Connection, people: Iterable[tuple[Bucket, SubjectId]]) -> Call:
    """The call after which nobody's values change until the transaction ends; rows in sorted order.

    Empty on SQLite, whose one writer already holds everything.
    """
    return Call(_SHARE, sorted(set(people)) if conn.dialect.name == Dialect.POSTGRESQL else ())


def share_people(conn: Connection, people: Iterable[tuple[Bucket, SubjectId]]) -> None:
    """The same, sent at once."""
    sharing(conn, people).alone(conn)


def take_people(conn: Connection, people: Iterable[tuple[Bucket, SubjectId]]) -> dict[SubjectId, int]:
    """Take people's rows for changes, waiting for whoever holds them; one statement, rows in sorted order.

    Answers, for everybody who is there and neither erased nor merged away, when they were created (Unix ms).
    """
    found = _TAKE(conn, sorted(set(people)))
    return {SubjectId(subject): created_at for subject, state, created_at in found if state == "active"}


def lock_people(conn: Connection, people: Iterable[tuple[Bucket, SubjectId]]) -> dict[SubjectId, str]:
    """Hold people's rows against changes and uses, whatever their state, and answer the states by person."""
    return {SubjectId(subject): state for subject, state, _ in _TAKE(conn, sorted(set(people)))}


def next_instant() -> int:
    """The millisecond after this one, in Unix milliseconds: uses of this one may have been answered already."""
    return time.time_ns() // 1_000_000 + 1
