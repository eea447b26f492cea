"""`perusal grant revoke|invalidate`: ending a consent that neither its person nor its recipient ends, for good."""

from __future__ import annotations

from pathlib import Path

import click

from api.cli.failures import Exit, Failure
from api.cli.installation import dir_option, settings_of
from api.cli.output import emit, json_option, moment
from api.clock import system_clock
from api.sealing.opening import opened_vault
from consent.grants.annulling import Ruling, annul
from consent.ids import GrantId, grant_text, parse_grant
from vault.errors import MalformedId

_REASON = "Why, in one line; the person reads it and the recipient is sent it."


@click.group("grant")
def command() -> None:
    """Consents that end without their person."""


@command.command("revoke")
@dir_option
@click.argument("name")
@click.option("--reason", required=True, help=_REASON)
@json_option
def revoke(home: Path | None, name: str, reason: str, as_json: bool) -> None:
    """End the consent NAME (gr_…) as the operator, with everything passed on under it; its data is to be erased."""
    _end(home, name, Ruling(reason=reason), as_json=as_json)


@command.command("invalidate")
@dir_option
@click.argument("name")
@click.option("--authority", required=True, help="Who declared it void: an authority or court by its name.")
@click.option("--reason", required=True, help=_REASON)
@json_option
def invalidate(home: Path | None, name: str, authority: str, reason: str, as_json: bool) -> None:
    """End the consent NAME (gr_…) because an authority declared it void, with everything passed on under it."""
    _end(home, name, Ruling(reason=reason, authority=authority), as_json=as_json)


def _end(home: Path | None, name: str, ruling: Ruling, *, as_json: bool) -> None:
    grant_id = _parse(name)
    with opened_vault(settings_of(home)) as vault:
        done = annul(vault, grant_id, ruling, system_clock())
    if done is None:
        raise Failure("no such consent stands, or it has ended already", code="not_standing")
    ended = [grant_text(one) for one in done.grants]
    emit(
        {"state": ruling.kind.value, "at": moment(done.at), "grants": ended},
        as_json=as_json,
        lines=[f"{one} is {ruling.kind}" for one in ended],
    )


def _parse(name: str) -> GrantId:
    try:
        return parse_grant(name)
    except MalformedId:
        message = "this is not the name of a consent (gr_…)"
        raise Failure(message, code="malformed_id", exit_code=Exit.USAGE) from None
