"""The stage between matching and weighing: rows that nobody was found by are held against blind codes (ADR 0046).

While the file is read, such rows wait in the data base, sealed. The stage makes what codes are missing, compares, and
writes candidates and its own end in one transaction, with which the rows go: killed anywhere, it is done again whole.
A row's m candidates have the weight 1/m each. Nothing here is a match, and no figure that accuses reads it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

from sqlalchemy import Connection, delete, select

from breach import items
from breach.linkable import LINKED, Record
from breach.masked import MILLION, Weights
from breach.stages import Stage, Standing, advance, standing
from breach.tables import trace_row
from vault.linkage import choice, filling
from vault.linkage.held import HeldRecords
from vault.linkage.likeness import ALIKE
from vault.linkage.suggesting import MOST, Suggested, Suggestion, suggest
from vault.opening import Vault
from vault.rowset import RowSet

_PAGE = 5_000
_HOLD = RowSet(
    "WITH {rows} INSERT INTO trace_row (trace, number, sealed) SELECT trace, number, sealed FROM rows WHERE true",
    trace="bytes",
    number="int",
    sealed="bytes",
)

type Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """What the stage counted: rows compared, and by how many people they are like (as `Cells.candidates`)."""

    rows: int = 0
    candidates: Mapping[str, int] = field(default_factory=dict)
    people: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The counts as a JSON object."""
        return {"rows": self.rows, "candidates": dict(self.candidates), "people": self.people}


def parameters() -> dict[str, Any]:
    """What the stage is asked, as JSON: part of the question that a trace answers."""
    return {"method": 1, "alike": ALIKE, "most": MOST}


def is_wanted(vault: Vault) -> bool:
    """Whether the operator has blind codes made."""
    with vault.data.read() as conn:
        return choice.is_on(conn)


def hold(conn: Connection, vault: Vault, trace_id: bytes, start: int, records: Sequence[Record]) -> None:
    """Keep the records of a block until they are compared; `start` is the number of the first."""
    held = HeldRecords(vault.keyring)
    rows = [
        (trace_id, at, held.seal(_place(trace_id, at), record)) for at, record in enumerate(records, start)
    ]
    for part in batched(rows, _PAGE):
        _HOLD(conn, part)


def link(vault: Vault, trace_id: bytes, now_ms: int, progress: Progress) -> Linked:
    """Compare what is held; a stage that has ended answers what it counted then."""
    with vault.data.read() as conn:
        at = standing(conn, trace_id, Stage.LINK)
    if at is not None and at.detail is not None:
        return Linked(**at.detail)
    records = list(_held(vault, trace_id))
    if records:
        filling.fill(vault, report=lambda done, total: progress(Stage.LINK, done, 2 * total))
    progress(Stage.LINK, 1, 2)
    suggested = suggest(vault, records)
    linked = _counted(len(records), suggested)
    end = Standing(done=len(records), total=len(records), detail=linked.as_dict(), finished=True)
    with vault.data.write() as conn:
        items.add_weights(conn, trace_id, _weights(suggested.found))
        conn.execute(delete(trace_row).where(trace_row.c.trace == trace_id))
        advance(conn, trace_id, Stage.LINK, before=None, after=end, now_ms=now_ms)
    progress(Stage.LINK, 2, 2)
    return linked


def _held(vault: Vault, trace_id: bytes) -> Iterator[Record]:
    held, after = HeldRecords(vault.keyring), -1
    c = trace_row.c
    query = select(c.number, c.sealed).where(c.trace == trace_id).order_by(c.number).limit(_PAGE)
    while True:
        with vault.data.read() as conn:
            page = conn.execute(query.where(c.number > after)).all()
        for number, blob in page:
            yield held.open(_place(trace_id, number), blob)
        if len(page) < _PAGE:
            return
        after = page[-1][0]


def _place(trace_id: bytes, number: int) -> bytes:
    return trace_id + number.to_bytes(8)


def _counted(rows: int, suggested: Suggested) -> Linked:
    by_row = Counter(one.row for one in suggested.found)
    sizes = Counter(_size(count) for count in by_row.values())
    sizes["too_many"] = len(suggested.crowded)
    sizes["none"] = rows - len(by_row) - len(suggested.crowded)
    return Linked(
        rows=rows,
        candidates={size: count for size, count in sorted(sizes.items()) if count},
        people=len({one.person for one in suggested.found}),
    )


def _weights(found: Iterable[Suggestion]) -> Weights:
    found = list(found)
    many = Counter(one.row for one in found)
    weights: Weights = {}
    for one in found:
        place = (*one.person, LINKED)
        sets, weight = weights.get(place, (0, 0))
        weights[place] = sets + 1, weight + MILLION // many[one.row]
    return weights


def _size(count: int) -> str:
    return str(count) if count < 3 else "3-9" if count < 10 else f"10-{MOST}"
