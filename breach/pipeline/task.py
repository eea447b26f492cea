"""One tracing of one dump as a task: what is asked, how it is known again, and where its result is kept."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from breach.errors import NotTraced, UnknownDump
from breach.intake.quarantine import Quarantined
from breach.matching.engines import Engine
from breach.pipeline import linking, report, reporting
from breach.pipeline.report import TraceReport, report_json
from breach.stages import Stage, Standing, standing
from breach.tables import trace as trace_table
from breach.trace.attribute import Rules
from breach.weighing import contacts
from vault.ids import Bucket, encode_id, new_id
from vault.linkage.choice import Mode
from vault.linkage.plain import Model
from vault.opening import Vault
from vault.storage.rowset import RowSet

_BEGIN = RowSet(
    "WITH {rows} INSERT INTO trace (id, dump, parameters_hash, parameters, started_at) "
    "SELECT id, dump, hash, parameters, started_at FROM rows WHERE true ON CONFLICT DO NOTHING",
    id="bytes",
    dump="bytes",
    hash="bytes",
    parameters="text",
    started_at="int",
)

type Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total): bytes of the dump in "match", steps in the others."""


@dataclass(frozen=True, slots=True)
class Task:
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
        asked = reporting.parameters(self.rules, self.before)
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

    def keep(self, written: TraceReport) -> None:
        """Keep the report of a trace that has none yet."""
        open_still = (trace_table.c.id == written.id) & trace_table.c.report.is_(None)
        values = {"report": report_json(written), "finished_at": self.now_ms}
        with self.vault.data.write() as conn:
            conn.execute(update(trace_table).where(open_still).values(**values))


def load(vault: Vault, trace_id: bytes) -> TraceReport:
    """The report of a finished trace; raises UnknownDump, or NotTraced while it runs."""
    with vault.data.read() as conn:
        row = conn.execute(select(trace_table).where(trace_table.c.id == trace_id)).one_or_none()
    if row is None:
        raise UnknownDump("no such trace")
    if row.report is None:
        raise NotTraced("this trace has not finished")
    return report.stored(row.report)
