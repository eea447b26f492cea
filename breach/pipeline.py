"""A trace from the sealed dump to the report: match, link, weigh, report. Resumable, and done once per dump and question.

Matching commits every block of rows together with how far it came. Asked again with the same dump and parameters, a
finished trace answers with its stored report; an unfinished one goes on. Nothing is written for a file that turns out
unreadable.
"""

import gc
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select, update

from breach import contacts, exposure, honey, items, linking, planted, readings, report, reposts
from breach.cells import Cells
from breach.engines import Engine, in_columns, taken
from breach.errors import NotTraced, UnknownDump
from breach.forgetting import forget
from breach.intake import isolated, quarantine
from breach.intake.columns import Columns
from breach.intake.dialect import Dialect
from breach.intake.parts import Block, Part
from breach.intake.quarantine import Quarantined
from breach.marking import both, marks_of, named_by, openings_of
from breach.match import MASKED, Found, Matcher
from breach.openings import digest
from breach.readings import Reader
from breach.report import TraceReport, report_json
from breach.stages import Stage, Standing, advance, standing
from breach.tables import trace as trace_table
from breach.trace.attribute import Rules, attribute, of_repost
from breach.trace.canaries import Beside
from breach.trace.canaries import weigh as weigh_contacts
from breach.weighing import date_suspects, weigh
from consent.marks.alias_sightings import Report, Where
from vault.ids import Bucket, encode_id, new_id
from vault.keys import Keyring
from vault.linkage.choice import Mode
from vault.linkage.plain import Model
from vault.opening import Vault
from vault.rowset import RowSet
from vault.tags.sketch import Sketch

if TYPE_CHECKING:
    from breach.gathered import Gathered, SheetMatcher

_BEGIN = RowSet(
    "WITH {rows} INSERT INTO trace (id, dump, parameters_hash, parameters, started_at) "
    "SELECT id, dump, hash, parameters, started_at FROM rows WHERE true ON CONFLICT DO NOTHING",
    id="bytes",
    dump="bytes",
    hash="bytes",
    parameters="text",
    started_at="int",
)

_LAYOUTS = 4

type Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total): bytes of the dump in "match", steps in the others."""

__all__ = ["Progress", "TraceReport", "load", "report_json", "trace"]


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
    work = _Work(
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
    done = work.finished()
    if done is not None:
        return done
    written = _written(work, actor)
    _store(work, written)
    work.progress(Stage.REPORT, 1, 1)
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
    work = _Work(
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
        return _written(work, actor)
    finally:
        forget(vault, work.begin())


def load(vault: Vault, trace_id: bytes) -> TraceReport:
    """The report of a finished trace; raises UnknownDump, or NotTraced while it runs."""
    with vault.data.read() as conn:
        row = conn.execute(select(trace_table).where(trace_table.c.id == trace_id)).one_or_none()
    if row is None:
        raise UnknownDump("no such trace")
    if row.report is None:
        raise NotTraced("this trace has not finished")
    return report.stored(row.report)


def openings(vault: Vault, done: TraceReport) -> list[str]:
    """The file of opened marks of a finished trace, line by line; empty where none were weighed."""
    known = sorted(line["recipient"] for line in done.body["ranking"] if line["kind"] == "recipient")
    read = marks_of(vault, done.id, known, done.before_ms) if done.body["marks"] else None
    return [] if read is None else list(openings_of(vault, encode_id(report.PREFIX, done.id), known, read))


@dataclass(frozen=True, slots=True)
class _Work:
    """One call: what is asked of which dump, and whom to tell. `replays`: the trace that is only run once more.

    `index`: the folder of the index of tags, by which all engines but `python` match. `model`: by which Splink
    weighs, if it is not to learn.
    """

    vault: Vault
    dump: Quarantined
    rules: Rules
    before: int
    now_ms: int
    progress: Progress
    mode: Mode
    model: Model | None = None
    replays: bytes | None = None
    engine: Engine = Engine.PYTHON
    index: Path | None = None

    @property
    def linking(self) -> bool:
        """Whether rows that nobody is found by are compared by blind codes."""
        return self.mode is not Mode.OFF

    def parameters(self) -> dict[str, Any]:
        """What is asked, as JSON."""
        asked = report.parameters(self.rules, self.before)
        return {**asked, "linking": linking.parameters(self.mode)} if self.linking else asked

    def question(self) -> tuple[str, bytes]:
        """The parameters as text, and their SHA-256."""
        asked = self.parameters()
        if self.replays is not None:
            asked["replays"] = encode_id(report.PREFIX, self.replays)
        text = json.dumps(asked, sort_keys=True)
        return text, hashlib.sha256(text.encode()).digest()

    def finished(self) -> TraceReport | None:
        found = self._row()
        return report.stored(found[1]) if found and found[1] else None

    def standing(self) -> Standing | None:
        """Where the matching of this trace stands."""
        found = self._row()
        if found is None:
            return None
        with self.vault.data.read() as conn:
            return standing(conn, found[0], Stage.MATCH)

    def apart(self) -> dict[str, list[str]]:
        """What values of which field keep their rows out of sheets: whatever may be an alias."""
        with self.vault.data.read() as conn:
            return contacts.endings(conn, self.before)

    def begin(self) -> bytes:
        """The id of this trace, new or resumed."""
        found = self._row()
        if found:
            return found[0]
        text, digest = self.question()
        with self.vault.data.write() as conn:
            _BEGIN(conn, [(new_id(Bucket(0), self.now_ms), self.dump.id, digest, text, self.now_ms)])
        begun = self._row()  # ours, or that of whoever was faster
        assert begun is not None
        return begun[0]

    def _row(self) -> tuple[bytes, str | None] | None:
        mine = (trace_table.c.dump == self.dump.id) & (trace_table.c.parameters_hash == self.question()[1])
        with self.vault.data.read() as conn:
            row = conn.execute(select(trace_table.c.id, trace_table.c.report).where(mine)).one_or_none()
        return None if row is None else (row.id, row.report)


def _link(work: _Work, trace_id: bytes) -> linking.Linked:
    return linking.link(
        work.vault, trace_id, work.mode, now_ms=work.now_ms, progress=work.progress, model=work.model
    )


def _written(work: _Work, actor: str) -> TraceReport:
    begun = work.standing()
    # Blind codes are made of the rows that nobody is found by, which sheets would leave out.
    sheets = not work.linking and in_columns(work.engine, begun)
    mark = begun.detail.get("mark") if sheets and begun and begun.detail else None
    with (
        quarantine.opened(work.vault, work.dump) as source,
        isolated.Reading(source, sheets=work.apart() if sheets else None, mark=mark) as reading,
    ):
        quarantine.note_reading(work.vault, work.dump, work.now_ms, actor)
        trace_id = work.begin()
        counted = _match(work, trace_id, reading, work.index if sheets else None)
    return _conclude(work, trace_id, reading.dialect, counted)


@dataclass(frozen=True, slots=True)
class _Counted:
    tally: dict[str, Any]
    cells: dict[str, Any]


def _match(work: _Work, trace_id: bytes, reading: isolated.Reading, index: Path | None) -> _Counted:
    """Match every row; the rows of an earlier attempt are read again (behind a mark not even that) but not looked up."""
    with work.vault.data.read() as conn:
        at = standing(conn, trace_id, Stage.MATCH)
    if at and at.finished and at.detail:
        return _Counted(at.detail["tally"], at.detail["cells"])
    cells = Cells.from_dict(at.detail["cells"]) if at and at.detail else Cells()
    keyring = work.vault.keyring
    with work.vault.data.read() as conn:
        sketch = reposts.sketch_of(conn, keyring.tag_keys, work.dump.id)
        aliases = contacts.Contacts(conn, work.vault, cells, work.before)
    reader = Reader(work.vault, work.before)
    matching = _Matching(keyring, cells, sketch, aliases, reader, linking=work.linking)
    with _rounds(work, matching, reading, index) as rounds:
        for block in rounds:
            if at is None or block.rows > at.done:
                at = _match_block(work, trace_id, matching, block, at)
            work.progress(Stage.MATCH, reading.read, work.dump.size)
    rows = int(reading.tally["rows"])
    detail = {"tally": reading.tally, "cells": cells.as_dict()}
    end = Standing(done=rows, total=rows, detail=detail, finished=True)
    with work.vault.data.write() as conn:
        advance(conn, trace_id, Stage.MATCH, before=at, after=end, now_ms=work.now_ms)
    return _Counted(detail["tally"], detail["cells"])


@contextmanager
def _rounds(
    work: _Work, matching: "_Matching", reading: isolated.Reading, index: Path | None
) -> Iterator[Iterator["Block | Gathered"]]:
    """What is matched and committed together, one after the other: blocks or, given an index, rounds of sheets."""
    if index is None:
        yield reading.blocks()
        return
    # Loaded here alone: a server that traces no large file does without these libraries' memory.
    from breach.gathered import SheetMatcher, gather  # noqa: PLC0415
    from vault.tags.joins import on_spark  # noqa: PLC0415
    from vault.tags.sieve import Sieve  # noqa: PLC0415

    join = on_spark(index) if work.engine is Engine.SPARK else None
    with (
        Sieve(work.vault, index, work.now_ms, join) as sieve,
        quarantine.opened(work.vault, work.dump) as source,
    ):
        matching.sheets = SheetMatcher(source, sieve, matching.cells, matching.match_part)
        yield gather(reading.sheets(), work.vault.keyring.tag_keys)


class _Matching:
    """Matches the blocks of one dump, with a matcher for each of the layouts met last."""

    def __init__(
        self,
        keyring: Keyring,
        cells: Cells,
        sketch: Sketch,
        aliases: contacts.Contacts,
        reader: Reader,
        *,
        linking: bool,
    ) -> None:
        self.cells = cells
        self.reader = reader
        self._linking = linking
        self.sketch = sketch
        self.aliases = aliases
        self._keyring = keyring
        self._matchers: dict[Columns, Matcher] = {}
        self.sheets: SheetMatcher | None = None

    def match(self, conn: Connection, block: "Block | Gathered") -> Found:
        """What a block or a round of sheets shows."""
        if self.sheets is not None and not isinstance(block, Block):
            return self.sheets.match(conn, block)
        assert isinstance(block, Block)
        found = Found({}, {}, [], [], [])
        for part in block.parts:
            found.add(self.match_part(conn, part))
        return found

    def match_part(self, conn: Connection, part: Part, cells: Cells | None = None) -> Found:
        """What the rows of a part show, counted into `cells` (default: those of the dump)."""
        matcher = self._matcher(part.columns)
        matcher.cells = self.cells if cells is None else cells
        return matcher.match(conn, part.rows)

    def _matcher(self, columns: Columns) -> Matcher:
        matcher = self._matchers.pop(columns, None)
        if matcher is None:
            matcher = Matcher(self._keyring, columns, self.cells, linking=self._linking)
        self._matchers[columns] = matcher
        if len(self._matchers) > _LAYOUTS:
            del self._matchers[next(iter(self._matchers))]
        return matcher


def _match_block(
    work: _Work, trace_id: bytes, matching: _Matching, block: "Block | Gathered", at: Standing | None
) -> Standing:
    with _cycles_left_alone(), work.vault.data.read() as conn:
        found = matching.match(conn, block)
        aliases = matching.aliases.among(conn, found.values)
        read = matching.reader.read(conn, found.rows)
    mark = {} if isinstance(block, Block) or not block.mark else {"mark": dict(block.mark)}
    after = Standing(done=block.rows, detail={"cells": matching.cells.as_dict(), **mark})
    # Nobody but our own store could have known a honey person; parts of values may fit one by chance.
    shown = {(item[0], item[1]) for item, how in found.items.items() if how != MASKED}
    if work.replays is None:
        seen = honey.sightings(shown, work.dump.id, work.dump.received_at)
        work.vault.watch.note(work.vault.data, work.vault.keyring, seen)
    with work.vault.data.write() as conn:
        items.add(conn, trace_id, found.items)
        items.add_weights(conn, trace_id, found.weights)
        contacts.add(conn, trace_id, aliases)
        readings.add(conn, trace_id, read)
        linking.hold(
            conn, work.vault, trace_id, matching.cells.rows_linkable - len(found.records), found.records
        )
        if matching.sketch.add(found.values) | matching.sketch.add_tags(found.tags):
            reposts.store(conn, work.dump.id, matching.sketch)
        advance(conn, trace_id, Stage.MATCH, before=at, after=after, now_ms=work.now_ms)
    return after


@contextmanager
def _cycles_left_alone() -> Iterator[None]:
    """A block of matching makes a hundred thousand tuples and no cycle; searching them took a fifth of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _conclude(work: _Work, trace_id: bytes, dialect: Dialect, counted: _Counted) -> TraceReport:
    linked = _link(work, trace_id) if work.linking else None
    work.progress(Stage.WEIGH, 0, 2)
    seen = weigh(work.vault, trace_id, work.before, Cells.from_dict(counted.cells), linked)
    work.progress(Stage.WEIGH, 1, 2)
    known, masked = seen.exposure.recipient_ids, seen.masked.rows if seen.masked else None
    marks = marks_of(work.vault, trace_id, known, work.before)
    names = named_by(work.vault, trace_id, known, work.before, seen.cells.rows)
    said = weigh_contacts(seen.contacts.tags, seen.planted.planted, seen.planted.shared)
    beside = both(names, said.total() or None)
    result = attribute(seen.evidence, work.rules, masked, marks and marks.marks, beside, said.own_store)
    with work.vault.data.read() as conn:
        again = reposts.repost(conn, work.dump.id)
    if work.replays is None:
        _alarm(work, trace_id, known, said, again)
    if again is not None:
        result = of_repost(result)
    dated = date_suspects(work.vault, trace_id, work.before, seen, result)
    work.progress(Stage.WEIGH, 2, 2)
    told = work.replays or trace_id
    return report.write(
        report.Material(
            trace_id=told,
            quarantined=work.dump,
            parameters=work.parameters(),
            rules=work.rules,
            dialect=dialect,
            tally=counted.tally,
            seen=seen,
            result=result,
            dated=dated,
            repost=again,
            openings=marks and digest(openings_of(work.vault, encode_id(report.PREFIX, told), known, marks)),
        )
    )


def _alarm(
    work: _Work, trace_id: bytes, known: Sequence[str], said: Beside, again: reposts.Repost | None
) -> None:
    """Alarms for aliases and planted persons; in a repost they are those of the older file, which have theirs."""
    of, seen_at = work.dump.id, work.dump.received_at
    if again is not None:
        with work.vault.data.read() as conn:
            of, seen_at = again.of, reposts.received_at(conn, again.of)
    place = encode_id(quarantine.PREFIX, of)
    if said.aliases:
        told = Report(where=Where.DUMP, place=place, actor="trace", seen_at=seen_at, told_at=work.now_ms)
        contacts.alarm(work.vault, trace_id, {known[k]: one for k, one in said.aliases.items()}, told)
    weights = {known[k]: one for k, one in said.planted.items()} | {planted.OWN_STORE: said.own_store}
    planted.alarm(work.vault, weights, place, seen_at)


def _store(work: _Work, written: TraceReport) -> None:
    open_still = (trace_table.c.id == written.id) & trace_table.c.report.is_(None)
    values = {"report": report_json(written), "finished_at": work.now_ms}
    with work.vault.data.write() as conn:
        conn.execute(update(trace_table).where(open_still).values(**values))


def _silent(stage: str, done: int, total: int) -> None:
    """Nobody asked to be told."""
