"""The stage between matching and weighing: rows that nobody was found by are held against blind codes (ADR 0046).

While the file is read, such rows wait in the data base, sealed. The stage makes what codes are missing,
compares, and writes candidates and its own end in one transaction, with which the rows go: killed anywhere, it
is done again whole. A row's m candidates have the weight 1/m each, or where the operator wants it what Splink
gives them. Nothing here is a match, and no figure that accuses reads it.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

from sqlalchemy import Connection, delete, select

from breach.matching import items
from breach.matching.linkable import LINKED, Record
from breach.matching.masked import MILLION, Weights
from breach.stages import Stage, Standing, advance, standing
from breach.tables import trace_row
from vault.ids import Person
from vault.linkage import choice, filling, plain
from vault.linkage.choice import Mode
from vault.linkage.held import HeldRecords
from vault.linkage.likeness import ALIKE
from vault.linkage.plain import Model
from vault.linkage.suggesting import MOST, Suggested, suggest
from vault.opening import Vault
from vault.reading.records import count_people
from vault.storage.rowset import RowSet

_PAGE = 5_000
_HOLD = RowSet(
    "WITH {rows} INSERT INTO trace_row (trace, number, sealed) SELECT trace, number, sealed FROM rows WHERE true",
    trace="bytes",
    number="int",
    sealed="bytes",
)

LEAST_SHARE = 0.01
"""Candidates weighed in clear whose weight is less are none."""

type Progress = Callable[[str, int, int], None]
type Candidates = Mapping[tuple[int, Person], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """What the stage counted: rows compared, and by how many people they are like (as `Cells.candidates`)."""

    rows: int = 0
    candidates: Mapping[str, int] = field(default_factory=dict)
    people: int = 0
    model: Model | None = None

    def as_dict(self) -> dict[str, Any]:
        """The counts as a JSON object."""
        counts = {"rows": self.rows, "candidates": dict(self.candidates), "people": self.people}
        return counts if self.model is None else {**counts, "model": list(self.model)}


def parameters(mode: Mode) -> dict[str, Any]:
    """What the stage is asked, as JSON: part of the question that a trace answers."""
    return {"method": 1, "mode": mode.value, "alike": ALIKE, "most": MOST}


def mode_of(vault: Vault) -> Mode:
    """Whether the operator has blind codes made, and what they suggest weighed in clear."""
    with vault.data.read() as conn:
        return choice.mode(conn)


def hold(conn: Connection, vault: Vault, trace_id: bytes, start: int, records: Sequence[Record]) -> None:
    """Keep the records of a block until they are compared; `start` is the number of the first."""
    held = HeldRecords(vault.keyring)
    rows = [
        (trace_id, at, held.seal(_place(trace_id, at), record)) for at, record in enumerate(records, start)
    ]
    for part in batched(rows, _PAGE):
        _HOLD(conn, part)


def link(
    vault: Vault,
    trace_id: bytes,
    mode: Mode,
    *,
    now_ms: int,
    progress: Progress,
    model: Model | None = None,
) -> Linked:
    """Compare what is held; a stage that has ended answers what it counted then. Raises LinkageStopped.

    `model`: by which an earlier run weighed in clear; None: learnt anew.
    """
    with vault.data.read() as conn:
        at = standing(conn, trace_id, Stage.LINK)
    if at is not None and at.detail is not None:
        return Linked(**at.detail)
    records = list(_held(vault, trace_id))
    if records:
        filling.fill(vault, report=lambda done, total: progress(Stage.LINK, done, 2 * total))
    progress(Stage.LINK, 1, 2)
    suggested = suggest(vault, records)
    candidates, model = _candidates(vault, records, suggested, mode, model)
    linked = _counted(len(records), candidates, suggested.crowded, model)
    end = Standing(done=len(records), total=len(records), detail=linked.as_dict(), finished=True)
    with vault.data.write() as conn:
        items.add_weights(conn, trace_id, _weights(candidates))
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


def _candidates(
    vault: Vault, records: Sequence[Record], suggested: Suggested, mode: Mode, model: Model | None
) -> tuple[Candidates, Model | None]:
    """By row and person, what weight the person has: 1/m, or by the ratios of Splink, which leaves out the unlikely."""
    if mode is not Mode.PLAIN or not suggested.found:
        many = Counter(one.row for one in suggested.found)
        return {(one.row, one.person): 1 / many[one.row] for one in suggested.found}, None
    weighed = plain.weigh(vault, records, suggested, model)
    with vault.data.read() as conn:
        people = count_people(conn)
    every = plain.shares(suggested.found, weighed.bits, people)
    return {who: share for who, share in every.items() if share >= LEAST_SHARE}, weighed.model


def _counted(rows: int, candidates: Candidates, crowded: Collection[int], model: Model | None) -> Linked:
    by_row = Counter(row for row, _ in candidates)
    sizes = Counter(_size(count) for count in by_row.values())
    sizes["too_many"] = len(crowded)
    sizes["none"] = rows - len(by_row) - len(crowded)
    return Linked(
        rows=rows,
        candidates={size: count for size, count in sorted(sizes.items()) if count},
        people=len({person for _, person in candidates}),
        model=model,
    )


def _weights(candidates: Candidates) -> Weights:
    weights: Weights = {}
    for (_, person), share in candidates.items():
        place = (*person, LINKED)
        sets, weight = weights.get(place, (0, 0))
        weights[place] = sets + 1, weight + int(MILLION * share)
    return weights


def _size(count: int) -> str:
    return str(count) if count < 3 else "3-9" if count < 10 else f"10-{MOST}"
