"""`perusal alarms`: honey persons for operators on the machine: plant them, list their alarms, look for missing ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from api.cli.failures import Exit, Failure
from api.cli.installation import dir_option, settings_of, write_private
from api.cli.output import emit, json_option, table_of
from api.clock import system_clock
from api.sealing.opening import opened_vault
from api.staff.alarms import alarm_view
from breach import honey as dumps
from consent.accounts.keys import DEFAULT_LANG
from consent.people.honey import plant, sweep
from consent.people.keeping import Enrolled, NewPerson
from vault.ids import encode_id
from vault.people.honey import alarms

_DAY_MS = 86_400_000
_decode = msgspec.json.Decoder(dict[str, str]).decode


@click.group("alarms")
def command() -> None:
    """Honey persons, and who opened one."""


@command.command("list")
@dir_option
@json_option
def list_alarms(home: Path | None, as_json: bool) -> int:
    """The newest alarms first; 1 when there is one that nobody has looked at."""
    with opened_vault(settings_of(home)) as vault, vault.data.read() as conn:
        found = alarms(conn)
    views = [alarm_view(one) for one in found]
    rows = [
        (
            view["at"],
            view["source"],
            view["who"],
            view["place"],
            view["honey"],
            view["seen_by"] or "nobody yet",
        )
        for view in views
    ]
    table = table_of("Alarms", ("at", "by way of", "who", "where", "honey person", "seen by"), rows)
    emit(
        {"alarms": views}, as_json=as_json, lines=() if rows else ("no alarm",), table=table if rows else None
    )
    return Exit.WRONG if any(one.seen_at is None for one in found) else Exit.OK


@command.command("plant")
@dir_option
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True, dir_okay=False, exists=True))
@click.option(
    "--keys-out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="New file (0600)."
)
@json_option
def plant_people(home: Path | None, file: Path, keys_out: Path, as_json: bool) -> int:
    """Take the people in FILE (JSON lines, as for enrol) in as honey persons; 1 if one was refused.

    Give them phones and mailboxes of your own. FILE and the keys are the only list of who they are: keep them
    away from this installation.
    """
    settings = settings_of(home)
    if keys_out.exists():
        raise Failure(f"{keys_out.name} is already there", code="already_there", exit_code=Exit.USAGE)
    with click.open_file(str(file), "rb") as lines:
        people = list(_people(lines))
    with opened_vault(settings) as vault:
        now_ms = system_clock()
        answers = plant(vault, [person for person, _ in people], now_ms, [lang for _, lang in people])
    made = [one for one in answers if isinstance(one, Enrolled)]
    rows = [{"subject": encode_id("sub", one.subject), "key": one.key} for one in made]
    write_private(keys_out, "".join(json.dumps(row) + "\n" for row in rows))
    refused = len(answers) - len(made)
    emit(
        {"planted": len(made), "refused": refused},
        as_json=as_json,
        lines=(f"{len(made)} honey persons planted, {refused} refused; their keys are in {keys_out}",),
    )
    return Exit.WRONG if refused else Exit.OK


@command.command("sweep")
@dir_option
@click.option("--days", default=30, show_default=True, type=click.IntRange(1), help="How far to look back.")
@json_option
def sweep_alarms(home: Path | None, days: int, as_json: bool) -> int:
    """Hold what was read, copied, found or traced against the list of honey persons, for alarms a crash swallowed."""
    since_ms = system_clock() - days * _DAY_MS
    with opened_vault(settings_of(home)) as vault:
        new = sweep(vault, since_ms) + dumps.sweep(vault, since_ms)
    since = datetime.fromtimestamp(since_ms / 1000, UTC)
    emit({"new": new}, as_json=as_json, lines=(f"{new} new alarms since {since:%Y-%m-%d}",))
    return Exit.WRONG if new else Exit.OK


def _people(lines: Iterator[bytes]) -> Iterator[tuple[NewPerson, str]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            values = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Failure(f"line {number} is not one JSON object of texts", code="malformed_json") from None
        lang = values.pop("lang", DEFAULT_LANG)
        yield NewPerson(values), lang
