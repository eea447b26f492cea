"""`perusal staff add`: a key for somebody inside. Every key names one actor and one role; it is written once, to a file."""

from __future__ import annotations

from pathlib import Path

import click

from api.access import STAFF, Access
from api.cli.failures import Exit, Failure
from api.cli.installation import databases, dir_option, settings_of, write_private
from api.cli.output import emit, json_option
from api.clock import system_clock
from api.staff import ActorRefused, issue_staff_key

_REFUSED = {
    "actor_empty": "a holder's name has letters or digits",
    "actor_mixes_alphabets": "a holder's name is written in one alphabet: Latin, Greek or Cyrillic",
    "actor_near_another": "somebody holds a key under nearly this name: for the same person spell it the same way, "
    "for another one add what tells them apart",
}


@click.group("staff")
def command() -> None:
    """Keys for the people who run, investigate or audit."""


@command.command("add")
@dir_option
@click.option("--actor", required=True, help="Who holds the key, as the chain of custody will name them.")
@click.option("--role", required=True, type=click.Choice(sorted(role.value for role in STAFF)))
@click.option(
    "--key-out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="New file (0600)."
)
@json_option
def add(home: Path | None, actor: str, role: str, key_out: Path, as_json: bool) -> None:
    """Issue a key and write it to a new file that only you can read."""
    settings = settings_of(home)
    if key_out.exists():
        raise Failure(f"{key_out.name} is already there", code="already_there", exit_code=Exit.USAGE)
    with databases(settings) as (data, _keys), data.write() as conn:
        try:
            key = issue_staff_key(conn, actor=actor, role=Access(role), now_ms=system_clock())
        except ActorRefused as refused:
            raise Failure(_REFUSED[refused.code], code=refused.code, exit_code=Exit.USAGE) from None
        write_private(key_out, key + "\n")
    emit(
        {"actor": actor, "role": role, "key_file": key_out.name},
        as_json=as_json,
        lines=(f"{actor} may now act as {role}; the key is in {key_out}",),
    )
