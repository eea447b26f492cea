"""One statement over a list of rows: the shape of every hot verb (DESIGN section 9).

A row set is written once in SQL both data bases understand. `{rows}` becomes a common table expression
`rows(i, <columns>)` filled from a single parameter: one JSON text on SQLite, one array per column on
PostgreSQL. The text is compiled once per dialect and sent through the driver, because the expression
layer costs hundreds of microseconds per small statement (limits.md).

A statement that changes rows must not rely on the order in which it visits them; `RETURNING` cannot name
columns of `rows`, so callers map results back by key.
"""

import json
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Connection

from vault.storage.database import Dialect
from vault.storage.embedded import ask
from vault.storage.pgarray import ElementType, encode
from vault.storage.wire import send

type ColumnType = ElementType

_PG_TYPES: Mapping[ColumnType, str] = {"int": "bigint", "bytes": "bytea", "text": "text"}
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]\w*)")
_ROWS = re.compile(r"\brows\b")
_LOCK = re.compile(r"\{for_(update|share):([a-z_, ]+)\}")


class RowSet:
    """A compiled statement over `rows`; call it with a connection and the list.

    `columns` gives each column of `rows` its type (`int`, `bytes` or `text`, all nullable). Further
    `:name` parameters of the text are passed by keyword. `{for_update:alias}` and `{for_share:alias}`
    lock the alias's rows on PostgreSQL and vanish on SQLite, whose one writer already holds the lock.
    """

    __slots__ = ("_columns", "_cte", "_postgresql", "_sqlite")

    def __init__(self, text: str, **columns: ColumnType) -> None:
        self._columns = columns
        self._sqlite = _LOCK.sub("", text).replace("{rows}", _sqlite_rows(columns))
        locked = _LOCK.sub(lambda m: f"FOR {m[1].upper()} OF {m[2]}", text)
        named = _PARAMETER.sub(r"%(\1)s", locked.replace("%", "%%"))
        self._cte = _postgresql_rows(columns)
        self._postgresql = named.replace("{rows}", self._cte)

    def __call__(
        self, conn: Connection, rows: Sequence[Sequence[Any]], **parameters: Any
    ) -> list[tuple[Any, ...]]:
        """Run over `rows` (tuples in column order) and return every result row; no rows, no statement."""
        if not rows:
            return []
        if conn.dialect.name == Dialect.SQLITE:
            return self.run(conn, self._sqlite, {"rows": self._as_json(rows), **parameters})
        return self.run(conn, *self.prepared(rows, parameters))

    def in_order(self, conn: Connection, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...] | None]:
        """For each of `rows` its one result row, or None; the statement selects `rows.i` first, which is left off."""
        found: list[tuple[Any, ...] | None] = [None] * len(rows)
        for i, *row in self(conn, rows):
            found[i] = tuple(row)
        return found

    def prepared(
        self, rows: Sequence[Sequence[Any]], parameters: Mapping[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """PostgreSQL's text and parameters for `rows`, of which there must be one."""
        return self._postgresql, {**self.arrays(rows), **parameters}

    def as_part(self, name: str) -> tuple[str, str]:
        """On PostgreSQL: the two common table expressions, `name`_rows and `name`_done, of a joint statement."""
        body = self._postgresql.removeprefix("WITH ").replace(self._cte, "", 1)
        own = _ROWS.sub(f"{name}_rows", body)
        renamed = _ROWS.sub(f"{name}_rows", self._cte, count=1)
        for column in self._columns:
            renamed = renamed.replace(f"%({column})b", f"%({name}_{column})b")
        return renamed, f"{name}_done AS ({own.strip()})"

    def _as_json(self, rows: Sequence[Sequence[Any]]) -> str:
        if "bytes" not in self._columns.values():
            return json.dumps(rows, ensure_ascii=False)
        kinds = list(self._columns.values())
        plain = [
            [v.hex() if kind == "bytes" and v is not None else v for kind, v in zip(kinds, row, strict=True)]
            for row in rows
        ]
        return json.dumps(plain, ensure_ascii=False)

    def arrays(self, rows: Sequence[Sequence[Any]]) -> dict[str, bytes]:
        """The columns of `rows` as PostgreSQL parameters."""
        columns = zip(*rows, strict=True)
        return {
            name: encode(kind, column)
            for (name, kind), column in zip(self._columns.items(), columns, strict=True)
        }

    @staticmethod
    def run(conn: Connection, text: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Send one statement as it is; returns its rows, if it has any."""
        if conn.dispatch.before_cursor_execute:  # somebody wants to see each statement
            result = conn.exec_driver_sql(text, dict(parameters))
            return [tuple(row) for row in result] if result.returns_rows else []
        if conn.dialect.name == Dialect.POSTGRESQL:
            return send(conn, [(text, parameters)])[0]
        return ask(conn, text, parameters)


class Together:
    """Row sets that write and whose order among each other does not matter: one statement on PostgreSQL.

    Each part is a `WITH {rows} INSERT|UPDATE|DELETE ...`. A round trip costs more than a small write, so on
    PostgreSQL the parts become one statement of data-modifying expressions; all see the data as it was before,
    and foreign keys are checked at its end. On SQLite they run in the order given. `returning` names the one
    part whose RETURNING rows are the answer.
    """

    __slots__ = ("_parts", "_returning", "_texts")

    def __init__(self, *, returning: str = "", **parts: RowSet) -> None:
        self._parts = parts
        self._returning = returning
        self._texts: dict[tuple[str, ...], str] = {}

    def __call__(
        self, conn: Connection, rows: Mapping[str, Sequence[Sequence[Any]]], **parameters: Any
    ) -> list[tuple[Any, ...]]:
        """Run every part that has rows; other parameters are shared by all parts."""
        live = tuple(name for name in self._parts if rows.get(name))
        if conn.dialect.name == Dialect.SQLITE:
            answers = {name: self._parts[name](conn, rows[name], **parameters) for name in live}
            return answers.get(self._returning, [])
        if not live:
            return []
        return RowSet.run(conn, *self.prepared(rows, parameters))

    def prepared(
        self, rows: Mapping[str, Sequence[Sequence[Any]]], parameters: Mapping[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """PostgreSQL's text and parameters for `rows`, some of which there must be."""
        live = tuple(name for name in self._parts if rows.get(name))
        text = self._texts.get(live) or self._texts.setdefault(live, self._joined(live))
        given = {
            f"{name}_{column}": value
            for name in live
            for column, value in self._parts[name].arrays(rows[name]).items()
        }
        return text, {**given, **parameters}

    def _joined(self, live: tuple[str, ...]) -> str:
        commons = [common for name in live for common in self._parts[name].as_part(name)]
        final = f"SELECT * FROM {self._returning}_done" if self._returning in live else "SELECT 1 WHERE false"
        return f"WITH {', '.join(commons)} {final}"


class Call(NamedTuple):
    """One statement of a volley with its rows; `rows` is a mapping for a `Together`."""

    statement: RowSet | Together
    rows: Any
    parameters: Mapping[str, Any] = MappingProxyType({})

    def alone(self, conn: Connection) -> list[tuple[Any, ...]]:
        """The same statement by itself."""
        return self.statement(conn, self.rows, **self.parameters)

    @property
    def size(self) -> int:
        """How many rows are to be sent."""
        return sum(map(len, self.rows.values())) if isinstance(self.rows, Mapping) else len(self.rows)


def volley(conn: Connection, *calls: Call) -> list[list[tuple[Any, ...]]]:
    """The rows of each call, in order; on PostgreSQL all are sent in one round trip.

    Each still sees what the ones before it did, and what was committed while they waited for a lock. When one
    fails nothing after it runs.
    """
    live = [call for call in calls if call.size]
    if len(live) < 2 or conn.dialect.name == Dialect.SQLITE or conn.dispatch.before_cursor_execute:
        return [call.alone(conn) if call.size else [] for call in calls]
    answers = iter(send(conn, [call.statement.prepared(call.rows, call.parameters) for call in live]))
    return [next(answers) if call.size else [] for call in calls]


def _sqlite_rows(columns: Mapping[str, ColumnType]) -> str:
    picks = [
        f"unhex(value ->> {at})" if kind == "bytes" else f"value ->> {at}"
        for at, kind in enumerate(columns.values())
    ]
    names = ", ".join(["i", *columns])
    return f"rows({names}) AS MATERIALIZED (SELECT key, {', '.join(picks)} FROM json_each(:rows))"


def _postgresql_rows(columns: Mapping[str, ColumnType]) -> str:
    names = ", ".join(columns)
    arrays = ", ".join(f"%({name})b::{_PG_TYPES[kind]}[]" for name, kind in columns.items())
    return (
        f"rows(i, {names}) AS MATERIALIZED (SELECT ord - 1, {names} "
        f"FROM unnest({arrays}) WITH ORDINALITY AS given({names}, ord))"
    )
