"""Rows that show only parts of values: who may be meant, and when that is one person (tracing.md §5.6).

A masked cell alone is never a match. The people whom its best tag suggests (or, where that would suggest too many, the
best tag of it and the name of its row: a name and the last four characters of a resident number) are opened inside the vault; the m
of them who fit everything the row shows are its candidates, and the weight of "this row is about j", for each
of them, against "it is about one of those who fit" is 1/m. These weights are recorded and added up for each
recipient; they enter no e-value. A row agrees when one person is left and at least two independent parts
(`masked_cells.independent`) fit that person. Somebody of whom the vault does not have what the row shows is not
contradicted, and counts as left; but whoever lacks the very value that is looked up by is not thought of.

What the parts of a row fit is chance too: of a million people, many share an ending and a family name. How often is
measured in the file itself. Each row is put together once more, its looked-up part with all other parts of a row
up to 500 further on, and judged the same. Nobody is meant by such a control, so what agrees there agrees by chance
(`trace.chance` says what follows).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import batched

from sqlalchemy import Connection

from breach.intake.columns import IDENTIFIERS
from breach.matching.cells import Cells
from breach.matching.masked_cells import IDENTIFYING, independent
from vault.families.merge import survivors
from vault.ids import Bucket, Person, SubjectId
from vault.keys.keyring import Keyring
from vault.tags import Fitting, Plan, Probe, Reading, fitting, match, plans

MOST_CANDIDATES = 64
"""How many suggested people are opened for one row at most."""

PARTS = 2
"""How many independent parts of a row must fit the one person who is left."""

MILLION = 1_000_000

_CHUNK = 1_000
"""Rows judged at once, to bound the memory: each asks about up to 64 people, twice."""

type Row = Mapping[str, Reading]
"""What a row shows, by field code."""

type Weights = dict[tuple[Bucket, SubjectId, str], tuple[int, int]]
"""By person and looked-up field: in how many candidate sets they are, and the sum of 1/m in millionths."""


def added(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """What both weigh together."""
    return one[0] + other[0], one[1] + other[1]


type Shown = Mapping[Person, Mapping[str, tuple[int, ...]]]
"""Who is left, and by field which of their versions fit."""


@dataclass(slots=True)
class Settled:
    """`agreed`: (person, field, version) of rows with one person left; `weights` of the people of the others; `met`:
    whoever of these was met by more than parts of a value.
    """

    agreed: set[tuple[Bucket, SubjectId, str, int]] = field(default_factory=set)
    weights: Weights = field(default_factory=dict)
    met: set[Person] = field(default_factory=set)

    def weigh(self, whom: tuple[Bucket, SubjectId, str], candidates: int) -> None:
        """Count somebody as one of so many candidates."""
        self.weights[whom] = added(self.weights.get(whom, (0, 0)), (1, MILLION // candidates))


@dataclass(frozen=True, slots=True)
class _Case:
    """A row and by what it is looked up: its identifying part `anchor`, alone or (`pair`) under this tag of it and the
    name. `people` are whom that suggests.
    """

    row: Row
    anchor: str
    probes: tuple[Probe, ...]
    pair: str | None = None
    people: tuple[Person, ...] = ()


def settle(conn: Connection, keyring: Keyring, rows: Sequence[Row], people: int, cells: Cells) -> Settled:
    """Judge the masked rows of a batch, in a vault of so many people; counts into `cells`."""
    settled = Settled()
    for part in batched(rows, _CHUNK):
        _settle(conn, keyring, part, people, cells, settled)
    return settled


def _settle(
    conn: Connection, keyring: Keyring, rows: Sequence[Row], people: int, cells: Cells, settled: Settled
) -> None:
    cells.rows_masked += len(rows)
    for row in rows:
        cells.masked.update(IDENTIFYING.intersection(row))
    cases = _suggested(conn, keyring, [case for row in rows if (case := _case(row, people))])
    cells.candidates.update(["too_many"] * (len(rows) - len(cases)))
    controls = _suggested(conn, keyring, list(_controls(cases)))
    answers = _Answers(conn, keyring, [*cases, *controls])
    for case in cases:
        _judge(case, answers, settled, cells)
    cells.rows_controlled += len(controls)
    cells.controls_agreed += sum(answers.the_one(control) is not None for control in controls)


def _case(row: Row, people: int) -> _Case | None:
    """The most telling identifying part by itself or, where all would suggest too many, with the name; else None."""
    found = [
        (code, plan)
        for code in sorted(IDENTIFYING.intersection(row))
        for plan in plans({code: row[code]})
        if plan.expected(people) <= MOST_CANDIDATES
    ]
    best: tuple[str, Plan] | None = max(found, key=lambda one: one[1].bits, default=None)
    if best is not None:
        return _Case(row, best[0], best[1].probes)
    pairs = [plan for plan in _pairs(row) if plan.expected(people) <= MOST_CANDIDATES]
    return _paired(row, pairs[0]) if pairs else None


def _pairs(row: Row) -> list[Plan]:
    """The ways to look for an identifying part together with a name, the most telling first."""
    return [plan for plan in plans(row) if len(plan.fields) > 1 and IDENTIFYING & plan.fields]


def _paired(row: Row, plan: Plan) -> _Case:
    (anchor,) = IDENTIFYING & plan.fields
    return _Case(row, anchor, plan.probes, plan.how)


def _suggested(conn: Connection, keyring: Keyring, cases: Sequence[_Case]) -> list[_Case]:
    """The cases with their people, but for those with too many."""
    probes = list(dict.fromkeys(probe for case in cases for probe in case.probes))
    people: dict[Probe, dict[Person, None]] = {}
    for hit in match(conn, keyring.tag_keys, probes):
        people.setdefault(probes[hit.probe], {})[hit.bucket, hit.subject] = None
    suggested = ({who for probe in case.probes for who in people.get(probe, ())} for case in cases)
    return [
        replace(case, people=tuple(sorted(found)))
        for case, found in zip(cases, suggested, strict=True)
        if len(found) <= MOST_CANDIDATES
    ]


def _controls(cases: Sequence[_Case]) -> Iterator[_Case]:
    """Each row once more, its looked-up part with the other parts of another row that shows the same columns."""
    alike: dict[tuple[str, ...], list[_Case]] = {}
    for case in cases:
        if len(case.row) > 1:
            alike.setdefault((case.pair or "", case.anchor, *sorted(case.row)), []).append(case)
    for group in alike.values():
        for case, other in zip(group, _turned(group), strict=True):
            # Two rows that show one and the same may be about one and the same person.
            if other.row[case.anchor] != case.row[case.anchor]:
                row = {**other.row, case.anchor: case.row[case.anchor]}
                # Of a pair the name is the other row's, so that pair is looked up anew.
                pairs = (_paired(row, plan) for plan in _pairs(row) if plan.how == case.pair)
                yield next(pairs, replace(case, row=row))


def _turned(group: Sequence[_Case]) -> Iterable[_Case]:
    half = (len(group) + 1) // 2
    return [*group[half:], *group[:half]]


class _Answers:
    """Which versions of whom fit which part, for all cases of a batch at once."""

    def __init__(self, conn: Connection, keyring: Keyring, cases: Sequence[_Case]) -> None:
        asked = list(dict.fromkeys(question for case in cases for question in _questions(case)))
        self._fits = dict(zip(asked, fitting(conn, keyring, asked), strict=True))
        self._merged = survivors(conn, {(one.bucket, one.subject) for one in asked})

    def left(self, case: _Case) -> Shown:
        """Who fits the looked-up part and is contradicted by no other."""
        return {who: fits for who in case.people if (fits := self._fitting(case, who)) is not None}

    def the_one(self, case: _Case) -> Shown | None:
        """The only person left, by enough parts (with the accounts that were merged into them); else None."""
        left = self.left(case)
        same = {self._merged.get(subject, subject) for _, subject in left}
        codes = {code for fits in left.values() for code in fits}
        return left if len(same) == 1 and independent(case.row, codes) >= PARTS else None

    def _fitting(self, case: _Case, who: Person) -> dict[str, tuple[int, ...]] | None:
        fits: dict[str, tuple[int, ...]] = {}
        for code, reading in case.row.items():
            versions = self._fits[Fitting(*who, code, reading)]
            if versions == () or (versions is None and code == case.anchor):
                return None
            if versions:
                fits[code] = versions
        return fits


def _questions(case: _Case) -> Iterator[Fitting]:
    for who in case.people:
        for code, reading in case.row.items():
            yield Fitting(*who, code, reading)


def _judge(case: _Case, answers: _Answers, settled: Settled, cells: Cells) -> None:
    one = answers.the_one(case)
    if one is not None:
        cells.rows_agreed_masked += 1
        codes = {code for fits in one.values() for code in fits}
        cells.agreed_by[str(independent(case.row, codes))] += 1
        settled.agreed |= {
            (*who, code, version)
            for who, fits in one.items()
            for code, versions in fits.items()
            if code in IDENTIFIERS
            for version in versions
        }
        return
    left = answers.left(case)
    cells.candidates[_size(len(left))] += 1
    for bucket, subject in left:
        settled.weigh((bucket, subject, case.anchor), len(left))


def _size(count: int) -> str:
    if count == 0:
        return "none"
    return str(count) if count < 3 else "3-9" if count < 10 else f"10-{MOST_CANDIDATES}"
