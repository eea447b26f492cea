"""One log after another: what the first entry of a log says of the log it carries on, and which logs are still open.

Entries go by their own moment, so around the turn of a year two logs of a bucket are open at once: the old one
for what was begun before midnight, the new one at once. The new one's first entry names the newest checkpoint
that was signed of the old one by then; when the old one has ended, its last checkpoint follows in the new one
(`closing`). Where nothing was written in between the first entry is that already.
"""

import hashlib
from operator import attrgetter
from typing import Final

from sqlalchemy import Connection, select

from consent.ledger import published
from consent.ledger.entries.log_entry import Opening, Why
from consent.ledger.origin import LogId, origin_of
from consent.ledger.published import Published
from consent.ledger.tables import head
from consent.ledger.tree import EMPTY_ROOT
from vault.ids import Bucket, new_id

_when: Final = attrgetter("when")


def opening_of(conn: Connection, log: LogId, now_ms: int, ledger_host: str) -> Opening | None:
    """The first entry of a log that is about to begin; None where its bucket had no log before."""
    before = _before(conn, log)
    if before is None:
        return None
    return opening_after(before, published.newest(conn, before), log, now_ms, ledger_host)


def opening_after(before: LogId, at: Published | None, log: LogId, now_ms: int, ledger_host: str) -> Opening:
    """What `log` says of the log `before` it, as of its checkpoint `at`: of one never signed that it was empty."""
    return Opening(
        id=new_id(Bucket(log.bucket), now_ms),
        ts=now_ms,
        before=origin_of(ledger_host, before),
        size=at.size if at else 0,
        root=at.root if at else EMPTY_ROOT,
        checkpoint_sha256=hashlib.sha256(at.note if at else b"").digest(),
        why=Why.YEAR,
    )


def open_logs(conn: Connection) -> list[LogId]:
    """Every log that is not closed, by bucket and year."""
    c = head.c
    rows = conn.execute(select(c.bucket, c.year).where(c.closed_at.is_(None)).order_by(c.bucket, c.year))
    return [LogId(bucket, year) for bucket, year in rows]


def following(conn: Connection, log: LogId) -> LogId | None:
    """The first log of the bucket after this one in time."""
    return min((one for one in _logs_of(conn, log.bucket) if one.when > log.when), key=_when, default=None)


def _before(conn: Connection, log: LogId) -> LogId | None:
    return max((one for one in _logs_of(conn, log.bucket) if one.when < log.when), key=_when, default=None)


def _logs_of(conn: Connection, bucket: int) -> list[LogId]:
    years = conn.execute(select(head.c.year).where(head.c.bucket == bucket)).scalars()
    return [LogId(bucket, year) for year in years]
