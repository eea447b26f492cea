"""`perusal recipient retire`: nobody is asked under a notice or terms any more; what was granted under them stands."""

from __future__ import annotations

from pathlib import Path

import click

from api.cli.installation import databases, dir_option, settings_of
from api.cli.output import emit, json_option
from api.clock import system_clock
from consent.recipients import retiring


@click.command("retire")
@dir_option
@click.argument("name")
@click.option("--reason", required=True, help="Why, in one line; it is kept.")
@json_option
def retire(home: Path | None, name: str, reason: str, as_json: bool) -> None:
    """Let nobody be asked under the notice or terms NAME (ntc_… or lt_…) any more, for good."""
    with databases(settings_of(home)) as (data, _keys), data.write() as conn:
        changed = retiring.retire(conn, name, reason, system_clock())
    said = f"{name} is retired" if changed else f"{name} was retired already"
    emit({"name": name, "changed": changed}, as_json=as_json, lines=[said])
