"""The story's figures for the terminal: three tables, every number from the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from api.cli.output import table_of

_COLUMNS = ("name", "received", "found", "ln_e", "strict")


def tables(story: Mapping[str, Any]) -> Iterator[Table]:
    """The tables in the order in which the story happens."""
    yield table_of("the story in numbers", ("what", "count"), list(_rows(story)))
    yield table_of(
        "who let the file out",
        (
            "hypothesis",
            "people held",
            "of these in the file",
            "ln E, chance",
            "ln E, any innocent story",
            "named",
        ),
        [
            (*(_or_blank(row[name]) for name in _COLUMNS), "YES" if row["named"] else "")
            for row in story["suspects"]
        ],
    )
    yield table_of(
        "checked by other processes",
        ("", "what", "checks"),
        [("ok" if row["ok"] else "WRONG", row["what"], row["checks"]) for row in story["verification"]],
    )


def _or_blank(value: Any) -> Any:
    return "" if value is None else value


def _rows(story: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    traffic, leak = story["traffic"], story["leak"]
    yield "people enrolled", story["city"]["people"]
    yield "apps registered", len(story["apps"])
    yield "HTTP requests", traffic["requests"]
    yield "HTTP requests per second", traffic["per_second"]
    yield "times an app asked", traffic["asked"]
    yield "  approved", traffic["approved"]
    yield "  refused", traffic["refused"]
    yield "  withdrawn", traffic["withdrawn"]
    yield "uses answered, each in the ledger first", traffic["disclosures"]
    for row in story["attempts"]:
        yield f"{row['what']}: tried", row["tried"]
        yield "  let through", row["through"]
    yield "rows in the leaked file", leak["rows"]
    yield "  rewritten", leak["reformatted"]
    yield "  ragged", leak["ragged"]
    yield "people of the city recognised in it", story["trace"]["people"]
    yield "draft claims opened", story["claims"]["opened"]
    yield "plain values found in the service's files", story["search"]["found"]
