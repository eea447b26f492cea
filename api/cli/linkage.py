"""`perusal linkage`: blind codes, by which a trace finds candidates that no exact form brings together.

Off until turned on, because a code of everybody is one more thing to guard (ADR 0046). `fill` makes the codes
that are missing and may be run again at any time; a trace does it too.
"""

from __future__ import annotations

from pathlib import Path

import click

from api.cli.failures import Failure
from api.cli.installation import dir_option, settings_of
from api.cli.output import emit, json_option, progress
from api.clock import system_clock
from api.sealing.opening import opened_vault
from vault.linkage import choice, filling
from vault.linkage.choice import Mode
from vault.linkage.plain import is_installed

MODES = {
    Mode.OFF: "blind codes are off",
    Mode.BLIND: "blind codes are on",
    Mode.PLAIN: "blind codes are on, and what they suggest is weighed in clear",
}
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
        mode, missing = choice.mode(conn), filling.missing(conn, vault)
    emit(
        {"mode": mode.value, "missing": missing},
        as_json=as_json,
        lines=(f"{MODES[mode]}; {missing:,} people have none",),
    )


@command.command("on")
@dir_option
@click.option(
    "--plain",
    is_flag=True,
    help="Weigh what codes suggest in clear as well, by Splink, in a confined process.",
)
@actor_option
@json_option
def turn_on(home: Path | None, plain: bool, actor: str, as_json: bool) -> None:
    """Turn them on, and make a code for everybody."""
    if plain and not is_installed():
        raise Failure("Splink is not installed: it comes with the extra `linkage`", code="linkage_missing")
    with opened_vault(settings_of(home)) as vault, progress(quiet=as_json) as tick:
        choice.turn_on(vault, actor, system_clock(), plain=plain)
        made = filling.fill(vault, report=lambda done, total: tick("coding", done, total))
    emit(
        {"mode": (Mode.PLAIN if plain else Mode.BLIND).value, "made": made},
        as_json=as_json,
        lines=(f"on; {made:,} codes made",),
    )


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
    emit(
        {"mode": Mode.OFF.value, "deleted": deleted},
        as_json=as_json,
        lines=(f"off; {deleted:,} codes deleted",),
    )
