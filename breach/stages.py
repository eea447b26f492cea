"""The stages of a trace as rows: where each stands, what it has counted, when it ended.

A stage only moves forward from where the mover believes it to be; two workers on one trace cannot both advance it.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select, update

from breach.errors import BreachError
from breach.tables import trace_stage
from vault.storage.rowset import RowSet


class Stage(StrEnum):
    """What a trace does, in this order."""

    MATCH = "match"
    LINK = "link"
    WEIGH = "weigh"
    REPORT = "report"


class TraceBusy(BreachError):
    """Another worker has moved this trace on."""

    code: str = "trace_busy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a stage stands. `done` of `total`; `detail` is the stage's own JSON object."""

    done: int = 0
    total: int = 0
    detail: dict[str, Any] | None = None
    finished: bool = False


_VALUES = ("done", "total", "detail", "updated_at", "finished_at")
_BEGIN = RowSet(
    "WITH {rows} INSERT INTO trace_stage (trace, stage, done, total, detail, updated_at, finished_at) "
    "SELECT trace, stage, done, total, detail, updated_at, finished_at FROM rows WHERE true "
    "ON CONFLICT DO NOTHING RETURNING stage",
    trace="bytes",
    stage="text",
    done="int",
    total="int",
    detail="text",
    updated_at="int",
    finished_at="int",
)


def standing(conn: Connection, trace_id: bytes, stage: Stage) -> Standing | None:
    """Where the stage stands, or None when it has not begun."""
    mine = (trace_stage.c.trace == trace_id) & (trace_stage.c.stage == stage.value)
    row = conn.execute(select(trace_stage).where(mine)).one_or_none()
    if row is None:
        return None
    return Standing(
        done=row.done, total=row.total, detail=json.loads(row.detail), finished=row.finished_at is not None
    )


def advance(
    conn: Connection, trace_id: bytes, stage: Stage, *, before: Standing | None, after: Standing, now_ms: int
) -> None:
    """Move a stage from `before` (None: not begun) to `after`; raises TraceBusy when it stood elsewhere."""
    values: dict[str, Any] = {
        "done": after.done,
        "total": after.total,
        "detail": json.dumps(after.detail or {}, sort_keys=True),
        "updated_at": now_ms,
        "finished_at": now_ms if after.finished else None,
    }
    if before is None:
        row = (trace_id, stage.value, *(values[name] for name in _VALUES))
        if not _BEGIN(conn, [row]):
            raise TraceBusy("the stage has begun elsewhere")
        return
    mine = (trace_stage.c.trace == trace_id) & (trace_stage.c.stage == stage.value)
    still = mine & (trace_stage.c.done == before.done) & trace_stage.c.finished_at.is_(None)
    if conn.execute(update(trace_stage).where(still).values(**values)).rowcount != 1:
        raise TraceBusy("the stage has moved")
