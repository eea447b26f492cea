"""`perusal dump profile FILE`: what a file is, how it would be read, and what of it would be set aside.

Needs no installation, no key and no server, and changes nothing. Nothing that is printed stood in the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from api.cli.output import emit, json_option, progress, table_of
from breach.intake.profile import profile
from breach.intake.source import OnDisk


@click.group("dump")
def command() -> None:
    """Look at a leaked file before it is traced."""


@command.command("profile")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@json_option
def profile_command(file: Path, as_json: bool) -> None:
    """Say what FILE is: its shape, encodings, columns by the kinds of their cells, and the account of its lines."""
    with OnDisk(file) as source, progress(quiet=as_json) as tick:
        found = profile(source, tick)
    emit(found, as_json=as_json, lines=_lines(found), table=_columns(found))


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    shape, lines = found["format"], found["lines"]
    named = [shape[name] for name in ("shape", "flavour", "encoding") if shape.get(name)]
    yield f"{found['bytes']:,} bytes: {', '.join(named)}"
    yield f"{lines['lines']:,} lines in, {lines['parsed']:,} parsed, {lines['continuation']:,} continued"
    aside = ", ".join(f"{reason} {count:,}" for reason, count in lines["quarantined_bytes"].items())
    yield f"{lines['bytes']:,} bytes of text in, {lines['parsed_bytes']:,} parsed{f'; set aside: {aside}' if aside else ''}"
    counted = ("rows", "mentions", "ragged", "mended", "rounded")
    yield ", ".join(f"{lines[name]:,} {name}" for name in counted)
    for title, name in (
        ("set aside", "quarantined"),
        ("damaged", "damaged"),
        ("windows", "windows"),
        ("members refused", "members_refused"),
    ):
        if lines[name]:
            yield f"{title}: " + ", ".join(f"{key} {count:,}" for key, count in lines[name].items())
    if lines["members_read"]:
        yield f"members read: {lines['members_read']:,}"
    yield (
        "every line and every byte of text is accounted for"
        if lines["reconciled"]
        else "SOMETHING IS MISSING"
    )


def _columns(found: Mapping[str, Any]) -> Any:
    rows = [
        (
            "loose" if layout["loose"] else str(number),
            f"{layout['rows']:,}",
            at,
            ", ".join(column["kinds"]) or "-",
            ", ".join(f"{kind} {count:,}" for kind, count in column["cells"].items()),
        )
        for number, layout in enumerate(found["layouts"], 1)
        for at, column in enumerate(layout["columns"], 1)
    ]
    return table_of(
        "what the columns hold, in a sample", ("layout", "rows", "column", "recognised as", "cells"), rows
    )
