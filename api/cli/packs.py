"""Checking an evidence pack of `breach.cases.evidence`: its own hashes, then the ledger bundle inside, then
that both agree.

Order: the container byte by byte → every member against the manifest → what the claim rests on → the bundle, by the
ledger's own verifier → the respondent and the grant that the claim names are those the proven entries name. The first
check that fails ends it. The claim itself is an unsigned draft: what is proven is what it rests on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from consent.ledger.bundles import container
from consent.ledger.bundles.verify import Check, Verdict, verify_bundle
from consent.ledger.errors import LedgerError
from consent.ledger.formats.policy import Policy

MANIFEST, CLAIM, REPORT, BUNDLE = "manifest.json", "claim.json", "report.json", "disclosures.zip"


class Party(msgspec.Struct, frozen=True):
    """The respondent as the claim names it."""

    recipient: str
    name: str


class Agreed(msgspec.Struct, frozen=True):
    """What the grant says is owed: a decimal text and its currency."""

    grant: str
    amount: str
    currency: str


class Claim(msgspec.Struct, frozen=True):
    """What of claim.json is checked or shown."""

    claim: str
    trace: str
    dump_sha256: str
    fields_found: list[str]
    rests_on: dict[str, str]
    respondent: Party | None
    agreed: Agreed | None


class _Dump(msgspec.Struct, frozen=True):
    sha256: str


class _Report(msgspec.Struct, frozen=True):
    trace: str
    dump: _Dump


@dataclass(frozen=True, slots=True, kw_only=True)
class PackVerdict:
    """`checks` in order, the bundle's own among them; `claim` and `bundle` are None unless all before them held."""

    checks: tuple[Check, ...]
    claim: Claim | None = None
    bundle: Verdict | None = None

    @property
    def ok(self) -> bool:
        return bool(self.checks) and all(check.ok for check in self.checks)


def members_of(data: bytes) -> dict[str, bytes] | None:
    """The members if this is a pack, None if it is something else (a bundle, or nothing of ours)."""
    try:
        members = container.read(data)
    except LedgerError:
        return None
    return members if CLAIM in members and MANIFEST in members else None


def verify_pack(members: Mapping[str, bytes], trusted: Policy | None = None) -> PackVerdict:
    """Check a pack's members, against `trusted` keys when given. Never raises on bad input."""
    checks = [Check("container", "pack", ok=True)]
    fault = _manifest_fault(members)
    checks.append(Check("manifest", MANIFEST, ok=not fault, detail=fault))
    if fault:
        return PackVerdict(checks=tuple(checks))
    claim = _read(members, CLAIM, Claim)
    fault = "not a claim" if claim is None else _basis_fault(members, claim)
    checks.append(Check("basis", CLAIM, ok=not fault, detail=fault))
    if claim is None or fault or BUNDLE not in members:
        return PackVerdict(checks=tuple(checks), claim=None if fault else claim)
    verdict = verify_bundle(members[BUNDLE], trusted)
    checks.extend(Check(c.name, f"{BUNDLE}: {c.where}", ok=c.ok, detail=c.detail) for c in verdict.checks)
    if verdict.ok:
        fault = _agreement_fault(claim, verdict)
        checks.append(Check("claim and ledger agree", CLAIM, ok=not fault, detail=fault))
    return PackVerdict(checks=tuple(checks), claim=claim, bundle=verdict)


def _manifest_fault(members: Mapping[str, bytes]) -> str:
    """Every other member's hash, in the one spelling in which a manifest is written."""
    found = {name: _sha256(data) for name, data in members.items() if name != MANIFEST}
    written = (json.dumps(found, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()
    return "" if members[MANIFEST] == written else "a member is not what the manifest says"


def _read[T](members: Mapping[str, bytes], name: str, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(members.get(name, b""), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _basis_fault(members: Mapping[str, bytes], claim: Claim) -> str:
    if claim.rests_on != {name: _sha256(members[name]) for name in (REPORT, BUNDLE) if name in members}:
        return "the claim rests on other files than those enclosed"
    report = _read(members, REPORT, _Report)
    if report is None or (report.trace, report.dump.sha256) != (claim.trace, claim.dump_sha256):
        return "the report is about another file than the claim"
    return ""


def _agreement_fault(claim: Claim, verdict: Verdict) -> str:
    shown = [dict(entry.fields) for entry in verdict.entries]
    if claim.respondent and {fields.get("recipient") for fields in shown} != {claim.respondent.recipient}:
        return "the proven disclosures went to somebody else than the respondent"
    if claim.agreed and claim.agreed.grant not in {fields.get("grant") for fields in shown}:
        return "the sum was agreed in a grant of which nothing is proven"
    return ""


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
