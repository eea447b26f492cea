"""The storage substrate: engines, units of work and the two metadata collections every floor adds tables to.

SQLite is the embedded default: write-ahead log, `synchronous=FULL`, every write transaction opened with
BEGIN IMMEDIATE, because a deferred reader that turns writer fails under contention however long it waits.
PostgreSQL runs at READ COMMITTED: what must hold is held by constraints, triggers and row locks.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Engine, MetaData, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import QueuePool

from vault.storage.turns import Turns

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = MetaData(naming_convention=_NAMES)
"""Tables of the data base that holds sealed values, consent and the ledger."""

key_metadata = MetaData(naming_convention=_NAMES)
"""Tables of the separate key data base: wrapped keys only, with backups of their own (vault.md §6.1)."""


_BUSY_MS: Final = 30_000

_BY_KEY: Final = (
    "plan_cache_mode = force_generic_plan",
    "enable_seqscan = off",
    "enable_hashjoin = off",
    "enable_mergejoin = off",
    "jit = off",
)
"""Statements here find rows by their keys. PostgreSQL plans each once a connection, and while a table is new and
has no statistics it would settle on reading all of it, and go on so when it has grown (ADR 0017)."""

_ALIVE: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""A machine that is gone says no word of farewell: after a minute without a sign of life its connections are over,
where the system alone would wait for hours. libpq's own names; an address that names one decides it."""


class Dialect(StrEnum):
    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


_READ_OPTIONS: Mapping[Dialect, dict[str, Any]] = {
    Dialect.SQLITE: {"perusal_read": True},
    Dialect.POSTGRESQL: {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}


@dataclass(frozen=True, slots=True)
class Database:
    """One data base: where units of work begin and end."""

    engine: Engine
    dialect: Dialect
    turns: Turns = field(default_factory=lambda: Turns(_BUSY_MS / 1000), repr=False, compare=False)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One unit of work: committed when the block ends, rolled back when it raises."""
        if self.dialect is Dialect.SQLITE:
            with self.turns.taken(), self.engine.begin() as conn:
                yield conn
            return
        with self.engine.begin() as conn:
            yield conn

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view of the data; a write inside is refused (PostgreSQL) or undone (SQLite)."""
        options = _READ_OPTIONS[self.dialect]
        with self.engine.connect() as conn:
            conn.execution_options(**options).begin()
            yield conn

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """For reading with a single statement, or several that need not agree: no transaction around them.

        Saves PostgreSQL two round trips. On SQLite it is `read`, which costs nothing there.
        """
        if self.dialect is Dialect.SQLITE:
            with self.read() as conn:
                yield conn
            return
        with self.engine.connect() as conn:
            yield conn.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def single(self) -> Iterator[Connection]:
        """For one writing statement that is a unit of work by itself, committed as it ends.

        Saves PostgreSQL two round trips. On SQLite it is `write`.
        """
        if self.dialect is Dialect.SQLITE:
            with self.write() as conn:
                yield conn
            return
        with self.engine.connect() as conn:
            yield conn.execution_options(isolation_level="AUTOCOMMIT")

    def empty_log(self, *, patience_ms: int = 1_000) -> bool:
        """Have SQLite write its log into the file and cut it to nothing; False when somebody is reading too long.

        What was deleted stands in the log until then. PostgreSQL's log is its archive's business: always True.
        """
        if self.dialect is not Dialect.SQLITE:
            return True
        raw = self.engine.raw_connection()  # a transaction, even an empty one, would be in the way
        try:
            cursor = raw.cursor()
            cursor.execute(f"PRAGMA busy_timeout={int(patience_ms)}")
            try:
                busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
            return not busy
        finally:
            raw.close()

    def close(self) -> None:
        self.engine.dispose()


def open_database(url: str, *, pool_size: int = 8) -> Database:
    """Open `sqlite:///FILE` or `postgresql+psycopg://...`; the schema is the migrations' business."""
    address = make_url(url)
    dialect = Dialect(address.get_backend_name())
    if dialect is Dialect.SQLITE:
        return Database(_sqlite_engine(url, pool_size), dialect)
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_use_lifo=True,  # the connection used last is the warm one: its pages, its prepared statements
        isolation_level="READ COMMITTED",
        hide_parameters=True,  # an error's text must never carry a value
        # What the driver prepares it forgets after a roll-back, all at once and ours (`vault.storage.wire`) as well.
        connect_args={
            "prepare_threshold": None,
            **{name: value for name, value in _ALIVE.items() if name not in address.query},
        },
    )
    event.listen(engine, "connect", _prepare_postgresql)
    return Database(engine, dialect)


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    connection.execute("; ".join(f"SET {setting}" for setting in _BY_KEY))
    connection.commit()


def _sqlite_engine(url: str, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_use_lifo=True,  # the connection used last is the warm one: its pages, its prepared statements
        hide_parameters=True,
        # The driver must not open transactions on its own: `_begin` below decides which kind.
        connect_args={"isolation_level": None, "check_same_thread": False, "timeout": _BUSY_MS / 1000},
    )
    event.listen(engine, "do_connect", _make_private)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_private(_dialect: Any, _record: Any, args: list[Any], _params: Any) -> None:
    """A new file is its owner's only, whatever the umask; SQLite gives its log and index files the same mode."""
    path = str(args[0])
    if not path or path.startswith((":memory:", "file:")):
        return
    # Only a file that nobody has: closing a second handle of a data base drops every lock this process holds on
    # it (fcntl), and the next process to leave would take the log away from under us.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "recursive_triggers=ON",  # or else REPLACE deletes rows without asking the triggers that keep them
        f"busy_timeout={_BUSY_MS}",
        "secure_delete=ON",  # erased rows must not linger in free pages (vault.md §6.7)
        "cache_size=-12288",  # 12 MiB for each connection: a server has many, and the system caches the file anyway
    ):
        connection.execute(f"PRAGMA {pragma}")
    # SQLite gained unhex() in 3.41; row sets carry bytes as hexadecimal text inside one JSON parameter.
    connection.create_function("unhex", 1, _unhex, deterministic=True)


def _unhex(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def _begin_sqlite(conn: Connection) -> None:
    deferred = conn.get_execution_options().get("perusal_read", False)
    conn.exec_driver_sql("BEGIN" if deferred else "BEGIN IMMEDIATE")
