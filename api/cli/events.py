"""`perusal events`: what recipients should have acknowledged and have not, and sending it once more."""

from __future__ import annotations

from pathlib import Path

import click

from api.cli.failures import Exit
from api.cli.installation import databases, dir_option, settings_of
from api.cli.output import emit, json_option, moment, table_of
from api.clock import system_clock
from consent.delivery.outbox import Late, again, overdue


@click.group("events")
def command() -> None:
    """Withdrawals, demands for erasure and suspensions on their way to recipients."""


@command.command("overdue")
@dir_option
@json_option
def list_overdue(home: Path | None, as_json: bool) -> int:
    """What is not acknowledged an hour after it happened, or was refused; 1 when there is any."""
    with databases(settings_of(home)) as (data, _keys), data.read() as conn:
        found = overdue(conn, system_clock())
    rows = [(one.recipient, one.kind, one.count, one.failed, moment(one.since), one.code) for one in found]
    table = table_of("overdue events", ("recipient", "event", "count", "given up", "since", "why"), rows)
    emit(
        {"overdue": [_view(one) for one in found]},
        as_json=as_json,
        lines=() if rows else ("nothing is overdue",),
        table=table if rows else None,
    )
    return Exit.WRONG if found else Exit.OK


@command.command("again")
@dir_option
@click.argument("recipient_id")
@json_option
def send_again(home: Path | None, recipient_id: str, as_json: bool) -> None:
    """Send once more, for another week, whatever RECIPIENT_ID refused or could not be told within a week."""
    with databases(settings_of(home)) as (data, _keys), data.write() as conn:
        count = again(conn, recipient_id, system_clock())
    emit(
        {"recipient_id": recipient_id, "queued": count},
        as_json=as_json,
        lines=(f"{count} events will be sent again",),
    )


def _view(one: Late) -> dict[str, str | int]:
    return {
        "recipient_id": one.recipient_id,
        "recipient": one.recipient,
        "event": one.kind,
        "count": one.count,
        "given_up": one.failed,
        "since": moment(one.since),
        "why": one.code,
    }
