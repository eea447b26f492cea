"""The strongest story in which given recipients are innocent: an upper bound on its likelihood.

Model (noisy-OR): every recipient k leaked each person it holds with its own fraction, the outside adds each person of
the vault with its own rate, all independently. With b = -ln(1 - fraction) the log-likelihood

    L(b) = - sum_k missed_k b_k + sum_found ln(1 - exp(-(b_outside + sum of b of those able)))

is concave. The maximum over all fractions of everybody but the excluded is found by coordinate ascent and bounded
from above by its dual, which holds however far the ascent came: for slopes s with
sum of s over the found people of k <= missed_k for every k, L <= sum phi(s), phi(s) = -ln(1+s) - s ln(1+1/s).
"""

import math
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from breach.trace.evidence import Evidence

_SWEEPS = 400
_GAP = 0.01
_NEWTON = 2
_MOST = 40.0  # of b: a leaked fraction of 1 - 4e-18; only the ascent is boxed, the bound is not


@dataclass(frozen=True, slots=True, kw_only=True)
class Rivals:
    """`bound`: no story without the excluded is likelier (nats). `shares[k]`: found people k explains in it."""

    bound: float
    shares: dict[int, float]


def strongest(evidence: Evidence, excluded: Collection[int] = ()) -> Rivals:
    """Bound the best explanation of the evidence in which no `excluded` recipient leaked anything."""
    ascent = _Ascent(evidence, frozenset(excluded))
    bound = ascent.dual()
    for _ in range(_SWEEPS):
        ascent.sweep()
        bound = min(bound, ascent.dual())
        if bound - ascent.primal() <= _GAP:
            break
    return Rivals(bound=bound, shares=ascent.shares())


class _Ascent:
    """State of one maximisation. Source number -1 is the outside, which is never excluded."""

    def __init__(self, evidence: Evidence, excluded: frozenset[int]) -> None:
        grouped: Counter[tuple[int, ...]] = Counter()
        for pattern, count in evidence.found.items():
            grouped[(-1, *(k for k in pattern.suspects if k not in excluded))] += count
        self._groups = list(grouped.items())
        self._members: dict[int, list[int]] = {-1: []}
        for at, (sources, _) in enumerate(self._groups):
            for source in sources:
                self._members.setdefault(source, []).append(at)
        missed = evidence.missed_least()
        self._missed = {source: float(missed[source]) for source in self._members if source >= 0}
        self._missed[-1] = float(evidence.people - evidence.total)
        self._b = {source: self._start(source) for source in self._members}
        self._u = [sum(self._b[source] for source in sources) for sources, _ in self._groups]

    def sweep(self) -> None:
        """One round over all sources, each moved to its best value with the others held."""
        for source, members in self._members.items():
            for _ in range(_NEWTON):
                self._step(source, members)

    def primal(self) -> float:
        """The log-likelihood reached."""
        gained = sum(count * _ln_found(u) for (_, count), u in zip(self._groups, self._u, strict=True))
        return gained - sum(self._missed[source] * b for source, b in self._b.items())

    def dual(self) -> float:
        """An upper bound on what any fractions reach."""
        slopes = [_slope(u) for u in self._u]
        room = {}
        for source, members in self._members.items():
            load = sum(self._groups[at][1] * slopes[at] for at in members)
            room[source] = min(1.0, self._missed[source] / load) if load > 0 else 1.0
        return sum(
            count * _phi(slope * min(room[source] for source in sources))
            for (sources, count), slope in zip(self._groups, slopes, strict=True)
        )

    def shares(self) -> dict[int, float]:
        """Found people by the recipient that explains them, shared in proportion to b."""
        shares: dict[int, float] = {}
        for (sources, count), u in zip(self._groups, self._u, strict=True):
            for source in sources:
                if source >= 0 and u > 0:
                    shares[source] = shares.get(source, 0.0) + count * self._b[source] / u
        return shares

    def _start(self, source: int) -> float:
        found = sum(self._groups[at][1] for at in self._members[source])
        return min(_MOST, math.log1p((found + 0.5) / (self._missed[source] + 0.5)))

    def _step(self, source: int, members: list[int]) -> None:
        gradient, curvature = -self._missed[source], 0.0
        for at in members:
            slope = _slope(self._u[at])
            gradient += self._groups[at][1] * slope
            curvature += self._groups[at][1] * slope * (1 + slope)
        if curvature <= 0:
            return
        old = self._b[source]
        # Newton in b overshoots towards 0 where the slope is steep: never fall by more than nine tenths.
        new = min(_MOST, max(old + gradient / curvature, old * 0.1 if gradient < 0 else old))
        if new < 1e-12:
            new = 0.0 if source >= 0 else 1e-12
        self._b[source] = new
        for at in members:
            self._u[at] = max(self._u[at] + new - old, 1e-12)


def _ln_found(u: float) -> float:
    return math.log(-math.expm1(-u))


def _slope(u: float) -> float:
    """Derivative of ln(1 - exp(-u))."""
    return 1 / math.expm1(u) if u < 700 else 0.0


def _phi(s: float) -> float:
    return -math.log1p(s) - (s * math.log1p(1 / s) if s > 0 else 0.0)
