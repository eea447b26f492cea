"""A trace from the sealed dump to the report: match, link, weigh, report. Resumable, and done once per dump and
question.

Matching commits every block of rows together with how far it came. Asked again with the same dump and parameters, a
finished trace answers with its stored report; an unfinished one goes on. Nothing is written for a file that turns out
unreadable.
"""

from dataclasses import fields, replace
from pathlib import Path

from breach.intake import isolated, quarantine
from breach.intake.quarantine import Quarantined
from breach.matching.engines import Engine, taken, way
from breach.pipeline import linking, report
from breach.pipeline.concluding import conclude
from breach.pipeline.forgetting import forget
from breach.pipeline.matching import match_all
from breach.pipeline.report import TraceReport
from breach.pipeline.task import Progress, Task
from breach.stages import Stage
from breach.trace.attribute import Rules
from breach.weighing import exposure
from breach.weighing.marking import marks_of, openings_of
from vault.ids import encode_id
from vault.linkage.choice import Mode
from vault.opening import Vault


def trace(  # noqa: PLR0913 - each argument is a separate decision of the caller
    vault: Vault,
    quarantined: Quarantined,
    *,
    now_ms: int,
    progress: Progress | None = None,
    rules: Rules | None = None,
    before_ms: int | None = None,
    actor: str = "staff",
    engine: Engine = Engine.AUTO,
    index: Path | None = None,
) -> TraceReport:
    """Trace a dump, or go on with its trace, or give the finished report.

    `before_ms`: only disclosures committed before this instant count; by default the time the dump came
    in. `engine` changes how long it takes and nothing else; all but `python` need the folder of the `index`
    of tags. Raises DumpRefused, DumpDamaged, TraceBusy.
    """
    rules = replace(rules or Rules(), field_sets=exposure.FIELD_SETS)
    before = quarantined.received_at if before_ms is None else before_ms
    task = Task(
        vault,
        quarantined,
        rules,
        before,
        now_ms,
        progress or _silent,
        linking.mode_of(vault),
        engine=taken(engine, quarantined.size, indexed=index is not None),
        index=index,
    )
    done = task.finished()
    if done is not None:
        return done
    written = _written(task, actor)
    task.keep(written)
    task.progress(Stage.REPORT, 1, 1)
    return written


def trace_again(
    vault: Vault,
    quarantined: Quarantined,
    told: TraceReport,
    *,
    now_ms: int,
    progress: Progress | None = None,
    actor: str = "staff",
) -> TraceReport:
    """The report of `told`, computed once more from the sealed dump. Nothing is kept of it, and nobody is alarmed."""
    asked = told.body["parameters"]
    rules = Rules(**{one.name: asked[one.name] for one in fields(Rules) if one.name in asked})
    task = Task(
        vault,
        quarantined,
        rules,
        asked["before"],
        now_ms,
        progress or _silent,
        Mode(asked.get("linking", {"mode": Mode.OFF})["mode"]),
        told.body.get("linked", {}).get("model"),
        replays=told.id,
    )
    try:
        return _written(task, actor)
    finally:
        forget(vault, task.begin())


def openings(vault: Vault, done: TraceReport) -> list[str]:
    """The file of opened marks of a finished trace, line by line; empty where none were weighed."""
    known = sorted(line["recipient"] for line in done.body["ranking"] if line["kind"] == "recipient")
    read = marks_of(vault, done.id, known, done.before_ms) if done.body["marks"] else None
    return [] if read is None else list(openings_of(vault, encode_id(report.PREFIX, done.id), known, read))


def _written(task: Task, actor: str) -> TraceReport:
    begun = task.standing()
    found = way(task.engine, begun, linking=task.linking, indexed=task.index is not None)
    stood = (begun and begun.detail) or {}
    # What lies behind an earlier mark is read again, in the same blocks, and passed over as far as it was matched.
    mark = stood.get("mark") or (None if found.in_columns else stood.get("earlier"))
    with (
        quarantine.opened(task.vault, task.dump) as source,
        isolated.Reading(source, sheets=task.apart() if found.in_columns else None, mark=mark) as reading,
    ):
        quarantine.note_reading(task.vault, task.dump, task.now_ms, actor)
        trace_id = task.begin()
        found = found.over(reading.dialect.hurdle)
        counted = match_all(task, trace_id, reading, task.index if found.in_columns else None)
    return replace(conclude(task, trace_id, reading.dialect, counted), way=found)


def _silent(stage: str, done: int, total: int) -> None:
    """Nobody asked to be told."""
