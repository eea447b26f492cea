"""`perusal ledger keys`: which keys sign the logs, and giving a log its next one."""

from __future__ import annotations

from pathlib import Path

import click

from api.cli.failures import Exit, Failure
from api.cli.installation import dir_option, settings_of
from api.cli.output import emit, json_option
from api.clock import system_clock
from api.sealing.opening import opened_vault
from consent.ledger.origin import origin_of
from consent.ledger.publishing import log_keys
from consent.ledger.publishing.signer import Signer
from consent.ledger.succession import open_logs

_DAY_MS = 86_400_000


@click.group("keys")
def command() -> None:
    """The keys that sign the logs."""


@command.command("rotate")
@dir_option
@click.option("--log", "only", metavar="ORIGIN", help="Only this log; all that are not closed otherwise.")
@click.option(
    "--overlap",
    type=click.IntRange(min=1),
    default=log_keys.OVERLAP_MS // _DAY_MS,
    show_default=True,
    help="Days in which the old key signs beside the new one.",
)
@json_option
def rotate(home: Path | None, only: str | None, overlap: int, as_json: bool) -> None:
    """Give logs their next key: an entry in the log names it, both sign for some time, then the new one alone."""
    now_ms = system_clock()
    with opened_vault(settings_of(home)) as vault:
        signer = Signer.of(vault)
        with vault.data.read() as conn:
            logs = [log for log in open_logs(conn) if only in {None, origin_of(signer.ledger_host, log)}]
        if only is not None and not logs:
            raise Failure("no open log has this name", code="unknown_log", exit_code=Exit.USAGE)
        begun = [str(log_keys.rotate(vault.data, signer, log, now_ms, overlap * _DAY_MS)) for log in logs]
    emit(
        {"keys": begun},
        as_json=as_json,
        lines=[
            *begun,
            "hand out a new policy now, and again when the old keys have ended: perusal ledger policy",
        ],
    )
