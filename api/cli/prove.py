"""`perusal ledger prove`: the proof of one entry for outsiders' tools, or everything that is proven of a person."""

from __future__ import annotations

import re
from pathlib import Path

import click

from api.cli.entry_proofs import ENTRY_ENDING
from api.cli.failures import Exit, Failure
from api.cli.installation import dir_option, settings_of
from api.cli.output import emit, json_option
from api.cli.subjects import PERSON
from api.sealing.opening import opened_vault
from api.witnesses import load_witnesses
from consent.export.all_accesses import whole_bundle
from consent.ids import parse_disclosure
from consent.ledger.bundles.entry_proof import prove_entry
from consent.ledger.bundles.verify import verify_bundle
from consent.ledger.entries.entry import Kind
from consent.ledger.formats.policy import Policy
from consent.ledger.origin import NUMBER_TEXT, LogId, parse_number
from consent.permits.committed import committed_uses
from vault.ids import SubjectId, bucket_for, bucket_of
from vault.opening import Vault
from vault.storage.durable import write_new

_PLACE = re.compile(rf"({NUMBER_TEXT})/(0|[1-9]\d{{0,3}})/(0|[1-9]\d{{0,17}})", re.ASCII)


@click.command("prove")
@click.argument("entry", required=False)
@click.option("--disclosure", help="The entry of this disclosure (ds_...).")
@click.option("--subject", type=PERSON, help="Everything about this person, with the proof that it is all.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="A new file (0600)."
)
@dir_option
@json_option
def prove(
    home: Path | None,
    entry: str | None,
    disclosure: str | None,
    subject: SubjectId | None,
    out: Path,
    as_json: bool,
) -> None:
    """Write the proof of one ENTRY (YEAR/BUCKET/INDEX), as a C2SP tlog-proof.

    The entry's exact bytes go into a file beside it, which ends in .entry; `perusal verify` checks the two, and so do
    other people's tools. With --subject the file is a bundle instead, the one that the person can download.
    """
    if sum(given is not None for given in (entry, disclosure, subject)) != 1:
        raise click.UsageError("say one of ENTRY, --disclosure and --subject")
    settings = settings_of(home)
    with opened_vault(settings) as vault:
        witnesses = load_witnesses(settings)
        if subject is not None:
            _prove_person(vault, subject, witnesses, out, as_json=as_json)
        else:
            log, idx = place_of_use(vault, disclosure) if disclosure else _place(entry or "")
            _prove_entry(vault, log, idx, witnesses, out, as_json=as_json)


def _prove_entry(vault: Vault, log: LogId, idx: int, witnesses: Policy, out: Path, *, as_json: bool) -> None:
    with vault.data.read() as conn:
        found = prove_entry(conn, log, idx, witnesses)
    beside = out.with_suffix(ENTRY_ENDING)
    if beside == out:
        raise Failure(
            "the entry itself goes into a file of this ending", code="bad_name", exit_code=Exit.USAGE
        )
    write_new(out, bytes(found.proof))
    write_new(beside, found.body)
    emit(
        {
            "proof": str(out),
            "entry": str(beside),
            "origin": found.head.origin,
            "index": idx,
            "size": found.head.size,
        },
        as_json=as_json,
        lines=(f"{out} and {beside}: entry {idx} of {found.head.origin}, of {found.head.size:,} entries",),
    )


def _prove_person(vault: Vault, subject: SubjectId, witnesses: Policy, out: Path, *, as_json: bool) -> None:
    bucket = bucket_for(subject, vault.installation.buckets)
    data = whole_bundle(vault, subject, bucket, witnesses)
    if data is None:
        raise Failure("no such person, or one who was erased", code="no_such_person")
    write_new(out, data)
    verdict = verify_bundle(data)
    counts = [{"origin": one.origin, "count": one.count, "upto": one.upto} for one in verdict.complete]
    uses = sum(one.entry.kind is Kind.ACCESS for one in verdict.entries)
    emit(
        {"bundle": str(out), "uses": uses, "complete": counts},
        as_json=as_json,
        lines=(
            f"{out}: {uses:,} uses proven",
            *(f"{one.origin}: these are all {one.count:,} entries of the person" for one in verdict.complete),
        ),
    )


def _place(text: str) -> tuple[LogId, int]:
    match = _PLACE.fullmatch(text)
    if match is None:
        raise click.UsageError("ENTRY is YEAR/BUCKET/INDEX, 2026/0/17 say, or 2026.2/0/17")
    return LogId(bucket=int(match[2]), year=parse_number(match[1])), int(match[3])


def place_of_use(vault: Vault, name: str) -> tuple[LogId, int]:
    """Where the entry of a disclosure stands; raises Failure for one that nobody made."""
    disclosure = parse_disclosure(name)
    with vault.data.read() as conn:
        (use,) = committed_uses(conn, [(bucket_of(disclosure), disclosure)])
    if use is None:
        raise Failure("no such disclosure", code="no_such_disclosure")
    return use.log, use.idx
