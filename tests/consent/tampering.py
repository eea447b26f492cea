"""Whoever owns the data base and changes rows behind our back."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from vault.storage.database import Database


@contextmanager
def tampering(data: Database) -> Iterator[Connection]:
    """A connection that no trigger and no foreign key holds back."""
    with data.write() as conn:
        if conn.dialect.name == "postgresql":
            conn.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            for name in list(conn.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))):
                conn.execute(text(f"DROP TRIGGER {name}"))
            conn.execute(text("PRAGMA defer_foreign_keys = ON"))
        yield conn
