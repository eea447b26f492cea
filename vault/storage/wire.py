"""Hot statements on PostgreSQL: prepared once a connection, any number in one round trip, rows decoded in C.

`send(conn, statements)` speaks through the driver's libpq inside the transaction that SQLAlchemy's `conn` stands
for, and begins it in the same round trip when it has not begun. The driver's cursor costs 60 to 100 us of CPU a
statement, as much as a small statement costs PostgreSQL; this costs a quarter of it (ADR 0017).

A statement is text with `%(name)s` or `%(name)b` in it and a mapping of those names. Values are None, bool, int
(always sent as bigint), str, bytes and the arrays of `vault.storage.pgarray`.

A server that falls silent amid an exchange is given up after five minutes. A connection whose prepared plans the
server no longer has, or no longer can follow because a table has changed, is thrown away: the next one prepares anew.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from select import POLLIN, POLLOUT, poll
from typing import Any, Final

import psycopg
from psycopg.abc import Transformer as Adaptation
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from vault.storage.pgarray import ByteaArray, Int8Array, TextArray

type Statement = tuple[str, Mapping[str, Any]]
type _Typed = tuple[str, tuple[int, ...]]

_PLACEHOLDER = re.compile(r"%\((\w+)\)[sb]|%%")
_PREPARED: Final = "perusal_prepared"
_WELL: Final = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
_STALE: Final = frozenset({"0A000", "26000"})  # "cached plan must not change result type"; no such statement
PATIENCE_S: Final = 300.0
"""How long a server may say nothing amid an exchange: TCP notices a dead machine, but not a halted process."""


def send(conn: Connection, statements: Sequence[Statement]) -> list[list[tuple[Any, ...]]]:
    """The rows of each statement, in order; the first that fails ends them all.

    What fails is raised as the toolkit would raise it, without a value in its text.
    """
    if not conn.in_transaction():
        conn.begin()  # as the toolkit does: or else its roll-back would not know that there is something to undo
    pooled = conn.connection
    driver = pooled.driver_connection
    assert isinstance(driver, psycopg.Connection)
    try:
        return _Exchange(driver, pooled.info.setdefault(_PREPARED, _Prepared())).run(statements)
    except psycopg.Error as error:
        gone = conn.dialect.is_disconnect(error, driver, None)  # type: ignore[arg-type]  # the protocol is wider
        if gone or error.sqlstate in _STALE:
            conn.invalidate(error)
        raise DBAPIError.instance(
            None,
            None,
            error,
            psycopg.Error,
            hide_parameters=True,
            connection_invalidated=conn.invalidated,
        ) from error
    except BaseException:
        conn.invalidate()  # answers may be under way still, and would be taken for those of the next statement
        raise


@dataclass(slots=True)
class _Prepared:
    """What one connection has prepared, by text and types; no name is used twice."""

    names: dict[_Typed, bytes] = field(default_factory=dict)
    serial: Iterator[int] = field(default_factory=count)


class _Exchange:
    """One round trip over one connection."""

    __slots__ = ("_driver", "_fresh", "_link", "_posted", "_prepared")

    def __init__(self, driver: psycopg.Connection[Any], prepared: _Prepared) -> None:
        self._driver, self._link, self._prepared = driver, driver.pgconn, prepared
        self._posted = 0
        self._fresh: dict[int, tuple[_Typed, bytes]] = {}

    def run(self, statements: Sequence[Statement]) -> list[list[tuple[Any, ...]]]:
        self._link.enter_pipeline_mode()
        self._begin()
        asked = [self._post(text, given) for text, given in statements]
        self._link.pipeline_sync()
        self._flush()
        answers = self._answers()
        self._link.exit_pipeline_mode()
        rows = Transformer(self._driver)
        return [_rows(rows, answers[at]) for at in asked]

    def _begin(self) -> None:
        """What the driver does before its first statement."""
        driver = self._driver
        if driver.autocommit or self._link.transaction_status != TransactionStatus.IDLE:
            return
        level, read_only = driver.isolation_level, driver.read_only
        words = ["BEGIN"]
        words += [] if level is None else ["ISOLATION LEVEL", level.name.replace("_", " ")]
        words += [] if read_only is None else ["READ ONLY" if read_only else "READ WRITE"]
        self._link.send_query_params(" ".join(words).encode(), None)
        self._posted += 1

    def _post(self, text: str, given: Mapping[str, Any]) -> int:
        """Send one statement, prepared first if it is new here; the position of its answer."""
        sql, wanted = _compiled(text)
        values = [given[name] for name in wanted]
        types = tuple([_OIDS[type(value)] for value in values])
        name = self._prepared.names.get((text, types)) or self._prepare(sql, (text, types))
        encoded = [_ENCODERS[type(value)](value) for value in values]
        self._link.send_query_prepared(name, encoded, [Format.BINARY] * len(encoded), Format.BINARY)
        self._posted += 1
        return self._posted - 1

    def _prepare(self, sql: bytes, typed: _Typed) -> bytes:
        name = f"perusal_{next(self._prepared.serial)}".encode()
        self._link.send_prepare(name, sql, typed[1])
        self._fresh[self._posted] = (typed, name)
        self._posted += 1
        return name

    def _flush(self) -> None:
        """Push everything out, taking in what arrives meanwhile: a server that cannot write stops reading."""
        while self._link.flush():
            if self._wait(POLLIN | POLLOUT) & POLLIN:
                self._link.consume_input()

    def _answers(self) -> list[PGresult]:
        """One result for each message sent; raises the first that failed, when all have been read."""
        answers: list[PGresult] = []
        for at in range(self._posted):
            answer = self._next()
            assert answer is not None
            assert self._next() is None
            answers.append(answer)
            if at in self._fresh and answer.status == ExecStatus.COMMAND_OK:
                typed, name = self._fresh[at]
                self._prepared.names[typed] = name
        self._next()  # the point of synchronisation
        if failed := next((answer for answer in answers if answer.status not in _WELL), None):
            self._link.exit_pipeline_mode()
            raise error_from_result(failed)
        return answers

    def _next(self) -> PGresult | None:
        while self._link.is_busy():
            self._wait(POLLIN)
            self._link.consume_input()
        return self._link.get_result()

    def _wait(self, events: int) -> int:
        waiter = poll()
        waiter.register(self._link.socket, events)
        happened = waiter.poll(PATIENCE_S * 1_000)
        if not happened:
            self._driver.close()  # an answer that comes after all must find nobody
            raise psycopg.OperationalError("the server has said nothing for too long")
        return happened[0][1]


def _rows(rows: Adaptation, answer: PGresult) -> list[tuple[Any, ...]]:
    if answer.status != ExecStatus.TUPLES_OK:
        return []
    rows.set_pgresult(answer, format=Format.BINARY)
    return rows.load_rows(0, answer.ntuples, tuple)


@lru_cache(maxsize=1_024)
def _compiled(text: str) -> tuple[bytes, tuple[str, ...]]:
    """PostgreSQL's own text, `$1` for the first name, and the names in that order."""
    names: dict[str, int] = {}

    def numbered(found: re.Match[str]) -> str:
        return f"${names.setdefault(found[1], len(names) + 1)}" if found[1] else "%"

    return _PLACEHOLDER.sub(numbered, text).encode(), tuple(names)


_OIDS: Mapping[type, int] = {
    type(None): 0,
    bool: 16,
    bytes: 17,
    int: 20,
    str: 25,
    ByteaArray: 1001,
    TextArray: 1009,
    Int8Array: 1016,
}
_ENCODERS: Mapping[type, Callable[[Any], bytes | None]] = {
    type(None): lambda _value: None,
    bool: lambda value: bytes([value]),
    bytes: lambda value: value,
    int: lambda value: value.to_bytes(8, signed=True),
    str: str.encode,
    ByteaArray: lambda value: value,
    TextArray: lambda value: value,
    Int8Array: lambda value: value,
}
