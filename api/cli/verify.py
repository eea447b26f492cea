"""`perusal verify BUNDLE`: an outsider's check of a proof bundle or a claim pack, without server, network or data base.

With --policy the log must be one the verifier already knows: take the operator's policy.txt and keys.json from
somewhere else than the bundle. Without it the bundle is only checked in itself, and the answer says so. One
changed byte anywhere ends with 1 and the place where it was noticed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from msgspec import to_builtins

from api.cli.entry_proofs import is_entry_proof, tell_entry_proof
from api.cli.failures import Exit, Failure
from api.cli.lies import is_lie, tell_lie
from api.cli.output import emit, json_option, moment, table_of
from api.cli.packs import PackVerdict, members_of, verify_pack
from api.cli.person_key import load_person_key
from api.clock import system_clock
from consent.ledger.bundles import coverage
from consent.ledger.bundles.person_key import only_about
from consent.ledger.bundles.verify import Check, ProvenEntry, Verdict, verify_bundle
from consent.ledger.formats import policy

KEYS_FILE = "keys.json"
MAX_BYTES = 64 << 20
_LAST_DAY = 253_402_300_799_999
"""The end of the year 9999; whoever signs a later time is told in its own words."""


@click.command("verify")
@click.argument("bundle", type=click.Path(path_type=Path, allow_dash=True, dir_okay=False, exists=True))
@click.option(
    "--policy",
    "--trust",
    "policy_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Your own copy of the operator's policy.txt; keys.json is read from beside it.",
)
@click.option(
    "--person-key",
    "key_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Your ledger key, or your copy.json: whatever is about another tag than yours is refused.",
)
@click.option(
    "--against",
    "old_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="An older proof file of the same person: whatever it proves must still be counted.",
)
@json_option
def command(
    bundle: Path, policy_file: Path | None, key_file: Path | None, old_file: Path | None, as_json: bool
) -> int:
    """Check BUNDLE ("-" reads standard input); 0 when every check holds, 1 when one does not.

    A proof that a log lied is checked too, and needs --policy: 0 when the lie is proven. So does the proof of
    one entry (tlog-proof), whose bytes lie beside it in a file that ends in .entry.
    """
    trusted = load_policy(policy_file) if policy_file else None
    with click.open_file(str(bundle), "rb") as file:
        data = file.read(MAX_BYTES + 1)
    if key_file is not None or old_file is not None:
        verdict = verify_bundle(data, trusted)
        if old_file is not None:
            verdict = _held_against(verdict, old_file, trusted)
        if key_file is not None:
            verdict = only_about(verdict, load_person_key(key_file))
        return _tell_bundle(verdict, trusted, as_json=as_json)
    if is_lie(data):
        return tell_lie(data, trusted, as_json=as_json)
    if is_entry_proof(data):
        return tell_entry_proof(bundle, data, trusted, as_json=as_json)
    members = members_of(data)
    if members is not None:
        return _tell_pack(verify_pack(members, trusted), as_json=as_json)
    return _tell_bundle(verify_bundle(data, trusted), trusted, as_json=as_json)


def _held_against(verdict: Verdict, old_file: Path, trusted: policy.Policy | None) -> Verdict:
    """The verdict with what an older bundle proves; a Failure when that one does not hold itself."""
    with old_file.open("rb") as file:
        old = verify_bundle(file.read(MAX_BYTES + 1), trusted)
    if not old.ok:
        raise Failure(f"{old_file.name} does not hold itself", code="unsound", exit_code=Exit.USAGE)
    return coverage.against(verdict, old)


def _tell_bundle(verdict: Verdict, trusted: policy.Policy | None, *, as_json: bool) -> int:
    left_out = coverage.uncovered(verdict, trusted) if trusted else ()
    emit(
        {**document(verdict), "not_covered": list(left_out)},
        as_json=as_json,
        lines=(*_lines(verdict), *(f"not covered: {origin}" for origin in left_out)),
        table=_entries(verdict) if verdict.ok else None,
    )
    return Exit.OK if verdict.ok else Exit.WRONG


def _tell_pack(verdict: PackVerdict, *, as_json: bool) -> int:
    inner = verdict.bundle or Verdict(checks=(), anchored=False)
    told = {
        **document(inner),
        "ok": verdict.ok,
        "checks": _checks(verdict.checks),
        "claim": to_builtins(verdict.claim),
    }
    emit(
        told,
        as_json=as_json,
        lines=(*_outcome(verdict.checks), *_claim_lines(verdict), *(_heads(inner) if inner.ok else ())),
        table=_entries(inner) if verdict.ok and inner.entries else None,
    )
    return Exit.OK if verdict.ok else Exit.WRONG


def _claim_lines(verdict: PackVerdict) -> Iterator[str]:
    claim = verdict.claim
    if claim is None or not verdict.ok:
        return
    yield f"draft claim {claim.claim}" + (f" against {claim.respondent.name}" if claim.respondent else "")
    if claim.agreed:
        yield f"agreed in the grant: {claim.agreed.amount} {claim.agreed.currency}"
    yield f"found in the file: {', '.join(claim.fields_found)}"


def load_policy(path: Path) -> policy.Policy:
    """A policy from its two files; a Failure when one is missing or malformed."""
    keys = path.with_name(KEYS_FILE)
    if not keys.is_file():
        raise Failure(f"{KEYS_FILE} is not beside {path.name}", code="no_keys", exit_code=Exit.USAGE)
    return policy.parse(path.read_text(encoding="utf-8"), keys.read_text(encoding="ascii"))


def document(verdict: Verdict) -> dict[str, Any]:
    """The verdict as one JSON document."""
    return {
        "ok": verdict.ok,
        "anchored": verdict.anchored,
        "checks": [
            {"name": c.name, "where": c.where, "ok": c.ok, "detail": c.detail} for c in verdict.checks
        ],
        "checkpoints": [
            {
                "origin": c.origin,
                "size": c.size,
                "root": c.root.hex(),
                "cosigned": [{"witness": one.key.name, "at": _when(one.at_s * 1000)} for one in by],
            }
            for c, by in zip(verdict.checkpoints, verdict.cosigned, strict=True)
        ],
        "entries": [_entry(entry) for entry in verdict.entries],
        "complete": [
            {"origin": c.origin, "tag": c.tag.hex(), "count": c.count, "upto": c.upto, "at": _when(c.at_ms)}
            for c in verdict.complete
        ],
    }


def _checks(checks: Sequence[Check]) -> list[dict[str, Any]]:
    return [{"name": c.name, "where": c.where, "ok": c.ok, "detail": c.detail} for c in checks]


def _entry(proven: ProvenEntry) -> dict[str, Any]:
    return {
        "origin": proven.origin,
        "index": proven.index,
        "kind": proven.entry.kind.value,
        "at": _when(proven.entry.ts),
        "leaf": proven.leaf.hex(),
        "fields": dict(proven.fields),
        "receipt": dict(proven.receipt) if proven.receipt is not None else None,
    }


def _lines(verdict: Verdict) -> Iterator[str]:
    yield from _outcome(verdict.checks)
    if verdict.ok:
        yield from _heads(verdict)


def _outcome(checks: Sequence[Check]) -> Iterator[str]:
    held = sum(check.ok for check in checks)
    if held == len(checks):
        yield f"sound: {held} checks held"
        return
    bad = checks[-1]
    yield f"WRONG: {bad.name} at {bad.where}: {bad.detail}"
    yield f"{held} checks held before it; nothing in this bundle may be relied on"


def _heads(verdict: Verdict) -> Iterator[str]:
    for found, cosigned in zip(verdict.checkpoints, verdict.cosigned, strict=True):
        said = ", ".join(f"{one.key.name} at {_when(one.at_s * 1000)}" for one in cosigned)
        yield f"log {found.origin}, {found.size:,} entries, cosigned by {said or 'no witness'}"
    for whole in verdict.complete:
        yield (
            f"complete: {whole.count:,} of the first {whole.upto:,} entries of {whole.origin} are about "
            f"{whole.tag.hex()}, as indexed at {_when(whole.at_ms)}, {_age(system_clock() - whole.at_ms)}"
        )
    if not verdict.anchored:
        yield "the keys are those the bundle brings along: compare them with the operator's, or use --policy"


def _entries(verdict: Verdict) -> Any:
    rows = [
        (
            p.index,
            p.entry.kind.value,
            _when(p.entry.ts),
            ", ".join(f"{name}: {value}" for name, value in p.fields),
        )
        for p in verdict.entries
    ]
    return table_of("proven", ("entry", "kind", "at (UTC)", "what is shown"), rows)


def _age(ms: int) -> str:
    hours = ms // 3_600_000
    return "less than an hour ago" if hours < 1 else f"{hours:,} hours ago"


def _when(ts: int) -> str:
    if ts > _LAST_DAY:
        return f"{ts} ms after 1970"
    return moment(ts)
