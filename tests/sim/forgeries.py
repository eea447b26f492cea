"""Leakers with marked copies, and what they make of them: the generators of the simulations of marks.

Two worlds. In the **worst case** everybody holds every leaked row, so that only bits tell recipients apart
(tracing.md §3.2). In the **realistic ledger** (§3.3) a thousand recipients hold a thousand to fifty thousand of
a million people each, popular people more often, and a leaked row is mostly one leaker's alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from breach.trace.codes import Marks
from consent.marks.symbols import BIASES

LAW = np.array([p for p, _ in BIASES])
SHARE = np.array([share for _, share in BIASES])

type Dice = np.random.Generator
type Bits = NDArray[np.uint8]


def biases(dice: Dice, count: int) -> NDArray[np.float64]:
    """Biases of so many positions."""
    return dice.choice(LAW, size=count, p=SHARE)


def codes(dice: Dice, recipients: int, of: NDArray[np.float64]) -> Bits:
    """The bits of each recipient at positions of these biases: (recipients, positions)."""
    return (dice.random((recipients, len(of))) < of).astype(np.uint8)


def interleave(dice: Dice, copies: Bits) -> Bits:
    """Every mark from a leaker chosen at random."""
    chosen = dice.integers(len(copies), size=copies.shape[1])
    return copies[chosen, np.arange(copies.shape[1])]


def majority(dice: Dice, copies: Bits) -> Bits:
    """The form most of the copies have."""
    return _by_count(dice, copies, lambda ones, size: np.sign(2 * ones - size) / 2 + 0.5)


def minority(dice: Dice, copies: Bits) -> Bits:
    """The form fewest of them have, but at least one."""
    return _by_count(dice, copies, lambda ones, size: 0.5 - np.sign(2 * ones - size) / 2)


def coin(dice: Dice, copies: Bits) -> Bits:
    """Either, by a coin, where copies differ."""
    return _by_count(dice, copies, lambda ones, _size: np.full(len(ones), 0.5))


def all_ones(dice: Dice, copies: Bits) -> Bits:
    """A 1 wherever any copy has it."""
    return _by_count(dice, copies, lambda ones, _size: np.ones(len(ones)))


def all_zeros(dice: Dice, copies: Bits) -> Bits:
    """A 0 wherever any copy has it."""
    return _by_count(dice, copies, lambda ones, _size: np.zeros(len(ones)))


def edited(dice: Dice, copies: Bits) -> Bits:
    """Interleaved, and one mark in ten overwritten with a bit of no copy."""
    return np.where(
        dice.random(copies.shape[1]) < 0.1,
        dice.integers(2, size=copies.shape[1], dtype=np.uint8),
        interleave(dice, copies),
    )


type Attack = Callable[[Dice, Bits], Bits]

ATTACKS: dict[str, Attack] = {
    one.__name__: one for one in (interleave, majority, minority, coin, all_ones, all_zeros, edited)
}


def _by_count(
    dice: Dice, copies: Bits, chance: Callable[[NDArray[np.int64], int], NDArray[np.float64]]
) -> Bits:
    size, ones = len(copies), copies.sum(axis=0, dtype=np.int64)
    likely = np.where((ones == 0) | (ones == size), ones / size, chance(ones, size))
    return (dice.random(len(ones)) < likely).astype(np.uint8)


def misread(dice: Dice, bits: Bits, share: float) -> Bits:
    """The same with a share of the readings wrong."""
    return bits ^ (dice.random(len(bits)) < share)


def worst_case(
    dice: Dice, *, leakers: int, others: int, count: int, attack: Attack, wrong: float = 0.0
) -> Marks:
    """Everybody holds `count` marks, four a row; suspects 0 to `leakers` - 1 made the file together."""
    of = biases(dice, count)
    held = codes(dice, leakers + others, of)
    return Marks(
        suspects=len(held),
        biases=of,
        bits=misread(dice, attack(dice, held[:leakers]), wrong),
        rows=np.arange(count) // 4,
        holders=np.repeat(np.arange(len(held)), count),
        positions=np.tile(np.arange(count), len(held)),
        symbols=held.reshape(-1),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """Who holds whom. `held[i]`: people of recipient i, ascending; `holders`, `starts`: the same by person."""

    people: int
    held: tuple[NDArray[np.int64], ...]
    holders: NDArray[np.int32]
    starts: NDArray[np.int64]

    def holdings(self, people: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(recipient, number in `people`) of everybody who holds any of these people."""
        counts = self.starts[people + 1] - self.starts[people]
        number = np.repeat(np.arange(len(people)), counts)
        first = np.repeat(self.starts[people] - np.concatenate(([0], np.cumsum(counts)[:-1])), counts)
        return self.holders[first + np.arange(len(number))].astype(np.int64), number


def city(dice: Dice, *, recipients: int, people: int, least: int, most: int) -> City:
    """Recipients of `least` to `most` people, log-uniform; people differ in popularity by a gamma law."""
    popularity = np.cumsum(dice.gamma(1.0, size=people))
    popularity /= popularity[-1]
    sizes = np.round(least * (most / least) ** dice.random(recipients)).astype(int)
    return indexed(people, tuple(_drawn(dice, popularity, size) for size in sizes))


def with_families(dice: Dice, of: City, *, share: float, alike: float, copies: int) -> City:
    """The same city, `share` of its recipients in triples that have `alike` (Jaccard) of their people in common, and
    `copies` of those exact copies of another.
    """
    held = list(of.held)
    triples = round(len(held) * share / 3)
    kept = 2 * alike / (1 + alike)
    for number, member in enumerate(at for first in range(triples) for at in (3 * first + 1, 3 * first + 2)):
        own = held[member - 1 - (member % 3 == 2)]
        stay = own if number % 2 and number < 2 * copies else dice.choice(own, round(kept * len(own)), False)
        others = dice.integers(of.people, size=2 * (len(own) - len(stay)))
        fresh = np.setdiff1d(others, own)
        held[member] = np.sort(np.concatenate((stay, dice.permutation(fresh)[: len(own) - len(stay)])))
    return indexed(of.people, tuple(held))


def indexed(people: int, held: tuple[NDArray[np.int64], ...]) -> City:
    """A city of recipients that hold exactly these people."""
    whom = np.concatenate(held)
    who = np.repeat(np.arange(len(held)), [len(one) for one in held])
    holders = (np.sort(whom * len(held) + who) % len(held)).astype(np.int32)
    starts = np.concatenate(([0], np.cumsum(np.bincount(whom, minlength=people))))
    return City(people=people, held=held, holders=holders, starts=starts)


def _drawn(dice: Dice, popularity: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    """`size` different people, each drawn by popularity."""
    drawn = np.empty(0, dtype=np.int64)
    while len(drawn) < size:
        more = np.searchsorted(popularity, np.sort(dice.random(size)))
        drawn = np.unique(np.concatenate((drawn, np.minimum(more, len(popularity) - 1))))
    return np.sort(dice.choice(drawn, size, replace=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A file: the people in it, and per person and leaker whether the leaker's copy went into the row. A row of no leaker
    came from elsewhere: it shows values as they are stored.
    """

    people: NDArray[np.int64]
    sources: NDArray[np.bool_]
    mixed: Attack | None


def union(dice: Dice, of: City, leakers: NDArray[np.int64], fraction: float) -> Leak:
    """Each leaker's part of its people, one file behind the other; of a person twice in it one row is left."""
    parts = [of.held[k][dice.random(len(of.held[k])) < fraction] for k in leakers]
    people = np.unique(np.concatenate(parts))
    sources = np.stack([np.isin(people, part) for part in parts])
    ranks = np.where(sources, dice.random(sources.shape), -1)
    return Leak(people=people, sources=sources & (ranks == ranks.max(axis=0)), mixed=None)


def with_foreign(dice: Dice, of: City, leak: Leak, share: float = 0.2) -> Leak:
    """The same file and so many more rows of anybody, from somewhere else."""
    more = np.setdiff1d(dice.choice(of.people, round(share * len(leak.people)), replace=False), leak.people)
    people = np.concatenate((leak.people, more))
    none = np.zeros((len(leak.sources), len(more)), dtype=np.bool_)
    return Leak(people=people, sources=np.concatenate((leak.sources, none), axis=1), mixed=leak.mixed)


def mixture(
    dice: Dice, of: City, leakers: NDArray[np.int64], fraction: float, attack: Attack = minority
) -> Leak:
    """The union, each row mixed from the copies of all leakers that hold the person."""
    people = union(dice, of, leakers, fraction).people
    return Leak(people=people, sources=_holding(of, leakers, people), mixed=attack)


def intersection(dice: Dice, of: City, leakers: NDArray[np.int64], fraction: float) -> Leak:
    """Only people that two leakers or more hold, a fraction of them, with marks mixed by the minority."""
    everybody, counts = np.unique(np.concatenate([of.held[k] for k in leakers]), return_counts=True)
    shared = everybody[counts > 1]
    people = shared[dice.random(len(shared)) < fraction]
    return Leak(people=people, sources=_holding(of, leakers, people), mixed=minority)


def _holding(of: City, leakers: NDArray[np.int64], people: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.stack([np.isin(people, of.held[k]) for k in leakers])


def readings(
    dice: Dice, of: City, leakers: NDArray[np.int64], leak: Leak, *, a_row: int, wrong: float
) -> Marks:
    """What is read of a file with `a_row` marks left in every row, and what every holder was given there."""
    count = len(leak.people) * a_row
    of_bias = biases(dice, count)
    recipients, number = of.holdings(leak.people)
    positions = (number[:, None] * a_row + np.arange(a_row)).reshape(-1)
    holders = np.repeat(recipients, a_row)
    symbols = (dice.random(len(holders)) < of_bias[positions]).astype(np.uint8)
    copies = np.zeros((len(leakers), count), dtype=np.uint8)
    for at, k in enumerate(leakers):
        mine = holders == k
        copies[at, positions[mine]] = symbols[mine]
    return Marks(
        suspects=len(of.held),
        biases=of_bias,
        bits=misread(dice, _read(dice, copies, leak, a_row), wrong),
        rows=np.arange(count) // max(a_row, 1),
        holders=holders,
        positions=positions,
        symbols=symbols,
    )


def _read(dice: Dice, copies: Bits, leak: Leak, a_row: int) -> Bits:
    """The bits of the file before any is misread: of each row, by the copies that went into it."""
    made = np.zeros(copies.shape[1], dtype=np.uint8)
    alike, which = np.unique(leak.sources, axis=1, return_inverse=True)
    for at in range(alike.shape[1]):
        where = np.repeat(which.reshape(-1) == at, a_row)
        own = copies[np.flatnonzero(alike[:, at])][:, where]
        if len(own):
            made[where] = own[0] if leak.mixed is None else leak.mixed(dice, own)
    return made
