"""`perusal ledger stamp`: have exported checkpoints stamped by an authority (RFC 3161), and check such stamps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import httpx

from api.cli.export import own_keys
from api.cli.failures import Exit, Failure
from api.cli.output import emit, json_option, moment
from api.cli.verify import load_policy
from consent.ledger.checking.fsck import Finding
from consent.ledger.exports.stamps import Stamped, check_stamps, logs_in, stamp
from consent.ledger.formats.policy import Policy
from vault.signing.timestamps import ANSWER_TYPE, LONGEST_ANSWER, QUESTION_TYPE

TIMEOUT_S = 20


@click.command("stamp")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option(
    "--authorities",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="PEM file with the roots of the authorities you trust, and what lies between them and the signer.",
)
@click.option(
    "--tsa", help="Address of the authority to ask; without it the stamps that are there are checked."
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="To check by: your own copy of the operator's policy.txt; keys.json is read from beside it.",
)
@json_option
def command(folder: Path, authorities: Path, tsa: str | None, policy_file: Path | None, as_json: bool) -> int:
    """Have the checkpoints in an exported FOLDER stamped, or check what is stamped there; needs no installation.

    A log whose checkpoint has a stamp already is left alone. Check the folder itself with fsck --tree.
    """
    trusted = authorities.read_bytes()
    if tsa is not None:
        found: list[Stamped | Finding] = list(_stamped(folder, tsa, trusted))
    else:
        policy = load_policy(policy_file) if policy_file else own_keys(folder)
        found = list(_checked(folder, policy, trusted))
    stamps = [one for one in found if isinstance(one, Stamped)]
    wrong = [one for one in found if isinstance(one, Finding)]
    emit(
        {
            "ok": not wrong,
            "stamps": [{"origin": one.origin, "size": one.size, "at": moment(one.at_ms)} for one in stamps],
            "findings": [{"origin": one.origin, "what": one.what} for one in wrong],
        },
        as_json=as_json,
        lines=[
            *(f"{one.origin}: {one.size:,} entries by {moment(one.at_ms)}" for one in stamps),
            *(f"WRONG {one.origin}: {one.what}" for one in wrong),
        ]
        or ["no new stamp" if tsa else "no stamp"],
    )
    return Exit.WRONG if wrong else Exit.OK


def _stamped(folder: Path, tsa: str, trusted: bytes) -> Iterator[Stamped]:
    with httpx.Client(
        timeout=TIMEOUT_S, headers={"Content-Type": QUESTION_TYPE, "Accept": ANSWER_TYPE}
    ) as http:
        for place in logs_in(folder):
            fresh = stamp(place, lambda question: _ask(http, tsa, question), trusted)
            if fresh is not None:
                yield fresh


def _checked(folder: Path, policy: Policy, trusted: bytes) -> Iterator[Stamped | Finding]:
    for place in logs_in(folder):
        yield from check_stamps(place, policy, trusted)


def _ask(http: httpx.Client, tsa: str, question: bytes) -> bytes:
    try:
        with http.stream("POST", tsa, content=question) as answer:
            answer.raise_for_status()
            data = b""
            for piece in answer.iter_bytes():
                data += piece
                if len(data) > LONGEST_ANSWER:
                    break
    except (httpx.HTTPError, httpx.InvalidURL):
        raise Failure("the authority does not answer", code="no_answer", exit_code=Exit.ENVIRONMENT) from None
    return data
