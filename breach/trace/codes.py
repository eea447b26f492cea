"""Whose marks a file shows: an e-value per suspect that holds however the leakers cheated (tracing.md §2.4).

Given what was read, an innocent suspect's bits are still random: they were drawn with a secret key, and nobody
who made the file has seen them. Each factor of the score has mean 1 over those bits, so the score exceeds x for
at most one innocent in x, by Markov's inequality, for every way to make the file. Positions that could not be
read are not there; which are read may depend on the readings and never on the suspects' bits.

Rounds: whoever passes the line is accused, and the others are weighed again with the bits of the accused known: their
marks no longer look like chance. The rounds of a suspect are a mixture with weights 3/4, 1/8, 1/16, ... fixed
beforehand, each an e-value because it depends on others' bits alone; the sum of those so far is what is compared.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from breach.trace.families import LN_WEIGHTS, MIXES, NOISES, SHARES, ln_own, ln_ratios

type Figures = NDArray[np.float64]
type Numbers = NDArray[np.int64]
type Bits = NDArray[np.uint8]

_FIRST_ROUND = 0.75
_LOUDEST = 600.0  # of one row, in nats: more would overflow, and less only weakens an accusation


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What was read, and who holds it. `biases`, `bits`, `rows`: per position its bias, the bit read and the number of
    the leaked row it is in. `holders`, `positions`, `symbols`: per holding the suspect (0 to `suspects` - 1), the
    position and the suspect's own bit there.
    """

    suspects: int
    biases: Figures
    bits: Bits
    rows: Numbers
    holders: Numbers
    positions: Numbers
    symbols: Bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round: whose bits were known in it, and who passed the line by it."""

    given: tuple[int, ...]
    accused: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Per suspect: ln e-value, marks read that it holds, those of them that agree, and how many would by chance.

    `rounds`: how it came about; `positions`, `rows`: how much was read at all.
    """

    ln_e: tuple[float, ...]
    held: tuple[int, ...]
    agreeing: tuple[int, ...]
    expected: tuple[float, ...]
    rounds: tuple[Round, ...]
    positions: int
    leaked_rows: int

    @property
    def accused(self) -> tuple[int, ...]:
        """Everybody who passed the line."""
        return tuple(sorted(k for each in self.rounds for k in each.accused))


def decode(scorer: "Scorer", bar: float, beside: Sequence[float] | None = None) -> Decoded:
    """Weigh every suspect, accusing from `bar` (nats) on; the same marks give the same answer to the last digit.

    `beside`: ln e-values per suspect from other evidence, which count towards the line and must not know the bits.
    """
    marks = scorer.marks
    other = np.zeros(marks.suspects) if beside is None else np.asarray(beside, dtype=np.float64)
    total = np.full(marks.suspects, -np.inf)
    open_still = scorer.held > 0
    weight, rounds = _FIRST_ROUND, list[Round]()
    while True:
        given = tuple(int(k) for k in np.flatnonzero((scorer.held > 0) & ~open_still))
        scores = math.log(weight) + scorer.score(given)
        total = np.where(open_still, np.logaddexp(total, scores), total)
        passed = open_still & (total + other >= bar)
        rounds.append(Round(given=given, accused=tuple(int(k) for k in np.flatnonzero(passed))))
        if not passed.any():
            break
        open_still &= ~passed
        weight = (1 - _FIRST_ROUND) / 2 if len(rounds) == 1 else weight / 2
    return Decoded(
        ln_e=tuple(float(one) for one in np.where(scorer.held > 0, total, 0.0)),
        held=tuple(int(count) for count in scorer.held),
        agreeing=tuple(int(count) for count in scorer.agreeing()),
        expected=tuple(float(count) for count in scorer.expected()),
        rounds=tuple(rounds),
        positions=len(marks.bits),
        leaked_rows=len(np.unique(marks.rows)),
    )


class Scorer:
    """The score of every suspect, for any set of accused; what does not depend on them is worked out once."""

    def __init__(self, marks: Marks) -> None:
        self.marks = marks
        self._p, self._kind = np.unique(marks.biases, return_inverse=True)
        self.held = np.bincount(marks.holders, minlength=marks.suspects)
        rows = 1 + int(marks.rows.max(initial=-1))
        pairs, self._pair = np.unique(marks.holders * rows + marks.rows[marks.positions], return_inverse=True)
        self._pair_holder, self._pair_row = np.divmod(pairs, max(rows, 1))
        self._leaked = rows
        self._own = self._ln_own()

    def score(self, given: Sequence[int] = ()) -> Figures:
        """Ln e-value of every suspect with the bits of `given` known: the mean over all stories."""
        mixes, rows = self._of_mixes(given), self._of_rows(given)
        return ln_mean(np.concatenate((mixes, rows), axis=1))

    def agreeing(self) -> Numbers:
        """Per suspect: marks that show its bit."""
        same = self.marks.symbols == self.marks.bits[self.marks.positions]
        return np.bincount(self.marks.holders[same], minlength=self.marks.suspects)

    def expected(self) -> Figures:
        """Per suspect: how many of its marks would agree by chance, given what was read."""
        chance = np.where(self.marks.bits == 1, self.marks.biases, 1 - self.marks.biases)
        return np.bincount(self.marks.holders, chance[self.marks.positions], self.marks.suspects)

    def _of_mixes(self, given: Sequence[int]) -> Figures:
        """Counts of alike holdings times what each is worth: (suspects, mixes)."""
        marks = self.marks
        mine = np.isin(marks.holders, np.asarray(given, dtype=np.int64))
        known = np.bincount(marks.positions[mine], minlength=len(marks.bits))
        ones = np.bincount(marks.positions[mine], marks.symbols[mine], len(marks.bits)).astype(np.int64)
        most = 1 + int(known.max(initial=0))
        kinds = ((self._kind * 2 + marks.bits) * most + known) * most + ones
        alike, which = np.unique(kinds, return_inverse=True)
        worth = [self._worth(int(kind), most) for kind in alike]
        return self._counts(which, len(alike)) @ stacked(worth)

    def _worth(self, kind: int, most: int) -> Figures:
        rest, ones = divmod(kind, most)
        rest, known = divmod(rest, most)
        p, bit = divmod(rest, 2)
        return ln_ratios(float(self._p[p]), bit, known, ones)

    def _counts(self, which: Numbers, kinds: int) -> Figures:
        marks = self.marks
        cell = (marks.holders * kinds + which[marks.positions]) * 2 + marks.symbols
        counts = np.bincount(cell, minlength=marks.suspects * kinds * 2)
        return counts.reshape(marks.suspects, kinds * 2).astype(np.float64)

    def _ln_own(self) -> Figures:
        """Per (suspect, row): ln of how much likelier the row is as the suspect's own, a column per noise."""
        marks = self.marks
        table = np.array([[ln_own(float(p), bit).T for bit in (0, 1)] for p in self._p])
        if not len(table):
            return np.zeros((0, len(NOISES)))
        each = table[self._kind[marks.positions], marks.bits[marks.positions], marks.symbols]
        pairs = len(self._pair_row)
        sums = [np.bincount(self._pair, each[:, column], pairs) for column in range(len(NOISES))]
        return np.stack(sums, axis=1)

    def _of_rows(self, given: Sequence[int]) -> Figures:
        """The row stories: (suspects, stories). A row not the suspect's own is, in equal parts, an accused one's or
        a stranger's: what an accused one explains does not speak against others having leaked rows as well.
        """
        columns = []
        for noise in range(len(NOISES)):
            own = np.exp(np.minimum(self._own[:, noise], _LOUDEST))
            other = np.exp(np.minimum(self._ln_else(noise, given), _LOUDEST))
            for share in SHARES:
                elsewhere = (1 - share) * other
                ratio = np.log((share * own + elsewhere) / (share + elsewhere))
                columns.append(np.bincount(self._pair_holder, ratio, self.marks.suspects))
        return np.stack(columns, axis=1)

    def _ln_else(self, noise: int, given: Sequence[int]) -> Figures:
        """Per (suspect, row): ln of how much better than a stranger the accused together explain the row."""
        mine = np.isin(self._pair_holder, np.asarray(given, dtype=np.int64))
        known = np.bincount(self._pair_row[mine], minlength=self._leaked)
        best = np.zeros(self._leaked)  # ln of the sum with the stranger's 1 in it
        np.logaddexp.at(best, self._pair_row[mine], self._own[mine, noise])
        return np.asarray((best - np.log1p(known))[self._pair_row], dtype=np.float64)


def ln_mean(scores: Figures) -> Figures:
    """Ln of the mean over all stories by their weights, along the last axis."""
    weighed = scores + LN_WEIGHTS
    top = weighed.max(axis=1, initial=-np.inf)
    return np.asarray(top + np.log(np.exp(weighed - top[:, None]).sum(axis=1)))


def stacked(worth: Sequence[Figures]) -> Figures:
    """Tables of (mixes, bits), one per kind of position, as one of (kind and bit, mixes)."""
    if not worth:
        return np.zeros((0, len(MIXES)))
    return np.concatenate([one.T for one in worth])
