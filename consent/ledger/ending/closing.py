"""Closing the logs of years that are over: a last index, a last entry, and the end put into the log that carries on.

A log stays open for two days after its year, so that whatever was begun before midnight still finds it and a
clock that runs a day fast closes nothing. Then one transaction appends everybody's count and the closing entry
and closes the head; the data base takes nothing for it any more. When its last checkpoint is signed, another
transaction puts that into the log after it. Each step leaves its mark in the same commit, under the heads'
locks in their order: broken off anywhere it is gone on with, and of many publishers each step is taken once.
"""

from collections.abc import Collection
from typing import Final

from sqlalchemy import ColumnElement, Connection, select, update

from consent.ledger import published
from consent.ledger.append import append_about_log, lock
from consent.ledger.entries.log_entry import Closing, Why, parse
from consent.ledger.errors import LedgerAlarm
from consent.ledger.indexes.indexing import make_within
from consent.ledger.origin import LogId, origin_of, parse_origin, year_of
from consent.ledger.succession import following, open_logs, opening_after
from consent.ledger.tables import entry, head
from vault.ids import Bucket, new_id
from vault.storage.database import Database

GRACE_MS: Final = 2 * 86_400_000
"""How long after its year a log stays open."""


def close_due(
    data: Database, ledger_host: str, now_ms: int, *, held: Collection[str] = frozenset()
) -> list[LogId]:
    """Close every log whose year has been over for GRACE_MS; the ones this call closed. `now_ms` in Unix milliseconds.

    `held` are the origins of logs that must not be signed: they wait, because nobody may believe their end yet.
    So does a log into which the end of an older one has still to go.
    """
    with data.read() as conn:
        ends = [log for log in open_logs(conn) if log.calendar_year < year_of(now_ms - GRACE_MS)]
        over = [log for log in ends if not _is_awaited(conn, log)]
    due = [log for log in over if origin_of(ledger_host, log) not in held]
    return [log for log in due if _close(data, ledger_host, log, now_ms)]


def carry_over(data: Database, ledger_host: str, now_ms: int) -> list[LogId]:
    """Put the last checkpoint of each closed log into the log after it, once it is signed; the ones done now."""
    with data.read() as conn:
        waiting = [log for log in _uncarried(conn) if _is_signed(conn, log)]
    return [log for log in waiting if _carry(data, ledger_host, log, now_ms)]


def _close(data: Database, ledger_host: str, log: LogId, now_ms: int) -> bool:
    with data.write() as conn:
        lock(conn, log)
        if not _is(conn, log, closed=False):  # another publisher was first
            return False
        make_within(conn, ledger_host, log, now_ms)
        after = following(conn, log) or LogId(log.bucket, year_of(now_ms))
        last = Closing(
            id=new_id(Bucket(log.bucket), now_ms),
            ts=now_ms,
            after=origin_of(ledger_host, after),
            why=Why.YEAR,
        )
        append_about_log(conn, log, last, now_ms, ledger_host)
        conn.execute(update(head).where(*_of(log)).values(closed_at=now_ms))
    return True


def _carry(data: Database, ledger_host: str, log: LogId, now_ms: int) -> bool:
    with data.write() as conn:
        lock(conn, log)
        if not _is(conn, log, closed=True):
            return False
        after, at = _named_after(conn, log, ledger_host), published.newest(conn, log)
        append_about_log(conn, after, opening_after(log, at, after, now_ms, ledger_host), now_ms, ledger_host)
        conn.execute(update(head).where(*_of(log)).values(carried_at=now_ms))
    return True


def _named_after(conn: Connection, log: LogId, ledger_host: str) -> LogId:
    """The log that the closing entry names; raises LedgerAlarm where the last entry is none."""
    c, origin = entry.c, origin_of(ledger_host, log)
    query = select(c.body).where(c.bucket == log.bucket, c.year == log.year).order_by(c.idx.desc()).limit(1)
    last = parse(conn.execute(query).scalar_one())
    if not isinstance(last, Closing):
        raise LedgerAlarm(origin, "a closed log does not end with its closing entry")
    return parse_origin(last.after)[1]


def _uncarried(conn: Connection) -> list[LogId]:
    c = head.c
    waiting = (c.closed_at.is_not(None), c.carried_at.is_(None))
    rows = conn.execute(select(c.bucket, c.year).where(*waiting).order_by(c.bucket, c.year))
    return [LogId(bucket, year) for bucket, year in rows]


def _is_awaited(conn: Connection, log: LogId) -> bool:
    """Whether an older log of the bucket has not been carried over yet."""
    c = head.c
    waiting = conn.execute(select(c.year).where(c.bucket == log.bucket, c.carried_at.is_(None))).scalars()
    return any(LogId(log.bucket, year).when < log.when for year in waiting)


def _is(conn: Connection, log: LogId, *, closed: bool) -> bool:
    """Whether a locked log is closed and not carried over yet, or not closed."""
    row = conn.execute(select(head.c.closed_at, head.c.carried_at).where(*_of(log))).one()
    return (row.closed_at is not None) == closed and row.carried_at is None


def _is_signed(conn: Connection, log: LogId) -> bool:
    newest = published.newest(conn, log)
    return newest is not None and newest.size == conn.execute(select(head.c.size).where(*_of(log))).scalar()


def _of(log: LogId) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return head.c.bucket == log.bucket, head.c.year == log.year
