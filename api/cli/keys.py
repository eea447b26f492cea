"""`perusal keys`: what operators do with the keys of an installation.

Shares and passphrases come from files that only their owner can read, or from standard input. Nothing here ever
prints a key; what a share opens goes straight to the server that asked for it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import httpx

from api.cli.failures import Exit, Failure
from api.cli.installation import read_secret
from api.cli.keys_backup import backup, expire, restore
from api.cli.keys_root import reissue
from api.cli.keys_rotate import rotate
from api.cli.keys_status import status
from api.cli.output import emit, json_option
from api.cli.roots import make_root, passphrase_file_option, secret_path, split_of, split_options

_TIMEOUT_S = 30.0
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}

url_option = click.option(
    "--url",
    default="http://127.0.0.1:8000",
    show_default=True,
    help="The server, as it is reached from here.",
)


@click.group("keys")
def command() -> None:
    """Root key, tenant keys, people's keys, indexes: status, unsealing, rotation, shares, backups."""


for _one in (status, rotate, reissue, backup, restore, expire):
    command.add_command(_one)


@command.command("init")
@click.option("--root-file", required=True, type=click.Path(path_type=Path, dir_okay=False), help="New file.")
@passphrase_file_option
@split_options
@json_option
def init(
    root_file: Path,
    passphrase_file: Path | None,
    shares: int | None,
    of: int,
    shares_out: Path | None,
    as_json: bool,
) -> None:
    """Make a root key by itself, at a ceremony; `perusal init --root-file` uses it afterwards."""
    if (passphrase_file is None) == (shares is None):
        raise Failure("give --passphrase-file, or --shares", code="usage", exit_code=Exit.USAGE)
    secret = read_secret(passphrase_file) if passphrase_file else split_of(shares or 0, of, shares_out)
    root = make_root(root_file, secret).describe()["root"]
    said = f", and {of} shares, of which {shares} open it, in {shares_out}" if shares else ""
    emit(
        {"root_file": str(root_file), "root": root},
        as_json=as_json,
        lines=(f"root key {root} is in {root_file}{said}",),
    )


@command.command("unseal")
@url_option
@click.option("--share-file", type=secret_path, help='One share; "-" reads it from standard input.')
@click.option("--passphrase-file", type=secret_path, help='The passphrase; "-" reads it.')
@json_option
def unseal(url: str, share_file: Path | None, passphrase_file: Path | None, as_json: bool) -> int:
    """Bring a sealed server one share, or its passphrase; 1 while more shares are needed."""
    given = {"share": share_file, "passphrase": passphrase_file}
    named = {name: path for name, path in given.items() if path is not None}
    if len(named) != 1:
        raise Failure("give --share-file or --passphrase-file", code="usage", exit_code=Exit.USAGE)
    body = {name: read_secret(path) for name, path in named.items()}
    answer = _send(url, "/v1/unseal", json_body=body)
    if answer.status_code == httpx.codes.OK:
        emit({"status": "open"}, as_json=as_json, lines=("the server is open",))
        return Exit.OK
    if answer.status_code != httpx.codes.ACCEPTED:
        raise _refused(answer)
    now = answer.json()
    emit(now, as_json=as_json, lines=(f"{now['got']} of {now['needed']} shares are there",))
    return Exit.WRONG


@command.command("seal")
@url_option
@click.option("--staff-key-file", required=True, type=secret_path, help="The key of an operator.")
@json_option
def seal(url: str, staff_key_file: Path, as_json: bool) -> None:
    """Seal a running server: it answers nothing and forgets every key until it is unsealed."""
    answer = _send(url, "/v1/seal", bearer=read_secret(staff_key_file))
    if answer.status_code != httpx.codes.ACCEPTED:
        raise _refused(answer)
    emit({"status": "sealed"}, as_json=as_json, lines=("the server is sealed",))


def _send(url: str, path: str, *, json_body: Any = None, bearer: str | None = None) -> httpx.Response:
    """POST to the server; a secret leaves this machine only over TLS."""
    target = httpx.URL(url)
    if target.scheme != "https" and target.host not in _LOOPBACK:
        raise Failure(
            "a secret goes to another machine by https only", code="insecure_url", exit_code=Exit.USAGE
        )
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    try:
        with httpx.Client(trust_env=False, timeout=_TIMEOUT_S) as client:
            return client.post(target.join(path), json=json_body, headers=headers)
    except httpx.HTTPError:
        raise Failure("the server does not answer", code="no_server", exit_code=Exit.ENVIRONMENT) from None


def _refused(answer: httpx.Response) -> Failure:
    try:
        problem = answer.json()
        return Failure(str(problem["detail"]), code=str(problem["code"]))
    except (json.JSONDecodeError, KeyError, TypeError):
        return Failure(f"the server answered {answer.status_code}", code="unexpected_answer")
