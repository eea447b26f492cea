"""Guessing is bounded in the data base, not in a process: counted by source and period, across all workers.

A source is a keyed digest of the peer's address, so the table tells nothing about anybody. Only failures
count; a period is ten minutes, and after 20 failures the source waits for the next one.
"""

import hashlib
import hmac

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from api.tables import failed_attempt

PERIOD_MS = 600_000
MOST_FAILURES = 20


def source_of(key: bytes, address: str) -> bytes:
    """The digest under which an address is counted."""
    return hmac.digest(key, b"perusal attempts v1\0" + address.encode(), hashlib.sha256)[:16]


def wait_seconds(conn: Connection, source: bytes, now_ms: int) -> int:
    """0 when the source may try, else the seconds until it may."""
    period = now_ms // PERIOD_MS
    own = select(failed_attempt.c.failures).where(
        failed_attempt.c.source == source, failed_attempt.c.period == period
    )
    if (conn.execute(own).scalar_one_or_none() or 0) < MOST_FAILURES:
        return 0
    return ((period + 1) * PERIOD_MS - now_ms) // 1000 + 1


def note_failure(conn: Connection, source: bytes, now_ms: int) -> None:
    """Count one failure."""
    dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
    row = dialect.insert(failed_attempt).values(source=source, period=now_ms // PERIOD_MS, failures=1)
    key = [failed_attempt.c.source, failed_attempt.c.period]
    conn.execute(
        row.on_conflict_do_update(index_elements=key, set_={"failures": failed_attempt.c.failures + 1})
    )


def sweep_attempts(conn: Connection, now_ms: int) -> None:
    """Forget past periods."""
    conn.execute(delete(failed_attempt).where(failed_attempt.c.period < now_ms // PERIOD_MS))
