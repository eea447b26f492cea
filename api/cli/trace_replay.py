"""`perusal trace --replay REPORT`: the trace behind a report runs again from the sealed dump; what differs is told.

REPORT is a file written by `perusal trace` (with --json, or `trace.json` of --out), or the id of a trace. The
exit code is 1 when the two documents are not the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from api.cli.failures import Exit, Failure
from api.cli.output import Tick, emit, progress, table_of
from api.clock import system_clock
from api.sealing.opening import opened_vault
from api.settings import Settings
from breach.intake.quarantine import PREFIX as DUMP
from breach.intake.quarantine import find
from breach.pipeline.replay import Replayed, replay
from breach.pipeline.report import PREFIX, TraceReport, stored
from breach.pipeline.task import load
from vault.errors import MalformedId
from vault.ids import decode_id
from vault.opening import Vault

_SHOWN = 40


def replay_report(settings: Settings, name: str, actor: str, *, as_json: bool) -> Exit:
    """Run it again and print what differs; WRONG when anything does."""
    with opened_vault(settings) as vault, progress(quiet=as_json) as tick:
        told = _told(vault, name)
        dump = find(vault, settings.quarantine, decode_id(DUMP, told.body["dump"]["id"]))
        again = replay(vault, dump, told, now_ms=system_clock(), progress=_told_by(tick), actor=actor)
    emit(_answer(told, again), as_json=as_json, lines=_lines(told, again), table=_differences(again))
    return Exit.OK if again.same else Exit.WRONG


def _told(vault: Vault, name: str) -> TraceReport:
    if name.startswith(f"{PREFIX}_"):
        return load(vault, decode_id(PREFIX, name))
    try:
        body = json.loads(Path(name).read_text(encoding="utf-8"))
        return stored(json.dumps(body.get("report", body)))
    except (OSError, ValueError, KeyError, AttributeError, MalformedId):
        raise Failure("this is no report of a trace", code="not_a_report") from None


def _told_by(tick: Tick) -> Any:
    stages = {"match": "matching", "weigh": "weighing", "report": "writing"}

    def told(stage: str, done: int, total: int) -> None:
        tick(stages.get(stage, stage), done, total)

    return told


def _answer(told: TraceReport, again: Replayed) -> dict[str, Any]:
    return {
        "trace": told.body["trace"],
        "same": again.same,
        "reported_sha256": again.told_sha256,
        "computed_sha256": again.report.sha256,
        "differences": [
            {"at": at, "reported": one, "computed": other} for at, one, other in again.differences
        ],
    }


def _lines(told: TraceReport, again: Replayed) -> Iterator[str]:
    if again.same:
        yield f"{told.body['trace']}: every figure is the same, byte for byte (SHA-256 {again.told_sha256})"
    else:
        yield f"{told.body['trace']}: {len(again.differences)} places differ"


def _differences(again: Replayed) -> Any:
    if again.same:
        return None
    rows = [(at, json.dumps(one), json.dumps(other)) for at, one, other in again.differences[:_SHOWN]]
    return table_of("what differs", ("place", "as reported", "computed now"), rows)
