"""The accusing side of the strict e-value: one fixed mixture over every story in which recipients leaked.

Prior, fixed before any dump is seen: coalition size s with weight 2^-s, coalitions of one size alike, each member's
fraction on the grid of twelve, the outside rate on a grid of eight, the share of damaged rows on one of two. Only stories near the best one are summed; what is
left out could only raise the mixture, so the e-value stays one. Because the same mixture accuses everybody,
`ln mixture - bound of rivals` holds for all recipients and all sets of them at once.
"""

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from breach.trace.evidence import Evidence
from breach.trace.guilt import FRACTIONS, ln_sum_exp

OUTSIDE = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1)
"""The fixed grid of outside rates."""

DAMAGE = (0.02, 0.2)
"""The fixed grid for the share of leaked people of whom the dump shows only a part."""

_LARGEST = 8
_CANDIDATES = 20
_FIRST_VERSION = 0.9


def accuse(evidence: Evidence, order: Sequence[int]) -> float:
    """A lower bound of the mixture's log-likelihood (nats).

    It sums the stories around the best one, which is found by growing a coalition from the recipients that
    come first in `order`; any order gives a valid bound, a bad one a weak bound.
    """
    terms: dict[_Point, float] = {}
    best, at = -math.inf, _Point((), (), OUTSIDE[0], DAMAGE[0])
    while len(at.members) < min(_LARGEST, len(order)):
        grown = [_grow(evidence, at, k, terms) for k in order[:_CANDIDATES] if k not in at.members]
        top, point = max(grown, key=lambda item: item[0], default=(-math.inf, at))
        top, point = _polish(evidence, top, point, terms)
        if top <= best:
            break
        best, at = top, point
    return ln_sum_exp(terms.values())


class _Point(NamedTuple):
    """One story: who leaked, with which fraction each, the outside rate, and the share of damaged rows."""

    members: tuple[int, ...]
    fractions: tuple[float, ...]
    outside: float
    damage: float


type _Scored = tuple[float, _Point]


def _grow(evidence: Evidence, at: _Point, k: int, terms: dict[_Point, float]) -> _Scored:
    """The best story that adds recipient `k` to the coalition, its other members' fractions held."""
    story = _Story(evidence, (*at.members, k))
    grid = itertools.product(FRACTIONS, OUTSIDE, DAMAGE)
    points = [_Point(story.members, (*at.fractions, f), pi, damage) for f, pi, damage in grid]
    return max((story.score(point, terms), point) for point in points)


def _polish(evidence: Evidence, top: float, point: _Point, terms: dict[_Point, float]) -> _Scored:
    """Move every member's fraction once more, now that the coalition is complete."""
    if len(point.members) < 2:
        return top, point
    story = _Story(evidence, point.members)
    for member in range(len(point.members)):
        before, after = point.fractions[:member], point.fractions[member + 1 :]
        for fraction in FRACTIONS:
            trial = _Point(point.members, (*before, fraction, *after), *point[2:])
            top, point = max((top, point), (story.score(trial, terms), trial))
    return top, point


class _Story:
    """One coalition, the evidence seen with its eyes: people grouped by what its members held of them."""

    def __init__(self, evidence: Evidence, members: tuple[int, ...]) -> None:
        self.members = members
        own = set(members)
        missed = evidence.missed()
        self._missed = [missed[k] for k in members]
        self._outside_missed = evidence.people - evidence.total
        self._groups: Counter[_Seen] = Counter()
        for pattern, count in evidence.found.items():
            able = tuple((k, m) for k, m in pattern.able if k in own)
            others = tuple(k for k in pattern.others if k in own)
            ages = math.comb(pattern.age + evidence.fields - 1, pattern.age)
            self._groups[_Seen(able, others, pattern.age, ages, pattern.partly)] += count
        size, n = len(members), len(evidence.held)
        self._prior = -size * math.log(2 * len(FRACTIONS)) - math.log(
            math.comb(n, size) * len(OUTSIDE) * len(DAMAGE)
        )

    def score(self, point: _Point, terms: dict[_Point, float]) -> float:
        """Prior plus log-likelihood of one story, noted among the `terms` of the mixture."""
        value = self._prior + self._outside_missed * math.log1p(-point.outside)
        for missed, fraction in zip(self._missed, point.fractions, strict=True):
            value += missed * math.log1p(-fraction)
        fractions = dict(zip(self.members, point.fractions, strict=True))
        value += sum(count * _ln_seen(seen, fractions, point) for seen, count in self._groups.items())
        # A coalition reached in another order is the same story: it counts once.
        members = tuple(sorted(fractions))
        terms[_Point(members, tuple(fractions[k] for k in members), *point[2:])] = value
        return value


@dataclass(frozen=True, slots=True)
class _Seen:
    """`ages`: how many combinations of versions of the test fields have this age."""

    able: tuple[tuple[int, int], ...]
    others: tuple[int, ...]
    age: int
    ages: int
    partly: bool


def _ln_seen(seen: _Seen, fractions: dict[int, float], point: _Point) -> float:
    """Ln P(the person appears as it was found).

    A member who received several versions shows each with an equal part of its fraction; the outside shows
    first versions with weight 0.9, later ones with what is left, so the probabilities of all outcomes add
    to at most one.
    """
    quiet, silent = 1.0, 1.0  # no member shows another version; no member shows anything
    for k, deliveries in seen.able:
        quiet *= 1 - fractions[k] * (1 - 1 / deliveries)
        silent *= 1 - fractions[k]
    for k in seen.others:
        quiet *= 1 - fractions[k]
        silent *= 1 - fractions[k]
    pi = point.outside
    if seen.partly:
        return math.log(point.damage * (1 - (1 - pi) * silent))
    later = (1 - _FIRST_VERSION) * 0.5**seen.age / seen.ages
    shown = later if seen.age else _FIRST_VERSION
    return math.log((1 - point.damage) * ((1 - pi) * (quiet - silent) + pi * shown * quiet))
