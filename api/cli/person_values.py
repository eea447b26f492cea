"""`perusal person change` and `person show`: a person's values at the desk, changed in bulk or read masked.

A change is a line `{"subject", "field", "text"}`. One that is refused is named by its number and a code, never
by its content, and spoils no other; what is changed enters the ledger with it. What is shown is masked: whoever
needs a value in clear asks for an emergency.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import batched
from pathlib import Path
from typing import Any

import click

from api.cli.failures import Exit, Failure, told
from api.cli.installation import dir_option, settings_of
from api.cli.output import Tick, emit, json_option, progress, table_of
from api.cli.subjects import PERSON
from api.clock import system_clock
from api.sealing.opening import opened_vault
from api.staff.people import MOST_PEOPLE, changed, read_change
from consent.instants import instant
from consent.people.keeping import Refused, correct
from vault.ids import SubjectId
from vault.opening import Vault
from vault.reading.records import standing

_TIMES = ["%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"]


@click.command("change")
@dir_option
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True, dir_okay=False, exists=True))
@json_option
def change(home: Path | None, file: Path, as_json: bool) -> int:
    """Change the values named in FILE (JSON lines; "-" reads standard input); 1 if a line was refused.

    A line is {"subject": "sub_…", "field": "phone", "text": "…"}.
    """
    with (
        opened_vault(settings_of(home)) as vault,
        progress(quiet=as_json) as tick,
        click.open_file(str(file), "rb") as lines,
    ):
        results = list(_change(vault, lines, tick))
    refused = [one for one in results if "code" in one]
    slips = [one for one in results if "checked" in one]
    emit(
        {"changed": len(results) - len(refused), "refused_count": len(refused), "results": results},
        as_json=as_json,
        lines=_summary(len(results) - len(refused), len(refused), len(slips)),
        table=table_of(
            "refused",
            ("line", "field", "code", "why"),
            [(one["line"], one["field"], one["code"], told(one["code"])) for one in refused[:20]],
        )
        if refused
        else None,
    )
    return Exit.WRONG if refused else Exit.OK


@click.command("show")
@dir_option
@click.argument("subject", type=PERSON)
@click.option("--at", type=click.DateTime(_TIMES), help="What stood there at this time, UTC.")
@json_option
def show(home: Path | None, subject: SubjectId, at: datetime | None, as_json: bool) -> None:
    """Show somebody's values, masked, with their versions."""
    as_of = None if at is None else _ms(at)
    with opened_vault(settings_of(home)) as vault:
        found = standing(vault, subject, as_of=as_of)
    if not found:
        raise Failure("nothing is held about this person then", code="not_found")
    rows = [
        {
            "field": code,
            "version": one.version,
            "from": instant(one.valid_from),
            "to": None if one.valid_to is None else instant(one.valid_to),
            "masked": one.masked,
        }
        for code, one in found.items()
    ]
    emit(
        {"values": rows, "at": None if as_of is None else instant(as_of)},
        as_json=as_json,
        table=table_of(
            "values",
            ("field", "version", "from", "masked"),
            [(one["field"], one["version"], one["from"], one["masked"] or "destroyed") for one in rows],
        ),
    )


def _change(vault: Vault, lines: Iterable[bytes], tick: Tick) -> Iterator[dict[str, Any]]:
    """What became of each line that is not empty, in order, by its number."""
    done = 0
    given = ((number, read_change(raw)) for number, raw in enumerate(lines, 1) if raw.strip())
    for batch in batched(given, MOST_PEOPLE):
        changes = [one for _, one in batch if not isinstance(one, Refused)]
        answers = iter(correct(vault, changes, system_clock()))
        for number, one in batch:
            answer = one if isinstance(one, Refused) else next(answers)
            yield {"line": number, **changed(one, answer, vault.catalogue)}
        done += len(batch)
        tick("values changed", done, None)


def _summary(count: int, refused: int, slips: int) -> Iterator[str]:
    yield f"{count:,} values changed"
    if refused:
        yield f"{refused:,} lines refused"
    if slips:
        yield f"{slips:,} values kept although their check digit is wrong"


def _ms(at: datetime) -> int:
    whole = at.replace(tzinfo=UTC)
    return int(whole.replace(microsecond=0).timestamp()) * 1000 + whole.microsecond // 1000
