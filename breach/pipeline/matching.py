"""The first stage of a trace: every row of the dump against the vault, block by block, each committed with how
far it came.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from breach import honey
from breach.intake import isolated, quarantine
from breach.intake.columns import Columns
from breach.intake.parts import Block, Part
from breach.matching import items, reposts
from breach.matching.cells import Cells
from breach.matching.engines import Engine
from breach.matching.rows import MASKED, Found, Matcher
from breach.pipeline import linking
from breach.pipeline.task import Task
from breach.stages import Stage, Standing, advance, standing
from breach.weighing import contacts, readings
from breach.weighing.readings import Reader
from vault.keys.keyring import Keyring
from vault.tags.sketch import Sketch

if TYPE_CHECKING:
    from breach.matching.gathered import Gathered, SheetMatcher

_LAYOUTS = 4


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted of a dump, as JSON objects: its lines, and its cells and rows."""

    tally: dict[str, Any]
    cells: dict[str, Any]


def match_all(task: Task, trace_id: bytes, reading: isolated.Reading, index: Path | None) -> Counted:
    """Match every row; the rows of an earlier attempt are read again (behind a mark not even that) but not looked up."""
    with task.vault.data.read() as conn:
        at = standing(conn, trace_id, Stage.MATCH)
    if at and at.finished and at.detail:
        return Counted(at.detail["tally"], at.detail["cells"])
    cells = Cells.from_dict(at.detail["cells"]) if at and at.detail else Cells()
    keyring = task.vault.keyring
    with task.vault.data.read() as conn:
        sketch = reposts.sketch_of(conn, keyring.tag_keys, task.dump.id)
        aliases = contacts.Contacts(conn, task.vault, cells, task.before)
    reader = Reader(task.vault, task.before)
    matching = Matching(keyring, cells, sketch, aliases, reader, linking=task.linking)
    with _rounds(task, matching, reading, index) as rounds:
        for block in rounds:
            if at is None or block.rows > at.done:
                at = _match_block(task, trace_id, matching, block, at)
            task.progress(Stage.MATCH, reading.read, task.dump.size)
    rows = int(reading.tally["rows"])
    detail = {"tally": reading.tally, "cells": cells.as_dict()}
    end = Standing(done=rows, total=rows, detail=detail, finished=True)
    with task.vault.data.write() as conn:
        advance(conn, trace_id, Stage.MATCH, before=at, after=end, now_ms=task.now_ms)
    return Counted(detail["tally"], detail["cells"])


@contextmanager
def _rounds(
    task: Task, matching: "Matching", reading: isolated.Reading, index: Path | None
) -> Iterator[Iterator["Block | Gathered"]]:
    """What is matched and committed together, one after the other: blocks or, given an index, rounds of sheets."""
    if index is None:
        yield reading.blocks()
        return
    # Loaded here alone: a server that traces no large file does without these libraries' memory.
    from breach.matching.gathered import SheetMatcher, gather  # noqa: PLC0415
    from vault.tag_index.joins import on_spark  # noqa: PLC0415
    from vault.tag_index.sieve import Sieve  # noqa: PLC0415

    join = on_spark(index) if task.engine is Engine.SPARK else None
    with (
        Sieve(task.vault, index, task.now_ms, join) as sieve,
        quarantine.opened(task.vault, task.dump) as source,
    ):
        matching.sheets = SheetMatcher(source, sieve, matching.cells, matching.match_part)
        yield gather(reading.sheets(), task.vault.keyring.tag_keys)


class Matching:
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
        found = Found({}, {}, [], [], [], set())
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
    task: Task, trace_id: bytes, matching: Matching, block: "Block | Gathered", at: Standing | None
) -> Standing:
    with _cycles_left_alone(), task.vault.data.read() as conn:
        found = matching.match(conn, block)
        aliases = matching.aliases.among(conn, found.values)
        read = matching.reader.read(conn, found.rows)
    after = Standing(done=block.rows, detail={"cells": matching.cells.as_dict(), **_marks(block, at)})
    # Nobody but our own store could have known a honey person; parts of values may fit one by chance.
    shown = {(item[0], item[1]) for item, how in found.items.items() if how != MASKED} | found.met
    if task.replays is None:
        seen = honey.sightings(shown, task.dump.id, task.dump.received_at)
        task.vault.watch.note(task.vault.data, task.vault.keyring, seen)
    with task.vault.data.write() as conn:
        items.add(conn, trace_id, found.items)
        items.add_weights(conn, trace_id, found.weights)
        contacts.add(conn, trace_id, aliases)
        readings.add(conn, trace_id, read)
        linking.hold(
            conn, task.vault, trace_id, matching.cells.rows_linkable - len(found.records), found.records
        )
        if matching.sketch.add(found.values) | matching.sketch.add_tags(found.tags):
            reposts.store(conn, task.dump.id, matching.sketch)
        advance(conn, trace_id, Stage.MATCH, before=at, after=after, now_ms=task.now_ms)
    return after


def _marks(block: "Block | Gathered", at: Standing | None) -> dict[str, Any]:
    """What reading can go on from: `mark` behind this block, or else what lies before it, `earlier`."""
    if block.mark:
        return {"mark": dict(block.mark)}
    before = (at and at.detail) or {}
    earlier = before.get("mark") or before.get("earlier")
    return {"earlier": earlier} if earlier else {}


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
