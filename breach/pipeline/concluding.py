"""The last stages of a trace: what was matched is linked, weighed, told to whoever must be told, and reported."""

from collections.abc import Sequence

from breach.intake import quarantine
from breach.intake.dialect import Dialect
from breach.matching import reposts
from breach.matching.cells import Cells
from breach.pipeline import linking, reporting
from breach.pipeline.matching import Counted
from breach.pipeline.report import PREFIX, TraceReport
from breach.pipeline.task import Task
from breach.pipeline.weighing import date_suspects, weigh
from breach.stages import Stage
from breach.trace.attribute import attribute, of_repost
from breach.trace.canaries import Beside
from breach.trace.canaries import weigh as weigh_contacts
from breach.weighing import contacts, planted
from breach.weighing.marking import both, marks_of, named_by, openings_of
from breach.weighing.openings import digest
from consent.marks.alias_sightings import Report, Where
from vault.ids import encode_id


def _link(task: Task, trace_id: bytes) -> linking.Linked:
    return linking.link(
        task.vault, trace_id, task.mode, now_ms=task.now_ms, progress=task.progress, model=task.model
    )


def conclude(task: Task, trace_id: bytes, dialect: Dialect, counted: Counted) -> TraceReport:
    """The report of a trace whose rows have been matched."""
    linked = _link(task, trace_id) if task.linking else None
    task.progress(Stage.WEIGH, 0, 2)
    seen = weigh(task.vault, trace_id, task.before, Cells.from_dict(counted.cells), linked)
    task.progress(Stage.WEIGH, 1, 2)
    known, masked = seen.exposure.recipient_ids, seen.masked.rows if seen.masked else None
    marks = marks_of(task.vault, trace_id, known, task.before)
    names = named_by(task.vault, trace_id, known, task.before, seen.cells.rows)
    said = weigh_contacts(seen.contacts.tags, seen.planted.planted, seen.planted.shared)
    beside = both(names, said.total() or None)
    result = attribute(seen.evidence, task.rules, masked, marks and marks.marks, beside, said.own_store)
    with task.vault.data.read() as conn:
        again = reposts.repost(conn, task.dump.id)
    if task.replays is None:
        _alarm(task, trace_id, known, said, again)
    if again is not None:
        result = of_repost(result)
    dated = date_suspects(task.vault, trace_id, task.before, seen, result)
    task.progress(Stage.WEIGH, 2, 2)
    told = task.replays or trace_id
    return reporting.write(
        reporting.Material(
            trace_id=told,
            quarantined=task.dump,
            parameters=task.parameters(),
            rules=task.rules,
            dialect=dialect,
            tally=counted.tally,
            seen=seen,
            result=result,
            dated=dated,
            repost=again,
            openings=marks and digest(openings_of(task.vault, encode_id(PREFIX, told), known, marks)),
        )
    )


def _alarm(
    task: Task, trace_id: bytes, known: Sequence[str], said: Beside, again: reposts.Repost | None
) -> None:
    """Alarms for aliases and planted persons; in a repost they are those of the older file, which have theirs."""
    of, seen_at = task.dump.id, task.dump.received_at
    if again is not None:
        with task.vault.data.read() as conn:
            of, seen_at = again.of, reposts.received_at(conn, again.of)
    place = encode_id(quarantine.PREFIX, of)
    if said.aliases:
        told = Report(where=Where.DUMP, place=place, actor="trace", seen_at=seen_at, told_at=task.now_ms)
        contacts.alarm(task.vault, trace_id, {known[k]: one for k, one in said.aliases.items()}, told)
    weights = {known[k]: one for k, one in said.planted.items()} | {planted.OWN_STORE: said.own_store}
    planted.alarm(task.vault, weights, place, seen_at)
