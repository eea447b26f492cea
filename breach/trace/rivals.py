"""The strongest story in which given recipients are innocent: an upper bound on its likelihood.

Model (noisy-OR): every recipient k leaked each person it holds with its own fraction, the outside adds each person of
the vault with its own rate, all independently. With b = -ln(1 - fraction) the log-likelihood

    L(b) = - sum_k missed_k b_k + sum_found ln(1 - exp(-(b_outside + sum of b of those able)))

is concave. The maximum over all fractions of everybody but the excluded is found by coordinate ascent and bounded
from above by its dual, which holds however far the ascent came: for slopes s with
sum of s over the found people of k <= missed_k for every k, L <= sum phi(s), phi(s) = -ln(1+s) - s ln(1+1/s).

Of a thousand recipients few are worth anything to the best story: the ascent moves those alone, and lets another in
only when the slopes say that it would gain (load above missed). The best story without exclusions is found once; every
question about one or a few innocents starts from it.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from breach.trace.evidence import Evidence

_ROUNDS = 200
_SWEEPS = 12
_NEWTON = 2
_GAP = 1e-7
_MOST = 40.0  # of b: a leaked fraction of 1 - 4e-18; only the ascent is boxed, the bound is not
_LEAST = 1e-12

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rivals:
    """`bound`: no story without the excluded is likelier (nats). `shares[k]`: found people k explains in it."""

    bound: float
    shares: dict[int, float]


class Defence:
    """Answers for one evidence, whoever is to be innocent."""

    def __init__(self, evidence: Evidence) -> None:
        self._found = _Found(evidence)
        self._whole: _Ascent | None = None

    def strongest(self, excluded: Collection[int] = ()) -> Rivals:
        """Bound the best explanation of the evidence in which no `excluded` recipient leaked anything."""
        if self._whole is None:
            self._whole = _Ascent(self._found, {})
            self._whole.climb()
        ascent = self._whole
        if any(ascent.b.get(k) for k in excluded):
            ascent = _Ascent(self._found, {k: b for k, b in ascent.b.items() if k not in excluded}, excluded)
            ascent.climb()
        return Rivals(bound=ascent.bound, shares=ascent.shares())


def strongest(evidence: Evidence, excluded: Collection[int] = ()) -> Rivals:
    """One question about one evidence; a `Defence` answers many faster."""
    return Defence(evidence).strongest(excluded)


class _Found:
    """The found people, those with the same suspects together, as one flat table of (group, suspect) pairs."""

    def __init__(self, evidence: Evidence) -> None:
        grouped: dict[tuple[int, ...], int] = {}
        for pattern, count in evidence.found.items():
            grouped[pattern.suspects] = grouped.get(pattern.suspects, 0) + count
        self.count: Floats = np.array(list(grouped.values()), dtype=np.float64)
        sizes = np.array([len(suspects) for suspects in grouped], dtype=np.int64)
        self.suspect: Ints = np.array([k for suspects in grouped for k in suspects], dtype=np.int64)
        self.group: Ints = np.repeat(np.arange(len(grouped)), sizes)
        self.missed: Floats = np.array(evidence.missed_least(), dtype=np.float64)
        self.outside_missed = float(evidence.people - evidence.total)
        self._order: Ints = np.argsort(self.suspect, kind="stable")
        self._edges: Ints = np.searchsorted(self.suspect[self._order], np.arange(len(self.missed) + 1))

    def of(self, suspect: int) -> Ints:
        """The groups that a recipient can explain."""
        return self.group[self._order[self._edges[suspect] : self._edges[suspect + 1]]]


class _Ascent:
    """State of one maximisation: b of the outside, and of the recipients that explain anything."""

    def __init__(self, found: _Found, start: dict[int, float], excluded: Collection[int] = ()) -> None:
        self._found = found
        self._allowed = np.ones(len(found.missed), dtype=bool)
        self._allowed[list(excluded)] = False
        self.b = dict(start)
        self._groups = {k: found.of(k) for k in start}
        total = float(found.count.sum())
        self._outside = min(_MOST, float(np.log1p((total + 0.5) / (found.outside_missed + 0.5))))
        self._u: Floats = np.full(len(found.count), self._outside)
        for k, b in start.items():
            self._u[self._groups[k]] += b
        self.bound = np.inf

    def climb(self) -> None:
        """Move until the bound is reached, or hardly anything is gained; `bound` holds either way."""
        for _ in range(_ROUNDS):
            slopes = _slopes(self._u)
            load = self._load(slopes)
            self.bound = min(self.bound, self._dual(slopes, load))
            if self.bound - self._primal() <= _GAP:
                break
            self._let_in(load)
            for _ in range(_SWEEPS):
                self._sweep()

    def shares(self) -> dict[int, float]:
        """Found people by the recipient that explains them, shared in proportion to b."""
        per = self._found.count / self._u
        return {k: float(per[self._groups[k]].sum()) * b for k, b in self.b.items() if b > 0}

    def _load(self, slopes: Floats) -> Floats:
        """Per recipient, what it would gain by leaking more; it pays `missed` for it."""
        found = self._found
        weights = (found.count * slopes)[found.group]
        return np.bincount(found.suspect, weights=weights, minlength=len(found.missed))

    def _let_in(self, load: Floats) -> None:
        gaining = np.flatnonzero(self._allowed & (load > self._found.missed * (1 + 1e-9)))
        for k in map(int, gaining):
            if k not in self.b:
                self.b[k], self._groups[k] = 0.0, self._found.of(k)

    def _sweep(self) -> None:
        """One round over all sources, each moved to its best value with the others held."""
        found = self._found
        self._outside = self._moved(self._outside, found.outside_missed, None, _LEAST)
        for k, b in self.b.items():
            self.b[k] = self._moved(b, float(found.missed[k]), self._groups[k], 0.0)

    def _moved(self, b: float, missed: float, groups: Ints | None, least: float) -> float:
        counts = self._found.count if groups is None else self._found.count[groups]
        u = self._u if groups is None else self._u[groups]
        for _ in range(_NEWTON):
            slopes = _slopes(u)
            gained = counts * slopes
            gradient = float(gained.sum()) - missed
            curvature = float((gained * (1 + slopes)).sum())
            if curvature <= 0:
                break
            # Newton in b overshoots towards 0 where the slope is steep: never fall by more than nine tenths.
            new = min(_MOST, max(b + gradient / curvature, b * 0.1 if gradient < 0 else b))
            new = new if new >= _LEAST else least
            u = np.maximum(u + (new - b), _LEAST)
            b = new
        if groups is None:
            self._u = u
        else:
            self._u[groups] = u
        return b

    def _primal(self) -> float:
        """The log-likelihood reached."""
        found = self._found
        gained = float((found.count * np.log(-np.expm1(-self._u))).sum())
        spent = sum(float(found.missed[k]) * b for k, b in self.b.items())
        return gained - spent - found.outside_missed * self._outside

    def _dual(self, slopes: Floats, load: Floats) -> float:
        """An upper bound on what any fractions reach: the slopes made small enough for every source."""
        found = self._found
        tight = self._allowed & (load > found.missed)
        room = np.ones(len(load))
        room[tight] = found.missed[tight] / load[tight]
        scale = np.ones(len(slopes))
        np.minimum.at(scale, found.group, room[found.suspect])
        everything = float((found.count * slopes).sum())
        if everything > found.outside_missed:
            scale = np.minimum(scale, found.outside_missed / everything)
        return float((found.count * _phi(slopes * scale)).sum())


def _slopes(u: Floats) -> Floats:
    """Derivative of ln(1 - exp(-u))."""
    slopes: Floats = 1 / np.expm1(np.minimum(u, 700.0))
    return slopes


def _phi(s: Floats) -> Floats:
    positive = np.maximum(s, 1e-300)
    bounds: Floats = -np.log1p(s) - positive * np.log1p(1 / positive)
    return bounds
