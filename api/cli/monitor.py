"""`perusal monitor`: watch somebody's logs from outside, which needs no installation of this service.

Whoever runs one should have nothing to do with the log's operator, and should have got the policy from
somewhere else.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import click

from api.cli.failures import Exit, Failure
from api.cli.output import emit, json_option, moment, table_of
from api.clock import system_clock
from api.monitor.home import MonitorHome
from api.monitor.line import keeps_secrets, server_of
from api.monitor.run import Looked, Watch, round_over, watch
from api.sealing.secret_file import first_line
from consent.ledger.bundles.layout import folder_name
from consent.ledger.errors import LedgerError, Malformed
from consent.ledger.formats import policy as policies
from consent.ledger.formats.jws import unb64url
from consent.ledger.monitor.alerts import read
from consent.ledger.origin import parse_origin
from consent.signing.signed import public_key

dir_option = click.option(
    "--dir",
    "home",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The monitor's folder.",
)


@click.group("monitor")
def command() -> None:
    """A stand-alone monitor of transparency logs: reads all of it, believes nothing, and signs what it finds wrong."""


@command.command("init")
@dir_option
@click.option("--name", required=True, help="The monitor's name, such as monitor.consumers.example.")
@json_option
def init(home: Path, name: str, as_json: bool) -> None:
    """Make the folder, the key and an empty record."""
    made = MonitorHome(home).create(name)
    _tell_key(made.name, made.seed, as_json=as_json)


@command.command("key")
@dir_option
@json_option
def key(home: Path, as_json: bool) -> None:
    """Print the public key, by which others check the alerts."""
    found = MonitorHome(home).monitor()
    _tell_key(found.name, found.seed, as_json=as_json)


@command.command("run")
@dir_option
@click.option(
    "--policy",
    "policy_file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Your own copy of the operator's policy.txt, with your own witnesses.",
)
@click.option("--at", "address", help="Address of the service, for logs that have none in the policy.")
@click.option(
    "--auditor-key-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Holds the auditor's key that entries are read with, where all logs are one operator's.",
)
@click.option(
    "--auditor-key-of",
    "auditor_keys",
    type=(str, click.Path(path_type=Path, dir_okay=False, exists=True)),
    multiple=True,
    metavar="ADDRESS FILE",
    help="The same for the logs at one operator's address; once for each.",
)
@click.option(
    "--every", type=click.IntRange(1, 86_400), default=60, show_default=True, help="Seconds between rounds."
)
@click.option("--once", is_flag=True, help="One round; ends with 1 when something is wrong.")
@json_option
def run(
    home: Path,
    policy_file: Path,
    address: str | None,
    auditor_key_file: Path | None,
    auditor_keys: tuple[tuple[str, Path], ...],
    every: int,
    once: bool,
    as_json: bool,
) -> int:
    """Watch every log of the policy; alerts are written into the folder and to standard output, one JWS a line."""
    what = _watch(policy_file, address, auditor_key_file, auditor_keys)
    if once:
        told: list[str] = []
        found = list(round_over(MonitorHome(home), what, system_clock, told.append))
        return _tell_round(found, told, as_json=as_json)
    stop = threading.Event()
    _until_signal(stop)
    watch(MonitorHome(home), what, system_clock, click.echo, every, stop)
    return Exit.OK


@command.command("alerts")
@click.option(
    "--dir",
    "home",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of a monitor of yours.",
)
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Alerts that somebody else's monitor has signed, one a line.",
)
@click.option(
    "--key", "x", help="That monitor's public key: the last word that `perusal monitor key` prints."
)
@json_option
def alerts(home: Path | None, file: Path | None, x: str | None, as_json: bool) -> int:
    """Check the signatures of alerts and tell them; 1 when one of them does not hold."""
    if (home is None) == (file is None) or (file is None) != (x is None):
        raise click.UsageError("say --dir, or --file with --key")
    if home is not None:
        own = MonitorHome(home)
        lines, public = own.alerts(), public_key(own.monitor().seed).key
    else:
        assert file is not None
        lines, public = file.read_text(encoding="ascii", errors="replace").splitlines(), unb64url(x or "")
    found = [_checked(line, public) for line in lines]
    bad = sum(one is None for one in found)
    rows = [one for one in found if one is not None]
    emit(
        {"alerts": rows, "wrong": bad},
        as_json=as_json,
        lines=(
            [f"WRONG: {bad} of {len(found)} are not signed by this key"] if bad else [f"{len(rows)} alert(s)"]
        ),
        table=table_of(
            "alerts",
            ("at (UTC)", "log", "alarm", "says"),
            [(moment(1000 * one["iat"]), one["log"], one["alarm"], one["says"]) for one in rows],
        )
        if rows
        else None,
    )
    return Exit.WRONG if bad else Exit.OK


def _checked(line: str, public: bytes) -> dict[str, Any] | None:
    try:
        claims = read(line, public)
    except LedgerError:
        return None
    told = [claims.get(name) for name in ("log", "alarm", "says")]
    return claims if type(claims.get("iat")) is int and all(isinstance(one, str) for one in told) else None


def _watch(
    policy_file: Path,
    address: str | None,
    auditor_key_file: Path | None,
    auditor_keys: tuple[tuple[str, Path], ...],
) -> Watch:
    try:
        policy = policies.parse(policy_file.read_text(encoding="utf-8"))
        known = dict(policy.urls)
        logs = {log.name: known.get(log.name) or _below(address, log.name) for log in policy.logs}
    except (Malformed, UnicodeDecodeError) as error:
        raise Failure(f"{policy_file.name}: {error}", code="malformed", exit_code=Exit.USAGE) from None
    by_server = {server_of(at): first_line(file) for at, file in auditor_keys}
    if auditor_key_file is not None:
        by_server |= {_only_server(logs): first_line(auditor_key_file)}
    auditors = {origin: by_server[server_of(at)] for origin, at in logs.items() if server_of(at) in by_server}
    for origin in auditors:
        if not keeps_secrets(logs[origin]):
            raise Failure(
                f"{origin} has an address without https: the auditor's key is not sent there",
                code="insecure_address",
                exit_code=Exit.USAGE,
            )
    return Watch(logs=logs, policy=policy, auditors=auditors)


def _only_server(logs: Mapping[str, str]) -> str:
    """Whose key it is where nobody is named; a Failure where it would go to several."""
    servers = {server_of(at) for at in logs.values()}
    if len(servers) != 1:
        raise Failure(
            "the policy's logs are at several addresses: say whose key it is with --auditor-key-of",
            code="whose_key",
            exit_code=Exit.USAGE,
        )
    return servers.pop()


def _below(address: str | None, origin: str) -> str:
    if address is None:
        raise Failure(
            f"the policy has no address of {origin}: give --at", code="no_address", exit_code=Exit.USAGE
        )
    _, log = parse_origin(origin)
    return f"{address.rstrip('/')}/{folder_name(log)}"


def _until_signal(stop: threading.Event) -> None:
    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)


def _tell_round(found: list[Looked], told: list[str], *, as_json: bool) -> int:
    wrong = [alert for one in found for alert in one.alerts]
    emit(
        {
            "logs": [{"origin": one.origin, "size": one.size} for one in found],
            "alerts": [
                {"log": one.origin, "alarm": one.alarm.value, "at": one.at, "says": one.says} for one in wrong
            ],
            "signed": told,
        },
        as_json=as_json,
        lines=[
            *(f"{one.origin}: {'never seen' if one.size is None else one.size}" for one in found),
            *told,
            *(["nothing is wrong"] if not wrong else []),
        ],
        table=table_of(
            "alerts",
            ("log", "alarm", "at", "says"),
            [(one.origin, one.alarm.value, "" if one.at is None else one.at, one.says) for one in wrong],
        )
        if wrong
        else None,
    )
    return Exit.WRONG if wrong else Exit.OK


def _tell_key(name: str, seed: bytes, *, as_json: bool) -> None:
    public = public_key(seed)
    text = policies.jwk(public.key)
    emit({"name": name, "key": text}, as_json=as_json, lines=(f"{name}: {text['kid']} {text['x']}",))
