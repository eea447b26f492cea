"""The strongest story in which given recipients are innocent: an upper bound on its likelihood.

Model (noisy-OR): every recipient k leaked each person it holds with its own fraction, the outside adds each person of
the vault with its own rate, all independently. With b = -ln(1 - fraction) the log-likelihood

    L(b) = - sum_k missed_k b_k + sum_found ln(1 - exp(-(b_outside + sum of b of those able)))

is concave. Its maximum over all fractions of everybody but the excluded (`ascent` finds it) is bounded from above by
the dual, which holds however far the search came: for slopes s with
sum of s over the found people of k <= missed_k for every k, L <= sum phi(s), phi(s) = -ln(1+s) - s ln(1+1/s).

Of a thousand recipients few are worth anything to the best story: only those are searched over, and another is let in
when the slopes say that it would gain (load above missed). The best story without exclusions is found once; every
question about one or a few innocents starts from it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from breach.trace.ascent import GAP, MOST, maximum
from breach.trace.evidence import Evidence

_ROUNDS = 40
_LET_IN = 100
_GAP = 1e-6
_NOTHING = 1e-9
_PLENTY = 100.0  # nats: above, one part in a hundred is exact enough
_SHARE = 0.01
_FIRST = 50.0  # nats: before anything is known of the bound

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
        self._whole: _Story | None = None

    def strongest(self, excluded: Collection[int] = (), claim: float | None = None) -> Rivals:
        """Bound the best explanation of the evidence in which no `excluded` recipient leaked anything.

        `claim`: the log-likelihood it is to be compared with. The bound is then only as tight as that needs: loose
        where a rival story beats the claim anyway (and nothing is told of shares), or falls short of it by thousands.
        """
        if self._whole is None:
            self._whole = _Story(self._found, (), (), None)
        story = self._whole
        if any(story.b.get(k) for k in excluded):
            if claim is not None and story.without(excluded) > claim:
                return Rivals(bound=story.bound, shares={})
            start = [k for k in story.b if k not in excluded]
            story = _Story(self._found, start, excluded, claim)
        return Rivals(bound=story.bound, shares=story.shares())


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


class _Story:
    """The best story without the excluded. `b` of the recipients that explain anything in it."""

    def __init__(
        self, found: _Found, start: Collection[int], excluded: Collection[int], claim: float | None
    ) -> None:
        self._found = found
        self._claim = claim
        self._allowed = np.ones(len(found.missed), dtype=bool)
        self._allowed[list(excluded)] = False
        # Whoever missed nobody explains all its people for free; nothing is to be searched there.
        self._certain = [int(k) for k in np.unique(found.suspect) if self._allowed[k] and not found.missed[k]]
        self.b: dict[int, float] = {}
        self.bound = np.inf
        self._search([k for k in start if found.missed[k]])

    def shares(self) -> dict[int, float]:
        """Found people by the recipient that explains them, shared in proportion to b."""
        per = self._found.count / self._u
        return {k: float(per[self._found.of(k)].sum()) * b for k, b in self.b.items()}

    def without(self, excluded: Collection[int]) -> float:
        """The log-likelihood of this story if the excluded leaked nothing and all others what they leak in it."""
        u = self._u.copy()
        for k in excluded:
            if k in self.b:
                u[self._found.of(k)] -= self.b[k]
        return self._reached(
            {k: b for k, b in self.b.items() if k not in excluded}, np.maximum(u, self._outside)
        )

    def _search(self, searched: list[int]) -> None:
        for _ in range(_ROUNDS):
            self._settle(searched)
            slopes = 1 / np.expm1(np.minimum(self._u, 700.0))
            load = self._load(slopes)
            self.bound = min(self.bound, self._dual(slopes, load))
            if self._tight_enough():
                break
            fresh = self._gaining(load, searched)
            if not len(fresh):
                break
            searched = [k for k in searched if k in self.b] + [int(k) for k in fresh]

    def _tight_enough(self) -> bool:
        reached = self._reached(self.b, self._u)
        room = _GAP
        if self._claim is not None:
            if reached > self._claim:
                return True
            room = max(room, self._loose())
        return self.bound - reached <= room

    def _loose(self) -> float:
        """How many nats the bound may be off where it is compared with a claim that is far above it."""
        if self._claim is None:
            return 0.0
        return _FIRST if self.bound == np.inf else _SHARE * (self._claim - self.bound - _PLENTY)

    def _settle(self, searched: list[int]) -> None:
        """Find the best fractions of those searched over, all others leaking nothing."""
        found = self._found
        holds = np.zeros((len(found.count), 1 + len(searched)), dtype=bool)
        holds[:, 0] = True
        for at, k in enumerate(searched, 1):
            holds[found.of(k), at] = True
        left = np.ones(len(found.count), dtype=bool)
        for k in self._certain:
            left[found.of(k)] = False
        missed = np.array([found.outside_missed, *(found.missed[k] for k in searched)])
        outside, *values = maximum(holds[left], found.count[left], missed, max(GAP, self._loose() / 10))
        self.b = dict.fromkeys(self._certain, MOST)
        self.b |= {k: b for k, b in zip(searched, map(float, values), strict=True) if b > _NOTHING}
        self._outside = float(outside)
        self._u: Floats = np.full(len(found.count), self._outside)
        for k, b in self.b.items():
            self._u[found.of(k)] += b

    def _load(self, slopes: Floats) -> Floats:
        """Per recipient, what it would gain by leaking more; it pays `missed` for it."""
        found = self._found
        weights = (found.count * slopes)[found.group]
        return np.bincount(found.suspect, weights=weights, minlength=len(found.missed))

    def _gaining(self, load: Floats, searched: list[int]) -> Ints:
        gain = np.where(self._allowed, load - self._found.missed * (1 + 1e-9), -1.0)
        gain[searched + self._certain] = -1.0
        order: Ints = np.argsort(-gain / np.maximum(self._found.missed, 1.0), kind="stable")[:_LET_IN]
        return order[gain[order] > 0]

    def _reached(self, shares: Mapping[int, float], u: Floats) -> float:
        """The log-likelihood of these b, which add up to `u` for each group."""
        found = self._found
        gained = float((found.count * np.log(-np.expm1(-u))).sum())
        spent = sum(float(found.missed[k]) * b for k, b in shares.items())
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


def _phi(s: Floats) -> Floats:
    positive = np.maximum(s, 1e-300)
    bounds: Floats = -np.log1p(s) - positive * np.log1p(1 / positive)
    return bounds
