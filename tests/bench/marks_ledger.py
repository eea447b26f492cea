"""Whether leakers are found on a ledger like a real one: people held by few, files put together from parts of copies.

A thousand recipients hold 1,000 to 50,000 of a million people each; a fifth more rows come from elsewhere; 3 % of the
readings are wrong. Marks alone (tracing.md §3.3), and beside what the ledger says where recipients come in families
whose people are mostly or wholly the same (§3.4).
"""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from breach.trace.attribute import Rules, attribute
from breach.trace.codes import Scorer, decode
from breach.trace.evidence import Evidence, Pattern
from tests.bench.report import note
from tests.sim.forgeries import (
    City,
    Dice,
    Leak,
    biases,
    city,
    intersection,
    mixture,
    readings,
    union,
    with_families,
    with_foreign,
)

MILLION = 1_000_000
WRONG = 0.03
TRIPLES, ALIKE, COPIES = 0.59, 0.9, 30

type Making = Callable[[Dice, City, NDArray[np.int64], float], Leak]


class Cell(NamedTuple):
    """How a file is made, by how many, of which part of their people, with how many marks a row left to read; of how
    many rows at least, where there are a million people.
    """

    making: Making
    leakers: int
    fraction: float
    a_row: int
    least_rows: int = 1

    def described(self) -> dict[str, Any]:
        return {
            "attack": self.making.__name__,
            "leakers": self.leakers,
            "fraction": self.fraction,
            "marks_a_row": self.a_row,
            "least_rows": self.least_rows,
        }


ALONE = (
    *(Cell(union, size, 0.01, 4, 180) for size in (1, 2, 3)),
    Cell(mixture, 3, 0.01, 4, 180),
    *(Cell(union, size, 0.05, 4) for size in (1, 2, 3, 5)),
    *(Cell(mixture, size, 0.05, 4) for size in (3, 5)),
    Cell(union, 1, 0.05, 1),
    Cell(union, 1, 0.05, 1, 180),
    *(Cell(union, size, 0.05, 1) for size in (2, 3)),
    Cell(mixture, 3, 0.05, 1),
    Cell(intersection, 3, 0.3, 4),
)
IN_FAMILIES = (
    *(Cell(union, 1, fraction, a_row) for fraction in (0.01, 0.05) for a_row in (0, 1, 4)),
    *(Cell(union, 3, fraction, a_row) for fraction in (0.01, 0.05) for a_row in (0, 1, 4)),
)
REFERENCE = {
    (1, 0.01): {0: (0.45, 0.45), 1: (0.68, 0.68), 4: (0.95, 0.95)},
    (1, 0.05): {0: (0.42, 0.42), 1: (1.0, 1.0), 4: (1.0, 1.0)},
    (3, 0.01): {0: (0.95, 0.17), 1: (1.0, 0.47), 4: (1.0, 0.8)},
    (3, 0.05): {0: (1.0, 0.25), 1: (1.0, 0.95), 4: (1.0, 1.0)},
}
"""(leakers, fraction) to marks a row to (any found, all found) of the simulation the method was chosen by."""


def world(dice: Dice, recipients: int, people: int) -> City:
    """Recipients of a thousandth to a twentieth of the people."""
    return city(dice, recipients=recipients, people=people, least=people // 1000, most=people // 20)


def possible(dice: Dice, of: City, files: int, line: float) -> float:
    """The share of lone leakers of 5 %, one mark a row, who would pass the line if one knew that they were alone and how
    much is misread: no decoder finds more of them.
    """
    passed = 0
    for _ in range(files):
        count = int(dice.binomial(len(of.held[dice.integers(len(of.held))]), 0.05))
        p = biases(dice, count)
        own = dice.random(count) < p
        wrong = dice.random(count) < WRONG
        one_read = p * (1 - WRONG) + (1 - p) * WRONG
        likely = np.where(wrong, WRONG, 1 - WRONG) / np.where(own ^ wrong, one_read, 1 - one_read)
        passed += float(np.log(likely).sum()) >= line
    return passed / files


def measure(dice: Dice, of: City, files: int, line: float) -> list[dict[str, Any]]:
    """Marks alone."""
    return [_measured(dice, of, cell, files, lambda *made: _by_marks(*made, line)) for cell in ALONE]


def in_families(dice: Dice, of: City, files: int, rules: Rules) -> list[dict[str, Any]]:
    """The ledger's word and marks, with at least one leaker in a family, half the time one of two that hold the same."""
    related = with_families(dice, of, share=TRIPLES, alike=ALIKE, copies=COPIES * len(of.held) // 1000)
    cells = []
    for cell in IN_FAMILIES:
        made = _measured(dice, related, cell, files, lambda *made: _by_all(*made, rules), _of_family)
        any_, all_ = REFERENCE[cell.leakers, cell.fraction][cell.a_row]
        cells.append({**made, "reference_any": any_, "reference_all": all_})
    return cells


def _measured(
    dice: Dice,
    of: City,
    cell: Cell,
    files: int,
    judge: Callable[[Dice, City, Cell, NDArray[np.int64], Leak], set[int]],
    leakers: Callable[[Dice, City, int], NDArray[np.int64]] | None = None,
) -> dict[str, Any]:
    rows, any_, all_, wrongly = [], 0, 0, 0
    for _ in range(files):
        while True:
            guilty = (leakers or _anybody)(dice, of, cell.leakers)
            made = cell.making(dice, of, guilty, cell.fraction)
            if len(made.people) >= cell.least_rows * of.people / MILLION:
                break
        named = judge(dice, of, cell, guilty, with_foreign(dice, of, made))
        found = named & set(guilty.tolist())
        rows.append(len(made.people))
        any_ += bool(found)
        all_ += len(found) == cell.leakers
        wrongly += len(named - found)
    note(f"marks: {cell.described()}: any {any_ / files:.2f}, all {all_ / files:.2f}")
    return {
        **cell.described(),
        "files": files,
        "median_rows": int(np.median(rows)),
        "any": any_ / files,
        "all": all_ / files,
        "innocents_accused": wrongly,
    }


def _anybody(dice: Dice, of: City, size: int) -> NDArray[np.int64]:
    return dice.choice(len(of.held), size, replace=False)


def _of_family(dice: Dice, of: City, size: int) -> NDArray[np.int64]:
    """The first in a family: half the time the first or the third of the leading triples, which hold the same."""
    triples = round(len(of.held) * TRIPLES / 3)
    copies = max(COPIES * len(of.held) // 1000, 1)
    of_copy = bool(dice.integers(2))
    first = 3 * dice.integers(copies if of_copy else triples) + dice.choice([0, 2] if of_copy else [0, 1, 2])
    others = np.setdiff1d(dice.choice(len(of.held), size, replace=False), [first])[: size - 1]
    return np.concatenate(([first], others))


def _by_marks(
    dice: Dice, of: City, cell: Cell, guilty: NDArray[np.int64], leak: Leak, line: float
) -> set[int]:
    read = readings(dice, of, guilty, leak, a_row=cell.a_row, wrong=WRONG)
    return set(decode(Scorer(read), line).accused)


def _by_all(
    dice: Dice, of: City, cell: Cell, guilty: NDArray[np.int64], leak: Leak, rules: Rules
) -> set[int]:
    marks = readings(dice, of, guilty, leak, a_row=cell.a_row, wrong=WRONG) if cell.a_row else None
    result = attribute(evidence(of, leak.people), rules, marks=marks)
    return {finding.recipient for finding in result.findings if finding.named}


def evidence(of: City, people: NDArray[np.int64]) -> Evidence:
    """What the ledger says of a file that shows these people."""
    recipients, number = of.holdings(people)
    ends = np.searchsorted(number, np.arange(len(people) + 1))
    patterns = Counter(
        Pattern(able=tuple((int(k), 1) for k in recipients[start:end])) for start, end in pairwise(ends)
    )
    dark = np.diff(of.starts) == 0
    return Evidence(
        held=tuple(len(held) for held in of.held),
        people=of.people,
        dark=int(dark.sum()),
        dark_found=int(dark[people].sum()),
        found=patterns,
    )
