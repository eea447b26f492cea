"""From a finished trace to claims: an incident, one draft for each affected person, and evidence packs as files.

A pack needs a signed checkpoint over its entries; where none covers them yet it is signed now, as a server would do.
Packs are written for people against whose respondent something is proven, in the order of the data base.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from api.cli.output import Tick
from api.clock import system_clock
from api.jobs.guarded import guarded_signing
from api.settings import Settings
from api.witnesses import load_witnesses
from breach import draft_many, open_incident, pack
from breach.cases import incidents as cases
from breach.cases.claims import find_claim
from breach.cases.incidents import Affected
from breach.pipeline.report import TraceReport
from consent.ledger.errors import NotYetPublished
from vault.opening import Vault

PACKS_FOLDER = "packs"


def open_claims(vault: Vault, report: TraceReport, tick: Tick) -> dict[str, Any]:
    """Open the incident of a trace and draft its claims; doing it again changes nothing."""
    tick("opening claims", 0, None)
    opened = open_incident(vault, report.id, now_ms=system_clock())
    count = draft_many(vault, opened.id, now_ms=system_clock())
    tick("opening claims", count, count)
    return {"incident": opened.name, "opened": count, "respondents": list(opened.respondents), "packs": []}


def write_packs(vault: Vault, settings: Settings, report: TraceReport, out: Path, most: int) -> list[str]:
    """Write at most `most` packs into a folder of their own; returns their names below `out`."""
    incident = open_incident(vault, report.id, now_ms=system_clock()).id
    names: list[str] = []
    for person, number in _provable(vault, incident, most):
        (out / PACKS_FOLDER).mkdir(exist_ok=True)
        name = f"{PACKS_FOLDER}/{number}.zip"
        (out / name).write_bytes(_pack(vault, settings, incident, person))
        names.append(name)
    return names


def _provable(vault: Vault, incident: bytes, most: int) -> Iterator[tuple[Affected, str]]:
    found = 0
    with vault.data.read() as conn:
        for person in cases.affected(conn, incident, vault.installation.buckets):
            if found >= most:
                return
            claim = find_claim(conn, incident, person.bucket, person.subject)
            if claim.respondent is not None:
                found += 1
                yield person, claim.number


def _pack(vault: Vault, settings: Settings, incident: bytes, person: Affected) -> bytes:
    witnesses = load_witnesses(settings)
    try:
        return pack(vault, incident, person.subject, witnesses=witnesses)
    except NotYetPublished:
        guarded_signing(settings, vault, system_clock).publish()
        return pack(vault, incident, person.subject, witnesses=witnesses)
