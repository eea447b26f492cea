"""`perusal keys rotate`: new keys of one layer while everything serves; the same command again goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from api.cli.failures import Exit
from api.cli.installation import dir_option, settings_of
from api.cli.keys_root import rotate_root
from api.cli.output import Tick, emit, json_option, progress
from api.clock import system_clock
from api.sealing.opening import opened_vault
from consent.signing import keys as signing_keys
from vault.opening import Vault
from vault.rotation import Job, Kind, destroy_retired, resume, run, running, start

_SAID: Final[Mapping[str, str]] = {
    "spread": "telling every process",
    "drain": "waiting for writers",
    "rewrap": "people's keys",
    "small": "other keys",
    "move": "people",
    "tell": "telling every process",
    "fill": "people's tags",
    "switch": "reading the new epoch",
    "leave": "leaving the old epoch",
    "settle": "waiting for writers",
    "drop": "deleting old tags",
    "destroy": "deleting the old root",
}

resume_option = click.option(
    "--resume", "only_resume", is_flag=True, help="Only finish one that was broken off; begin none."
)


@click.group("rotate")
def rotate() -> None:
    """Replace the keys of one layer; a rotation that was broken off is gone on with."""


rotate.add_command(rotate_root)


@rotate.command("tenant")
@dir_option
@resume_option
@json_option
def tenant(home: Path | None, only_resume: bool, as_json: bool) -> int:
    """Replace the tenant key: every key below it is wrapped again, no value is touched."""
    return _rotate(home, Kind.TENANT, only_resume=only_resume, as_json=as_json)


@rotate.command("people")
@dir_option
@resume_option
@json_option
def people(home: Path | None, only_resume: bool, as_json: bool) -> int:
    """Replace everybody's data key: their values are sealed again; 1 if somebody had to be left out."""
    return _rotate(home, Kind.PERSON, only_resume=only_resume, as_json=as_json)


@rotate.command("index")
@dir_option
@resume_option
@json_option
def index(home: Path | None, only_resume: bool, as_json: bool) -> int:
    """Begin a new index epoch: tags are made again under it, then the old ones and their root are gone."""
    return _rotate(home, Kind.INDEX, only_resume=only_resume, as_json=as_json)


@rotate.command("signing")
@dir_option
@json_option
def signing(home: Path | None, as_json: bool) -> None:
    """Sign with new keys from now on; what was signed before stays verifiable, and every process follows at once."""
    with opened_vault(settings_of(home)) as vault:
        begun = signing_keys.rotate(vault, system_clock())
        keys = {purpose.name.lower(): signing_keys.derived(vault, purpose, n) for purpose, n in begun.items()}
        generations = {purpose.name.lower(): n for purpose, n in begun.items()}
        trusted = len(signing_keys.receipt_keys(vault))
    emit(
        {name: {"generation": generations[name], "kid": key.kid} for name, key in keys.items()},
        as_json=as_json,
        lines=[
            *(f"{name}: generation {generations[name]}, {key.kid}" for name, key in keys.items()),
            f"hand out a new policy: perusal ledger policy; it names {trusted} receipt keys",
        ],
    )


def _rotate(home: Path | None, kind: Kind, *, only_resume: bool, as_json: bool) -> int:
    with opened_vault(settings_of(home)) as vault, progress(quiet=as_json) as tick:
        job = run(vault, _job(vault, kind, only_resume=only_resume), report=lambda at: _tell(tick, at))
        destroyed = destroy_retired(vault) if kind is Kind.TENANT else 0
    emit(
        {
            "kind": kind.value,
            "target": job.target,
            "done": job.done,
            "left_over": job.left_over,
            "destroyed": destroyed,
        },
        as_json=as_json,
        lines=_lines(job, destroyed),
    )
    return Exit.WRONG if job.left_over else Exit.OK


def _job(vault: Vault, kind: Kind, *, only_resume: bool) -> Job:
    if only_resume:
        return resume(vault, kind)
    under_way = running(vault.keyring.database, vault.keyring.tenant, kind)
    return under_way or start(vault, kind, system_clock())


def _tell(tick: Tick, job: Job) -> None:
    tick(_SAID.get(job.stage, job.stage), job.done, job.total)


def _lines(job: Job, destroyed: int) -> list[str]:
    lines = [f"{job.kind.value}: {job.done:,} of {job.total:,} done"]
    if job.left_over:
        lines.append(f"{job.left_over:,} people keep their old key, because a value of theirs does not open")
    lines.append("make a backup of the keys now: perusal keys backup; an older one opens nothing newer")
    if destroyed:
        lines.append(f"{destroyed} old tenant key(s) destroyed")
    return lines
