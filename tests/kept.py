"""Copies of a template on PostgreSQL that one test after another has: to make and drop one takes ten times as long
as to empty it, and a connection that has seen its statements saves as much again.

What a test wrote is deleted before the next has it. The copy goes instead as soon as anything but rows may differ
from the template: its catalog (a table, a trigger, a policy, a right, statistics), the rows that the template brings,
or the room that deleted rows leave behind. Whoever is still connected is put out, as a copy's end would do it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import Pool
from sqlalchemy.exc import DBAPIError

from tests.backends import Server, open_one
from vault.storage.database import Database, _prepare_postgresql

_ROOM = 4 << 20  # bytes of all tables together

# What changes there is written anew under a later transaction's number: no change leaves both figures as they were.
_CATALOG = " UNION ALL ".join(
    f"SELECT count(*), sum(xmin::text::bigint) FROM {catalog}"
    for catalog in (
        "pg_attrdef",
        "pg_attribute WHERE attrelid >= 16384",  # below are those that every data base has
        "pg_class",
        "pg_constraint",
        "pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())",
        "pg_default_acl",
        "pg_index",
        "pg_namespace",
        "pg_policy",
        "pg_proc WHERE oid >= 16384",
        "pg_rewrite",
        "pg_statistic",
        "pg_trigger",
        "pg_type",
    )
)
_TABLES = "SELECT relname, oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
_SIZE = f"SELECT sum(pg_relation_size(oid)) FROM ({_TABLES}) AS t"
_PUT_OUT = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND NOT pid = ANY(%s)
"""
_AS_NEW = "RESET SESSION AUTHORIZATION; RESET ALL; UNLISTEN *; SELECT pg_advisory_unlock_all()"
"""A session is as a new one then, but for the statements it has prepared."""


@dataclass
class Shelf:
    """The copies of one template that no test has at the moment."""

    server: Server
    template: str
    _free: list["_Copy"] = field(default_factory=list)

    @contextmanager
    def lent(self) -> Iterator[tuple[Database, str]]:
        """A copy that is as the template, and its address."""
        copy = self._cleared() or _Copy(self.server, self.template)
        url = self.server.url(copy.name)
        database = open_one(url)
        if copy.pool:
            database.engine.pool = copy.pool
        try:
            yield database, url
        finally:
            copy.pool = database.engine.pool
            self._free.append(copy)

    def close(self) -> None:
        """Keep none."""
        while self._free:
            self._free.pop().drop()

    def _cleared(self) -> "_Copy | None":
        while self._free:
            copy = self._free.pop()
            if copy.cleared():
                return copy
            copy.drop()
        return None


class _Copy:
    """`pool`: what the last test spoke through, and what the next one may."""

    pool: Pool | None = None

    def __init__(self, server: Server, template: str) -> None:
        self.name = server.clone(template)
        self._server = server
        self._line = server.connect(self.name)
        self._line.execute("SET session_replication_role = replica")  # no trigger may forbid deleting
        self._full = " UNION ALL ".join(
            f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")" for table, _ in self._ask(_TABLES)
        )
        self._brought = [table for (table,) in self._ask(self._full)]
        self._same = self._unchanging()

    def cleared(self) -> bool:
        """Whether it is as the template again; on False it must go."""
        try:
            staying = self._line.info.backend_pid, self._settled()
            put_out = all(gone for (gone,) in self._ask(_PUT_OUT, [list(staying)]))
            if not put_out or self._unchanging() != self._same or self._ask(_SIZE)[0][0] > _ROOM:
                return False
            written = [table for (table,) in self._ask(self._full) if table not in self._brought]
            self._line.execute("; ".join(f'DELETE FROM "{table}"' for table in written))
        except (psycopg.OperationalError, DBAPIError):
            return False  # the server was killed in the meantime
        return True

    def drop(self) -> None:
        if self.pool:
            self.pool.dispose()
        self._line.close()
        self._server.drop(self.name)

    def _settled(self) -> int:
        """The one connection that stays in the pool, as a new one would be; 0 when the next test makes its own."""
        pool, self.pool = self.pool, None
        if pool is None:
            return 0
        if (pool.checkedin(), pool.checkedout()) != (1, 0):
            pool.dispose()
            return 0
        speaker = pool.connect()
        try:
            driver = speaker.driver_connection
            driver.execute(_AS_NEW)
            _prepare_postgresql(driver, None)
        except psycopg.Error:
            speaker.invalidate()
            raise
        finally:
            speaker.close()
        self.pool = pool
        return driver.info.backend_pid

    def _unchanging(self) -> list[Any]:
        rows = [
            self._ask(f'SELECT array_agg(t::text ORDER BY t::text) FROM "{table}" AS t')
            for table in self._brought
        ]
        return [*rows, self._ask(_CATALOG)]

    def _ask(self, statement: str, *given: Any) -> list[Any]:
        return self._line.execute(statement, *given, prepare=True).fetchall()
