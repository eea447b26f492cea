"""Waiting for transactions that began before now and may still write what was right when they began.

SQLite has one writer: whoever holds its lock knows that nobody else is writing. PostgreSQL numbers its
transactions; the barrier is the next number, and it has been passed when every smaller one has ended.
"""

from sqlalchemy import text

from vault.storage.database import Database, Dialect

_NEXT = text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
_OLDEST = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")


def barrier(database: Database) -> int:
    """A number that `passed` understands: everything begun so far is before it."""
    if database.dialect is Dialect.SQLITE:
        with database.write():
            return 0
    with database.read() as conn:
        return int(conn.execute(_NEXT).scalar_one())


def passed(database: Database, at: int) -> bool:
    """Whether everything that was writing at the barrier has been committed or undone."""
    if database.dialect is Dialect.SQLITE:
        with database.write():
            return True
    with database.read() as conn:
        return int(conn.execute(_OLDEST).scalar_one()) >= at
