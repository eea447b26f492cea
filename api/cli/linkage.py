"""`perusal linkage`: blind codes, by which a trace finds candidates that no exact form brings together.

Off until turned on, because a code of everybody is one more thing to guard (ADR 0046). `fill` makes the codes that are
missing and may be run again at any time; a trace does it too.
"""

from __future__ import annotations

from pathlib import Path

import click

from api.cli.installation import dir_option, settings_of
from api.cli.output import emit, json_option, progress
from api.clock import system_clock
from api.opening import opened_vault
from vault.linkage import choice, filling

actor_option = click.option(
    "--actor", default="operator", show_default=True, help="Who decides, for the record of it."
)


@click.group("linkage")
def command() -> None:
    """Blind codes for finding people whose data is written otherwise in a file."""


@command.command("status")
@dir_option
@json_option
def status(home: Path | None, as_json: bool) -> None:
    """Whether codes are made, and how many people have none yet."""
    with opened_vault(settings_of(home)) as vault, vault.data.read() as conn:
        on, missing = choice.is_on(conn), filling.missing(conn, vault)
    lines = (f"blind codes are {'on' if on else 'off'}; {missing:,} people have none",)
    emit({"on": on, "missing": missing}, as_json=as_json, lines=lines)


@command.command("on")
@dir_option
@actor_option
@json_option
def turn_on(home: Path | None, actor: str, as_json: bool) -> None:
    """Turn them on, and make a code for everybody."""
    with opened_vault(settings_of(home)) as vault, progress(quiet=as_json) as tick:
        choice.turn_on(vault, actor, system_clock())
        made = filling.fill(vault, report=lambda done, total: tick("coding", done, total))
    emit({"on": True, "made": made}, as_json=as_json, lines=(f"on; {made:,} codes made",))


@command.command("fill")
@dir_option
@json_option
def fill(home: Path | None, as_json: bool) -> None:
    """Make the codes that are missing, of new and changed people or in a new index epoch."""
    with opened_vault(settings_of(home)) as vault, progress(quiet=as_json) as tick:
        made = filling.fill(vault, report=lambda done, total: tick("coding", done, total))
    emit({"made": made}, as_json=as_json, lines=(f"{made:,} codes made",))


@command.command("off")
@dir_option
@actor_option
@json_option
def turn_off(home: Path | None, actor: str, as_json: bool) -> None:
    """Turn them off, and delete every code."""
    with opened_vault(settings_of(home)) as vault:
        deleted = choice.turn_off(vault, actor, system_clock())
    emit({"on": False, "deleted": deleted}, as_json=as_json, lines=(f"off; {deleted:,} codes deleted",))
