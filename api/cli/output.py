"""What commands print: one JSON document, or lines and tables for people; progress goes to standard error only.

Much of it was written by strangers. None of it is mark-up, and nothing of it moves a cursor (`plain`).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from api.cli.plain import plain

type Tick = Callable[[str, int, int | None], None]
"""Called with what is being done, how much of it is done, and how much there is (None when unknown)."""

QUIET_EVERY = 5.0
"""Seconds between two lines of progress where no terminal shows a bar."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def emit(
    data: Mapping[str, Any], *, as_json: bool, lines: Iterable[str] = (), table: Table | None = None
) -> None:
    """Print `data` as JSON, or else the lines and the table made for people."""
    if as_json:
        click.echo(plain(json.dumps(data, ensure_ascii=False, sort_keys=True, default=str)))
        return
    for line in lines:
        click.echo(plain(line))
    if table is not None:
        console().print(table)


def table_of(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A plain table; a column whose cells are numbers stands to the right."""
    kept = [list(row) for row in rows]
    table = Table(
        title=Text(plain(title)), title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False
    )
    for position, column in enumerate(columns):
        cells = [row[position] for row in kept]
        numeric = any(cells) and all(isinstance(cell, int | float) or cell == "" for cell in cells)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in kept:
        table.add_row(*(Text(plain(_cell(value))) for value in row))
    return table


def moment(ms: int) -> str:
    """Unix milliseconds as RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def console() -> Console:
    """The console for people; as wide as a page where no terminal says otherwise."""
    return Console(width=None if sys.stdout.isatty() else 110)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Tick]:
    """A bar on a terminal, one line every five seconds elsewhere, nothing when `quiet`."""
    if quiet:
        yield _silent
    elif sys.stderr.isatty():
        yield from _bar()
    else:
        yield _spaced()


def _silent(_what: str, _done: int, _total: int | None) -> None:
    return None


def _bar() -> Iterator[Tick]:
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def tick(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield tick


def _spaced() -> Tick:
    said = time.monotonic()

    def tick(what: str, done: int, total: int | None) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= QUIET_EVERY:
            said = now
            of = f" of {total:,}" if total is not None else ""
            click.echo(f"{what}: {done:,}{of}", err=True)

    return tick
