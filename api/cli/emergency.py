"""`perusal emergency list`: what staff asked for that takes two others, for operators on the machine.

Asking, voting and opening go through the server, under each member's own key: nobody acts for others here.
"""

from __future__ import annotations

from pathlib import Path

import click

from api.cli.installation import dir_option, settings_of
from api.cli.output import emit, json_option, table_of
from api.clock import system_clock
from api.sealing.opening import opened_vault
from api.staff.emergencies import request_view
from consent.dual.requests import approvers, waiting


@click.group("emergency")
def command() -> None:
    """Requests that take two approvals."""


@command.command("list")
@dir_option
@json_option
def list_requests(home: Path | None, as_json: bool) -> None:
    """What can still be voted on or used, newest first; never the notes."""
    with opened_vault(settings_of(home)) as vault, vault.data.read() as conn:
        now_ms = system_clock()
        views = [request_view(one, approvers(conn, one.id)) for one in waiting(conn, now_ms)]
    rows = [
        (
            view["id"],
            view["kind"],
            view["state"],
            view["reason"],
            view["asked_by"],
            ", ".join(view["approved_by"]) or "nobody",
            view["window_to"] or view["lapses_at"],
        )
        for view in views
    ]
    columns = ("request", "kind", "state", "reason", "asked by", "approved by", "until")
    emit(
        {"requests": views},
        as_json=as_json,
        lines=() if rows else ("nothing is waiting",),
        table=table_of("Requests", columns, rows) if rows else None,
    )
