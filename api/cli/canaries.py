"""`perusal canaries`: alias contact points and planted persons: where they come from, whom they lead back to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from api.cli.failures import Exit, Failure
from api.cli.installation import dir_option, settings_of
from api.cli.output import emit, json_option
from api.cli.planting import plan, plant_people, retire_list, show_lists
from api.clock import system_clock
from api.sealing.opening import opened_vault
from api.staff.alias_hits import hit, view_of
from consent.instants import parse_instant
from consent.marks.alias_lookup import resolve
from consent.marks.alias_pool import Pool, add_domain, add_numbers, pool
from consent.marks.alias_sightings import acceptable

ACTOR = "operator"
_PLANTING = (plan, plant_people, show_lists, retire_list)


@click.group("canaries")
def command() -> None:
    """Aliases and planted persons, and who let one out."""


for _command in _PLANTING:
    command.add_command(_command)


@command.command("domain")
@dir_option
@click.argument("name")
@json_option
def domain(home: Path | None, name: str, as_json: bool) -> None:
    """Make new alias addresses under the domain NAME; its mail server has to be yours."""
    with opened_vault(settings_of(home)) as vault, vault.data.write() as conn:
        new = add_domain(conn, name, system_clock())
        have = pool(conn)
    said = "" if new else f"{name} was there already"
    _tell(have, as_json=as_json, new=int(new), said=said)


@command.command("numbers")
@dir_option
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True, dir_okay=False, exists=True))
@json_option
def numbers(home: Path | None, file: Path, as_json: bool) -> None:
    """Add the phone numbers in FILE, one a line, to the pool of relay numbers; all of them have to be yours."""
    # What is no UTF-8 is no number either, and is refused as one that is none.
    with click.open_file(str(file), "r", encoding="utf-8-sig", errors="replace") as lines:
        wanted = [line.strip() for line in lines if line.strip()]
    with opened_vault(settings_of(home)) as vault, vault.data.write() as conn:
        new = add_numbers(conn, wanted, system_clock())
        have = pool(conn)
    _tell(have, as_json=as_json, new=new, said=f"{new} new numbers")


@command.command("resolve")
@dir_option
@click.argument("alias")
@json_option
def resolve_alias(home: Path | None, alias: str, as_json: bool) -> int:
    """Which recipient ALIAS was given to; 1 when nobody was ever given it. Keeps nothing, raises nothing."""
    with opened_vault(settings_of(home)) as vault:
        with vault.data.read() as conn:
            found = resolve(conn, vault, alias)
        view = None if found is None else view_of(vault, found)
    return _answer(view, as_json=as_json)


@command.command("hit")
@dir_option
@click.argument("alias")
@click.option("--seen-at", help="When, as RFC 3339; now by default.")
@click.option("--reference", default="", help="What names the message, so that it is told once.")
@click.option("--note", default="", help="Anything worth keeping; no personal data.")
@json_option
def report_hit(
    home: Path | None, alias: str, seen_at: str | None, reference: str, note: str, as_json: bool
) -> int:
    """Report that ALIAS received a message: an alarm that names its recipient, the first time."""
    now_ms = system_clock()
    at_ms = now_ms if seen_at is None else parse_instant(seen_at)
    if at_ms is None or at_ms > now_ms or not acceptable(note, reference):
        raise Failure("no such time, or a text that cannot be kept", code="usage", exit_code=Exit.USAGE)
    with opened_vault(settings_of(home)) as vault:
        view = hit(vault, alias, at_ms, now_ms, ACTOR, reference, note)
    return _answer(view, as_json=as_json)


def _tell(have: Pool, *, as_json: bool, new: int, said: str) -> None:
    data = {"new": new, "domains": list(have.domains), "numbers": have.numbers, "taken": have.taken}
    listed = ", ".join(have.domains) or "none"
    lines = (
        said,
        f"domains: {listed}",
        f"relay numbers: {have.numbers:,}, of which {have.taken:,} are given",
    )
    emit(data, as_json=as_json, lines=filter(None, lines))


def _answer(view: Mapping[str, Any] | None, *, as_json: bool) -> int:
    if view is None:
        emit({"issued": False}, as_json=as_json, lines=("nobody was ever given this: it is not one of ours",))
        return Exit.WRONG
    emit({"issued": True, **view}, as_json=as_json, lines=_lines(view))
    return Exit.OK


def _lines(view: Mapping[str, Any]) -> Iterator[str]:
    yield f"given to {view['name']} ({view['recipient']}) instead of {view['instead_of']}, since {view['since']}"
    for one in view["seen"]:
        note = f": {one['note']}" if one["note"] else ""
        yield f"seen {one['at']} in a {one['in']} ({one['place']}){note}"
