"""`perusal witness`: a witness for other people's logs, which needs no installation of this service.

It cosigns a checkpoint only if it continues the one it cosigned before (C2SP tlog-witness). Whoever runs one should
have nothing to do with the log's operator: another organisation, another machine, another key.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from api.cli.failures import Exit, Failure
from api.cli.output import emit, json_option, moment, table_of
from api.witness.home import WitnessHome
from api.witness.logs import add_logs, read_logs
from consent.ledger.errors import LedgerAlarm, Malformed
from consent.ledger.formats.note import VerifierKey


def _homes(_ctx: click.Context, _option: click.Parameter, path: Path) -> WitnessHome:
    return WitnessHome(path)


dir_option = click.option(
    "--dir",
    "home",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    callback=_homes,
    help="The witness's folder.",
)
heads_option = click.option(
    "--heads",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the second copy of what was cosigned lies (default: heads, in the folder).",
)


@click.group("witness")
def command() -> None:
    """A stand-alone witness of transparency logs: cosigns what only grows."""


@command.command("init")
@dir_option
@click.option("--name", required=True, help="The witness's name, such as witness.regulator.example/w1.")
@click.option("--ml-dsa", is_flag=True, help="Make an ML-DSA-44 key too, for a second line.")
@json_option
def init(home: WitnessHome, name: str, ml_dsa: bool, as_json: bool) -> None:
    """Make the folder, the keys and an empty record."""
    try:
        made = home.create(name, ml_dsa=ml_dsa)
    except Malformed as error:
        raise click.BadParameter(str(error), param_hint="--name") from None
    _tell_keys([one.key for one in made], as_json=as_json)


@command.command("key")
@dir_option
@json_option
def key(home: WitnessHome, as_json: bool) -> None:
    """Print the public keys, for the policies of those who rely on this witness."""
    _tell_keys([one.key for one in home.cosigners()], as_json=as_json)


@command.command("logs")
@dir_option
@click.option(
    "--add",
    "policy",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Add the log lines of this policy file; a running witness takes them up by itself.",
)
@json_option
def logs(home: WitnessHome, policy: Path | None, as_json: bool) -> int:
    """Which logs are witnessed, up to which size, and which of them contradicted themselves.

    Ends with 1 when one of them has signed two heads of one size.
    """
    added = add_logs(home.logs_file, policy) if policy else ()
    known = read_logs(home.logs_file)
    with home.opened() as store:
        held = {one.head.origin: one for one in store.records()}
        broken = store.contradictions()
    rows = []
    for origin in sorted({*known, *held}):
        found = held.get(origin)
        rows.append(
            {
                "origin": origin,
                "keys": [str(one) for one in known.get(origin, ())],
                "size": found.head.size if found else None,
                "at": moment(found.at_s * 1000) if found else None,
            }
        )
    emit(
        {
            "logs": rows,
            "added": [str(one) for one in added],
            "contradictions": [
                {
                    "origin": one.origin,
                    "size": one.size,
                    "at": moment(one.at_s * 1000),
                    "notes": [one.held.decode(), one.note.decode()],
                }
                for one in broken
            ],
        },
        as_json=as_json,
        lines=(
            *(f"added {one.name}" for one in added),
            *(
                line
                for one in broken
                for line in (
                    f"WRONG: {one.origin} signed two heads of size {one.size}, which are:",
                    *one.held.decode().splitlines(),
                    *one.note.decode().splitlines(),
                )
            ),
        ),
        table=table_of("logs", ("log", "keys", "size", "at (UTC)"), map(_cells, rows)),
    )
    return Exit.WRONG if broken else Exit.OK


@command.command("serve")
@dir_option
@heads_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8070, show_default=True, help="0 takes a free one."
)
@click.option("--prefix", default="", help="What stands before every path, such as /w1.")
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Written once requests are answered.",
)
@json_option
def serve(
    home: WitnessHome,
    heads: Path | None,
    host: str,
    port: int,
    prefix: str,
    ready_file: Path | None,
    as_json: bool,
) -> None:
    """Answer logs until stopped; refuses to begin when the record is older than what was cosigned."""
    if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
        raise click.BadParameter("begins with a slash and does not end with one", param_hint="--prefix")
    from api.witness.serve import Listening, run  # noqa: PLC0415 - the other commands need no server

    emit(
        {"host": host, "port": port, "prefix": prefix},
        as_json=as_json,
        lines=(f"witnessing on {host}, port {port or 'chosen by the system'}",),
    )
    try:
        run(
            WitnessHome(home.path, heads),
            Listening(host=host, port=port, prefix=prefix, ready_file=ready_file),
        )
    except LedgerAlarm as alarm:
        raise Failure(str(alarm), code=alarm.code, exit_code=Exit.ENVIRONMENT) from None


def _tell_keys(keys: list[VerifierKey], *, as_json: bool) -> None:
    emit({"keys": [str(one) for one in keys]}, as_json=as_json, lines=map(str, keys))


def _cells(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["origin"], len(row["keys"]), "" if row["size"] is None else row["size"], row["at"] or "never")
