"""`perusal ledger export` and `perusal ledger fsck --tree`: the logs as files, and the check of such files by anybody."""

from __future__ import annotations

from pathlib import Path

import click

from api.cli.failures import Exit, Failure
from api.cli.installation import dir_option, settings_of
from api.cli.output import emit, json_option, progress, table_of
from api.cli.verify import load_policy
from api.clock import system_clock
from api.sealing.opening import opened_vault
from api.witnesses import load_witnesses
from consent.ledger.checking.fsck import Finding
from consent.ledger.errors import Malformed
from consent.ledger.exports.export import KEYS, RETIRED, Exported, export
from consent.ledger.exports.exported import check_tree
from consent.ledger.formats.note import VerifierKey
from consent.ledger.formats.policy import Policy
from consent.ledger.formats.retired import in_lines
from consent.ledger.publishing.signer import Signer


@click.command("export")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--entries", is_flag=True, help="With the entries themselves, for an escrow; never for a public server."
)
@dir_option
@json_option
def write(folder: Path, home: Path | None, entries: bool, as_json: bool) -> None:
    """Write every log into FOLDER as files, byte for byte what the server gives out.

    Any file server can serve them. Run it again to bring the folder up to date, also after it was stopped half way.
    """
    settings = settings_of(home)
    done: list[Exported] = []
    with opened_vault(settings) as vault, progress(quiet=as_json) as tick:
        witnesses, now_ms = load_witnesses(settings), system_clock()
        signer = Signer.of(vault)
        for step in export(vault.data, signer, folder, witnesses, now_ms, entries=entries):
            if isinstance(step, Exported):
                done.append(step)
            else:
                tick(step.origin, step.done, step.size)
    emit(
        {"folder": str(folder), "logs": [{"origin": one.origin, "size": one.size} for one in done]},
        as_json=as_json,
        lines=[f"{one.origin}: {one.size:,} entries in {folder}" for one in done] or ["no log is signed yet"],
    )


def check_files(folder: Path, policy_file: Path | None, *, as_json: bool) -> int:
    """Check an exported tree by one's own policy, or else only in itself, by the keys that lie in it."""
    policy = load_policy(policy_file) if policy_file else own_keys(folder)
    findings: list[Finding] = []
    sizes: dict[str, int] = {}
    with progress(quiet=as_json) as tick:
        for step in check_tree(folder, policy):
            if isinstance(step, Finding):
                findings.append(step)
            else:
                sizes[step.origin] = step.size
                tick(step.origin, step.done, step.size)
    word = f"{len(findings):,} finding(s)" if findings else "everything agrees"
    trust = "" if policy_file else ", by the keys that lie in the folder itself"
    emit(
        {
            "ok": not findings,
            "anchored": policy_file is not None,
            "logs": [{"origin": origin, "entries": size} for origin, size in sorted(sizes.items())],
            "findings": [{"origin": f.origin, "what": f.what, "at": f.at} for f in findings],
        },
        as_json=as_json,
        lines=(f"{sum(sizes.values()):,} entries in {len(sizes)} log(s): {word}{trust}",),
        table=table_of("findings", ("where", "what"), [(f.origin, f.what) for f in findings])
        if findings
        else None,
    )
    return Exit.WRONG if findings else Exit.OK


def own_keys(folder: Path) -> Policy:
    """The log keys that lie in an exported folder; a Failure when they do not."""
    try:
        lines = (folder / KEYS).read_text(encoding="ascii").splitlines()
        old = folder / RETIRED
        retired = in_lines(old.read_text(encoding="ascii")) if old.exists() else ()
        return Policy(tuple(map(VerifierKey.parse, lines)), (), retired=retired)
    except (OSError, UnicodeDecodeError, Malformed):
        raise Failure(
            f"{KEYS} or {RETIRED} is not in this folder, or not what it should be", code="no_keys"
        ) from None
