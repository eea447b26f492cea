"""`perusal erase`: destroy people's data for good, and hand out the certificates that prove it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from api.cli.failures import Exit, Failure, told
from api.cli.installation import dir_option, settings_of
from api.cli.output import Tick, emit, json_option, progress
from api.clock import system_clock
from api.jobs.guarded import guarded_signing
from api.sealing.opening import opened_vault
from api.settings import Settings
from api.staff.erasing import finish_erasures, order_again, order_erasure
from api.witnesses import load_witnesses
from consent.erasure.certificates import Certificate, certificate
from consent.erasure.orders import By, Ordered, Reason
from consent.ledger.bundles import bundle
from consent.ledger.publishing.signer import Signer
from consent.signing.keys import receipt_keys
from vault.errors import MalformedId
from vault.ids import SubjectId, decode_subject, encode_id
from vault.opening import Vault
from vault.people.drafts import Refused

type Person = tuple[SubjectId, tuple[Ordered, ...] | Refused]


@click.command("erase")
@dir_option
@click.option("--subject", "named", multiple=True, help="A person, sub_...; may be repeated.")
@click.option(
    "--file", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="One person a line, sub_..."
)
@click.option(
    "--reason",
    type=click.Choice([reason.value for reason in Reason]),
    default=Reason.REQUESTED.value,
    show_default=True,
)
@click.option("--actor", default="operator", show_default=True, help="Role or key id for the certificate.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for certificates with their proofs.",
)
@click.option("--yes", is_flag=True, help="Do not ask; there is no way back.")
@json_option
def command(
    home: Path | None,
    named: tuple[str, ...],
    file: Path | None,
    reason: str,
    actor: str,
    out: Path | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Erase people, and finish what was broken off; without anybody named, only the latter. 1 if one was refused.

    Whoever was erased before and came back with an older data base is erased again.
    """
    settings = settings_of(home)
    subjects = list(dict.fromkeys([*_parse(named), *_parse(_lines(file))]))
    if subjects and not yes:
        _ask(len(subjects), as_json=as_json)
    by = By(actor=actor, reason=Reason(reason))
    with opened_vault(settings) as vault, progress(quiet=as_json) as tick:
        answers = order_erasure(vault, subjects, by, system_clock()) if subjects else []
        people = list(zip(subjects, answers, strict=True))
        again = order_again(settings, vault, system_clock())
        finished = finish_erasures(settings, vault, system_clock, _telling(tick))
        certificates = _certificates(vault, people)
        files = _write(settings, vault, certificates, out) if out else []
    refused = [(subject, answer) for subject, answer in people if isinstance(answer, Refused)]
    emit(
        {
            "erased": [found.document() for found in certificates],
            "finished": finished,
            "again": again,
            "refused": [{"subject": encode_id("sub", who), "code": why.code} for who, why in refused],
            "files": [str(path) for path in files],
        },
        as_json=as_json,
        lines=_said(certificates, (finished, again), refused, files),
    )
    return Exit.WRONG if refused else Exit.OK


def _lines(file: Path | None) -> Iterator[str]:
    if file is not None:
        yield from filter(None, map(str.strip, file.read_text(encoding="utf-8").splitlines()))


def _parse(named: Sequence[str] | Iterator[str]) -> Iterator[SubjectId]:
    for number, text in enumerate(named, 1):
        try:
            yield decode_subject(text)
        except MalformedId:
            message = f"number {number} is not the name of a person (sub_...)"
            raise Failure(message, code="malformed_id", exit_code=Exit.USAGE) from None


def _ask(count: int, *, as_json: bool) -> None:
    if as_json or not sys.stdin.isatty():
        raise Failure(
            f"this erases {count} people for good; say --yes if that is meant",
            code="not_confirmed",
            exit_code=Exit.USAGE,
        )
    click.confirm(f"Erase {count} people for good?", abort=True, err=True)


def _telling(tick: Tick) -> Any:
    def told(_stage: str, done: int, total: int) -> None:
        tick("people erased", done, total)

    return told


def _certificates(vault: Vault, people: Sequence[Person]) -> list[Certificate]:
    ordered = [one for _, answer in people if not isinstance(answer, Refused) for one in answer]
    with vault.data.read() as conn:
        found = [certificate(conn, vault, one.bucket, one.subject) for one in ordered]
    return [one for one in found if one is not None]


def _write(settings: Settings, vault: Vault, certificates: Sequence[Certificate], out: Path) -> list[Path]:
    """Each certificate as a bundle that `perusal verify` checks, and as JSON for reading."""
    signer = Signer.of(vault)
    guarded_signing(settings, vault, system_clock).publish()
    keys, witnesses = receipt_keys(vault), load_witnesses(settings)
    out.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    for found in certificates:
        stem = out / f"erasure-{encode_id('sub', found.subject)}"
        proof, text = stem.with_suffix(".zip"), stem.with_suffix(".json")
        made = bundle.build(vault.data, signer, [found.evidence()], receipt_keys=keys, witnesses=witnesses)
        proof.write_bytes(made)
        text.write_text(json.dumps(found.document(), indent=1) + "\n", encoding="ascii")
        files += [proof, text]
    return files


def _said(
    certificates: Sequence[Certificate],
    done: tuple[int, int],
    refused: Sequence[tuple[SubjectId, Refused]],
    files: Sequence[Path],
) -> Iterator[str]:
    finished, again = done
    yield f"{finished:,} erasures finished"
    if again:
        yield f"{again:,} people had come back with an older data base and were erased again"
    for found in certificates:
        said = dict(found.fields)
        yield (
            f"{said['subject']}: {said['keys']} keys, {said['values']} values and {said['tags']} tags destroyed, "
            f"{said['withdrawn']} consents ended; entry {found.idx} of {found.origin}"
        )
    for who, why in refused:
        yield f"{encode_id('sub', who)}: {told(why.code)} [{why.code}]"
    yield from (f"wrote {path}" for path in files)
