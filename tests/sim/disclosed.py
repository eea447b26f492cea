"""A whole installation's disclosures as sets of numbers: who received whom, at the size that tracing is judged by.

People are popular to different degrees (gamma), recipients hold 1,000 to 50,000 of them (log-uniform). In families a
share of the recipients come in triples that hold nearly the same people, some of them exactly the same.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from breach.trace.evidence import Evidence, Pattern

POPULARITY = 1.4
"""Shape of the gamma law; with 12 disclosures a person it leaves 4 % of the people undisclosed."""

type Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosed:
    """`sets[i]`: people recipient i received, sorted. `holders_of` gives the recipients of one person.

    `siblings[i]`: the others of its triple; `twins[i]`: those of them that hold exactly the same people.
    """

    people: int
    sets: tuple[Ints, ...]
    siblings: dict[int, tuple[int, ...]]
    twins: dict[int, tuple[int, ...]]
    holders: Ints
    edges: Ints

    def holders_of(self, person: int) -> Ints:
        return self.holders[self.edges[person] : self.edges[person + 1]]

    @property
    def undisclosed(self) -> int:
        return int((np.diff(self.edges) == 0).sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """`in_triples`: share of the recipients that come in triples; `overlap`: Jaccard index of two of a triple;
    `identical`: how many triples hold exactly the same people.
    """

    recipients: int
    people: int
    least: int = 1_000
    most: int = 50_000
    in_triples: float = 0.0
    overlap: float = 0.9
    identical: int = 0


def disclosed(dice: np.random.Generator, shape: Shape) -> Disclosed:
    """A ledger of this shape."""
    reach = np.cumsum(dice.gamma(POPULARITY, size=shape.people))
    sets: list[Ints] = []
    siblings: dict[int, tuple[int, ...]] = {}
    twins: dict[int, tuple[int, ...]] = {}
    triples = round(shape.recipients * shape.in_triples / 3)
    for family in range(triples):
        size = _size(dice, shape)
        base = _drawn(dice, reach, size)
        numbers = (len(sets), len(sets) + 1, len(sets) + 2)
        siblings |= {k: tuple(other for other in numbers if other != k) for k in numbers}
        if family < shape.identical:
            sets += [base] * 3
            twins |= {k: siblings[k] for k in numbers}
        else:
            # Each exchanges the same share of a common stock: |A and B| = (1-r)^2 h = 2J/(1+J) h.
            kept = round(size * (2 * shape.overlap / (1 + shape.overlap)) ** 0.5)
            sets += [_varied(dice, reach, base, kept) for _ in numbers]
    sets += [_drawn(dice, reach, _size(dice, shape)) for _ in range(shape.recipients - len(sets))]
    return _indexed(shape.people, sets, siblings, twins)


def leaked(dice: np.random.Generator, of: Disclosed, guilty: dict[int, float], foreign: float) -> Ints:
    """The people a dump shows: a fraction of what each of the guilty holds, and `foreign` more rows of anybody's."""
    parts = [
        dice.choice(of.sets[k], max(1, round(len(of.sets[k]) * f)), replace=False) for k, f in guilty.items()
    ]
    mine = np.unique(np.concatenate(parts))
    return np.union1d(mine, dice.integers(0, of.people, round(len(mine) * foreign)))


def evidence(of: Disclosed, found: Ints, rows: int) -> Evidence:
    """What a trace of a file of so many rows would see, if it shows exactly these people."""
    patterns: Counter[Pattern] = Counter()
    dark_found = 0
    for person in found:
        holders = of.holders_of(int(person)).tolist()
        dark_found += not holders
        patterns[Pattern(able=tuple((k, 1) for k in holders))] += 1
    return Evidence(
        held=tuple(len(one) for one in of.sets),
        people=of.people,
        dark=of.undisclosed,
        dark_found=dark_found,
        found=patterns,
        rows=rows,
    )


def _size(dice: np.random.Generator, shape: Shape) -> int:
    return round(shape.least * (shape.most / shape.least) ** dice.random())


def _drawn(dice: np.random.Generator, reach: NDArray[np.float64], size: int) -> Ints:
    """So many different people, popular ones more often."""
    found: Ints = np.empty(0, dtype=np.int64)
    while len(found) < size:
        wanted = round((size - len(found)) * 1.2) + 10
        more = np.searchsorted(reach, dice.random(wanted) * reach[-1])
        fresh = np.setdiff1d(more, found)
        found = np.concatenate([found, dice.permutation(fresh)[: size - len(found)]])
    return np.sort(found)


def _varied(dice: np.random.Generator, reach: NDArray[np.float64], base: Ints, kept: int) -> Ints:
    own = dice.choice(base, kept, replace=False)
    fresh = np.setdiff1d(_drawn(dice, reach, 2 * (len(base) - kept) + 20), base)
    return np.sort(np.concatenate([own, dice.permutation(fresh)[: len(base) - kept]]))


def _indexed(
    people: int, sets: list[Ints], siblings: dict[int, tuple[int, ...]], twins: dict[int, tuple[int, ...]]
) -> Disclosed:
    everybody = np.concatenate(sets)
    recipients = np.repeat(np.arange(len(sets)), [len(one) for one in sets])
    order = np.argsort(everybody, kind="stable")
    return Disclosed(
        people=people,
        sets=tuple(sets),
        siblings=siblings,
        twins=twins,
        holders=recipients[order],
        edges=np.searchsorted(everybody[order], np.arange(people + 1)),
    )
