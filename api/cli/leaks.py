"""`perusal leaks`: which dumps people are told of when they ask whether they were in a leak.

Telling is an act of an investigator's own, after tracing: it also tells whoever lost the file that it was
found, and lets anybody ask about somebody else's number. A leak that shames whoever is in it should not be told
of.
"""

from __future__ import annotations

from pathlib import Path

import click

from api.cli.failures import Exit, Failure
from api.cli.installation import dir_option, settings_of
from api.cli.output import emit, json_option, moment, progress, table_of
from api.clock import system_clock
from api.sealing.opening import opened_vault
from breach.intake import quarantine
from breach.selfcheck import periods
from breach.selfcheck.publish import Leak, leaks, publish, withdraw
from vault.errors import MalformedId
from vault.ids import decode_id


@click.group("leaks")
def command() -> None:
    """Leaks people are told of when they ask whether they were in one."""


@command.command("publish")
@dir_option
@click.argument("dump")
@click.option(
    "--actor", default="operator", show_default=True, help="Role or key id for the chain of custody."
)
@json_option
def publish_command(home: Path | None, dump: str, actor: str, as_json: bool) -> None:
    """Tell people of DUMP (dmp_...) from now on; cut short and run again, it goes on."""
    dump_id, settings, now_ms = _id(quarantine.PREFIX, dump), settings_of(home), system_clock()
    with opened_vault(settings) as vault, progress(quiet=as_json) as tick:
        found = quarantine.find(vault, settings.quarantine, dump_id)
        told = publish(vault, found, now_ms=now_ms, actor=actor, report=tick)
    emit(_document(told), as_json=as_json, lines=(f"{told.name} is told of from now on",))


@command.command("list")
@dir_option
@json_option
def list_command(home: Path | None, as_json: bool) -> None:
    """Every leak people are told of, or that is being read."""
    with opened_vault(settings_of(home)) as vault, vault.data.read() as conn:
        found = leaks(conn)
    documents = [_document(one) for one in found]
    rows = [(one["leak"], one["received_at"], one["told_since"] or "being read") for one in documents]
    emit(
        {"leaks": documents},
        as_json=as_json,
        table=table_of("leaks", ("leak", "came in", "told since"), rows),
    )


@command.command("withdraw")
@dir_option
@click.argument("leak")
@json_option
def withdraw_command(home: Path | None, leak: str, as_json: bool) -> None:
    """Tell nobody of LEAK (lk_...) any more, and forget what was kept of it."""
    leak_id = _id(periods.PREFIX, leak)
    with opened_vault(settings_of(home)) as vault:
        count = withdraw(vault, leak_id)
    emit({"withdrawn": leak, "points": count}, as_json=as_json, lines=(f"{count:,} points are forgotten",))


@command.command("renew")
@dir_option
@json_option
def renew_command(home: Path | None, as_json: bool) -> None:
    """Make every label anew under a key of a new period, so that what was learnt by guessing is worth nothing."""
    with opened_vault(settings_of(home)) as vault, progress(quiet=as_json) as tick:
        number = periods.renew(vault, system_clock(), tick)
    emit({"period": number}, as_json=as_json, lines=(f"period {number} has begun",))


def _document(one: Leak) -> dict[str, str | None]:
    since = None if one.published_at is None else moment(one.published_at)
    return {"leak": one.name, "received_at": moment(one.received_at), "told_since": since}


def _id(prefix: str, text: str) -> bytes:
    try:
        return decode_id(prefix, text)
    except MalformedId:
        raise Failure(f"{prefix}_... is wanted", code="malformed_id", exit_code=Exit.USAGE) from None
