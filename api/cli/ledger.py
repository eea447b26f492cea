"""`perusal ledger`: check the whole ledger, sign what has grown, hand outsiders the keys to check us with, or all of it."""

from __future__ import annotations

from pathlib import Path

import click

from api.cli.export import check_files, write
from api.cli.failures import Exit, Failure
from api.cli.installation import dir_option, settings_of
from api.cli.ledger_ended import give_up_log, relog_log
from api.cli.ledger_keys import command as key_command
from api.cli.monitor import command as monitor
from api.cli.output import emit, json_option, progress, table_of
from api.cli.prove import prove
from api.cli.stamp import command as stamp
from api.cli.verify import KEYS_FILE
from api.clock import system_clock
from api.jobs.guarded import guarded_signing
from api.sealing.opening import opened_vault
from api.witnesses import load_witnesses
from consent import rebuild
from consent.ids import grant_text
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.formats.policy import NO_WITNESSES, Policy
from consent.ledger.origin import origin_of
from consent.ledger.publishing import given_up, log_keys
from consent.ledger.publishing.signer import Signer
from consent.people import anchors
from consent.people.anchors import Mismatch
from consent.rebuild import Divergence
from consent.signing.keys import receipt_keys
from vault.ids import encode_id
from vault.opening import Vault

POLICY_FILE = "policy.txt"
SHOWN_FINDINGS = 20


@click.group("ledger")
def command() -> None:
    """The log of every use: check it, sign it, publish its keys."""


command.add_command(write)
command.add_command(stamp)
command.add_command(prove)
command.add_command(key_command)
command.add_command(give_up_log)
command.add_command(relog_log)
command.add_command(monitor)


@command.command("fsck")
@dir_option
@click.option(
    "--tree",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Check an exported folder instead; no installation is needed.",
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="With --tree: your own copy of the operator's policy.txt; keys.json is read from beside it.",
)
@json_option
def check(home: Path | None, tree: Path | None, policy_file: Path | None, as_json: bool) -> int:
    """Rebuild every log from its entries, and from them every consent and use; hold what is stored against it.

    Everybody's stored versions are compared too. Ends with 1 on disagreement.
    """
    if tree is not None:
        return check_files(tree, policy_file, as_json=as_json)
    if policy_file is not None:
        raise Failure("--policy goes with --tree", code="usage", exit_code=Exit.USAGE)
    settings = settings_of(home)
    findings: list[Finding] = []
    sizes: dict[str, int] = {}
    with opened_vault(settings) as vault, progress(quiet=as_json) as tick:
        for step in fsck(vault.data, Signer.of(vault), load_witnesses(settings)):
            if isinstance(step, Finding):
                findings.append(step)
            else:
                sizes[step.origin] = step.size
                tick(step.origin, step.done, step.size)
        for held in anchors.check(vault):
            if isinstance(held, Mismatch):
                findings.append(_as_finding(held))
            else:
                tick(held.origin, held.done, held.size)
        for told in rebuild.check(vault):
            if isinstance(told, Divergence):
                findings.append(_as_told(told))
            else:
                tick(told.origin, told.done, told.size)
    emit(
        {
            "ok": not findings,
            "logs": [{"origin": origin, "entries": size} for origin, size in sorted(sizes.items())],
            "findings": [{"origin": f.origin, "what": f.what, "at": f.at} for f in findings],
        },
        as_json=as_json,
        lines=(f"{sum(sizes.values()):,} entries in {len(sizes)} log(s): {_word(findings)}",),
        table=table_of(
            "findings",
            ("where", "at", "what"),
            [(f.origin, f.at or 0, f.what) for f in findings[:SHOWN_FINDINGS]],
        )
        if findings
        else None,
    )
    return Exit.WRONG if findings else Exit.OK


@command.command("publish")
@dir_option
@json_option
def sign(home: Path | None, as_json: bool) -> None:
    """Sign a checkpoint of every log that has grown, and close those of past years; a running server does it by itself.

    The witnesses are asked first: what they have seen more of than is stored here is not signed, and the end is 1.
    """
    settings = settings_of(home)
    with opened_vault(settings) as vault:
        signing = guarded_signing(settings, vault, system_clock)
        signed = signing.publish() + signing.turn_years()
        host = vault.installation.ledger_host
    rows = [(origin_of(host, one.log), one.size) for one in signed]
    emit(
        {"checkpoints": [{"origin": origin, "size": size} for origin, size in rows]},
        as_json=as_json,
        lines=[f"{origin}: {size:,} entries signed" for origin, size in rows]
        or ["nothing to sign: no log has grown"],
    )


@command.command("policy")
@dir_option
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to write into."
)
@json_option
def keys(home: Path | None, out: Path, as_json: bool) -> None:
    """Write policy.txt and keys.json, by which anybody can check bundles of this installation.

    The policy names the witnesses of the settings and the quorum of them.
    """
    settings = settings_of(home)
    with opened_vault(settings) as vault:
        policy = policy_of(vault, load_witnesses(settings))
    out.mkdir(parents=True, exist_ok=True)
    (out / POLICY_FILE).write_text(policy.text, encoding="utf-8")
    (out / KEYS_FILE).write_text(policy.keys_json, encoding="ascii")
    emit(
        {"policy": str(out / POLICY_FILE), "keys": str(out / KEYS_FILE), "logs": len(policy.logs)},
        as_json=as_json,
        lines=(f"{out / POLICY_FILE} and {out / KEYS_FILE}: {len(policy.logs)} log(s)",),
    )


def policy_of(vault: Vault, witnesses: Policy = NO_WITNESSES) -> Policy:
    """What an outsider needs in order to believe this installation and nobody else."""
    signer = Signer.of(vault)
    now_ms = system_clock()
    with vault.data.read() as conn:
        keys = log_keys.told(conn, signer, now_ms)
        retired = log_keys.told_retired(conn, signer, now_ms)
        ended = [one.end(signer.ledger_host) for one in given_up.every(conn).values()]
    return Policy(
        tuple(keys),
        receipt_keys(vault),
        witnesses.witnesses,
        witnesses.groups,
        witnesses.quorum,
        retired=tuple(retired),
        ended=tuple(ended),
    )


def _as_finding(found: Mismatch) -> Finding:
    """Where a stored version and the ledger disagree; a person is named by id only."""
    who = encode_id("sub", found.subject)
    if found.idx is not None:
        return Finding(found.origin, f"{who}: {found.flaw}", found.idx)
    return Finding(f"{who} {found.field}".strip(), found.flaw, found.version)


def _as_told(found: Divergence) -> Finding:
    """Where a stored consent and the ledger disagree."""
    return Finding(
        found.origin if found.grant_id is None else grant_text(found.grant_id), found.flaw, found.idx
    )


def _word(findings: list[Finding]) -> str:
    return f"{len(findings):,} finding(s)" if findings else "everything agrees"
