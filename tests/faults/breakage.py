"""Breaks the store on purpose: the n-th statement or commit fails, the disk is full, the key data base is gone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError


@dataclass(slots=True)
class Count:
    """Statements and commits seen while a block ran."""

    steps: int = 0


@contextmanager
def failing_step(engine: Engine, number: int) -> Iterator[Count]:
    """While the block runs, statement or commit `number` (from 1; 0 for none) fails before it is sent."""
    seen = Count()

    def step(*_: Any, **__: Any) -> None:
        seen.steps += 1
        if seen.steps == number:
            raise OperationalError("injected", None, Exception("the store broke"))

    names = ("before_cursor_execute", "commit")
    for name in names:
        event.listen(engine, name, step)
    try:
        yield seen
    finally:
        for name in names:
            event.remove(engine, name, step)


@contextmanager
def full_disk(engine: Engine, spare_pages: int) -> Iterator[None]:
    """While the block runs, a SQLite data base may grow by `spare_pages` pages and no further."""

    def bound(connection: Any, _record: Any) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + spare_pages}")

    engine.dispose()
    event.listen(engine, "connect", bound)
    try:
        yield
    finally:
        event.remove(engine, "connect", bound)
        engine.dispose()


@contextmanager
def unreachable(engine: Engine) -> Iterator[None]:
    """While the block runs, no connection to the data base can be made, and those there were are gone."""

    def refuse(connection: Any, _record: Any) -> None:
        connection.close()
        raise OperationalError("connect", None, Exception("nobody answers"))

    engine.dispose()
    # An event of the pool, which is this engine's own: the dialect, whose events come earlier, is one for all tests.
    event.listen(engine, "connect", refuse)
    try:
        yield
    finally:
        event.remove(engine, "connect", refuse)
