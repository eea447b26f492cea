"""`perusal staff add|list|end`: keys for people inside. Each names one actor and one role; it is written once,
to a file.
"""

from __future__ import annotations

from pathlib import Path

import click

from api.cli.failures import Exit, Failure
from api.cli.installation import databases, dir_option, settings_of, write_private
from api.cli.output import emit, json_option, moment, table_of
from api.clock import system_clock
from api.edge.access import STAFF, Access
from api.staff.keys import ActorRefused, StaffKey, end_staff_keys, issue_staff_key, staff_keys

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


@command.command("list")
@dir_option
@json_option
def list_keys(home: Path | None, as_json: bool) -> None:
    """Every key that was handed out, and when it ended. The keys themselves are nowhere."""
    with databases(settings_of(home)) as (data, _keys), data.read() as conn:
        rows = [_row(one) for one in staff_keys(conn)]
    emit(
        {"keys": rows},
        as_json=as_json,
        table=table_of(
            "staff keys",
            ("holder", "role", "key", "since", "ended"),
            [
                (row["actor"], row["role"], row["key_id"], row["created_at"], row["ended_at"] or "-")
                for row in rows
            ],
        ),
    )


@command.command("end")
@dir_option
@click.option("--actor", required=True, help="Who holds the key.")
@click.option(
    "--key", "key_id", help="Only this key, by its id in `staff list`; otherwise all that the holder has."
)
@json_option
def end(home: Path | None, actor: str, key_id: str | None, as_json: bool) -> None:
    """End a holder's keys, at once: no server takes them any more."""
    with databases(settings_of(home)) as (data, _keys), data.write() as conn:
        ended = end_staff_keys(conn, actor=actor, key_id=key_id, now_ms=system_clock())
    if not ended:
        raise Failure("no such key is in use", code="no_such_key", exit_code=Exit.WRONG)
    emit(
        {"actor": actor, "ended": ended},
        as_json=as_json,
        lines=(f"{len(ended)} keys of {actor} have ended",),
    )


def _row(key: StaffKey) -> dict[str, str | None]:
    return {
        "actor": key.actor,
        "role": key.role.value,
        "key_id": key.key_id,
        "created_at": moment(key.created_at),
        "ended_at": None if key.ended_at is None else moment(key.ended_at),
    }
