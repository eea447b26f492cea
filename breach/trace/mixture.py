"""The accusing side of the strict e-value: for each recipient, one fixed mixture over the stories in which it leaked.

Prior, fixed before any dump is seen: coalition size s with weight 2^-s, coalitions of one size alike, each member's
fraction on the grid of twelve, the outside rate on a grid of 48, the share of damaged rows on one of six, the share of
first versions on one of three. The mixture of a recipient is that prior given that it is a member, so it pays nothing for being one of many: the line
ln(n/eps) pays for that. Only stories near the best one are summed; what is left out could only raise a mixture, so
the e-values stay e-values.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from breach.trace.evidence import Evidence, Pattern
from breach.trace.guilt import FRACTIONS, ln_sum_exp
from breach.trace.rivals import Floats, Ints

OUTSIDE = tuple(10 ** (-6 + 5.5 * step / 47) for step in range(48))
"""The fixed grid of outside rates, from 1e-6 to 0.3. Four hundred strangers in a file cost a grid of powers of ten
two hundred nats, this one six; for being finer it pays two.
"""

DAMAGE = (1e-5, 1e-4, 1e-3, 1e-2, 0.05, 0.2)
"""The fixed grid for the share of leaked people of whom the dump shows only a part. Files without any damage are common:
a grid that begins at 2 % takes twenty nats from a thousand undamaged rows.
"""

FIRST_VERSIONS = (0.9, 0.99, 0.9999)
"""The fixed grid for the share of first versions in what the outside shows: with 0.9 alone every stranger costs a tenth
of a nat. Of the three only the one that suits the file is summed.
"""

_LARGEST = 8
_CANDIDATES = 20
_F = np.array(FRACTIONS)
_PI = np.array(OUTSIDE)
_LN_GRIDS = math.log(len(OUTSIDE) * len(DAMAGE) * len(FIRST_VERSIONS))
_NO_PART, _OTHER = 0, 1

type Story = tuple[tuple[int, float], ...]
"""Who leaked, with which fraction each, in the order of their numbers; outside rate and damage are summed over."""


@dataclass(frozen=True, slots=True)
class Accusation:
    """Lower bounds of the mixtures' log-likelihoods (nats), by recipient; minus infinity where no story was tried."""

    by_member: dict[int, float]

    def of(self, members: Sequence[int] | set[int]) -> float:
        """The mixture of "at least one of these leaked": the mean of theirs."""
        return ln_sum_exp(self.by_member[k] for k in members if k in self.by_member) - math.log(len(members))


def accuse(evidence: Evidence, order: Sequence[int]) -> Accusation:
    """Bound the mixtures of those who come first in `order`; any order is valid, a bad one makes weak bounds.

    The stories summed are those tried on the way to the best one, which grows from a single recipient.
    """
    prosecution = _Prosecution(evidence, order[:_CANDIDATES])
    best, at = -math.inf, _Coalition((), (), prosecution.base)
    while len(at.members) < min(_LARGEST, len(prosecution.candidates)):
        grown = [prosecution.grow(at, k) for k in prosecution.candidates if k not in at.members]
        top, grown_at = max(grown, key=lambda item: item[0])
        top, grown_at = prosecution.polish(top, grown_at)
        if top <= best:
            break
        best, at = top, grown_at
    return Accusation(prosecution.by_member())


@dataclass(frozen=True, slots=True)
class _Coalition:
    """`seen[p]`: the class of the p-th pattern, as far as the members know it apart."""

    members: tuple[int, ...]
    fractions: tuple[float, ...]
    seen: "_Classes"


@dataclass(frozen=True, slots=True)
class _Classes:
    """Patterns that look alike to a coalition. Per pattern: `at`, its class. Per class: what it is like.

    `parts[c]`: code of each member's part in class c (0 none, 1 holder of another version, 1 + m sent m versions).
    """

    at: Ints
    parts: Ints
    shown: Floats
    partly: Ints
    count: Floats


class _Prosecution:
    """One evidence, as arrays over its patterns."""

    def __init__(self, evidence: Evidence, candidates: Sequence[int]) -> None:
        self.candidates = tuple(candidates)
        patterns = list(evidence.found)
        self._counts: Floats = np.array([evidence.found[p] for p in patterns], dtype=np.float64)
        self._parts = _parts(patterns, self.candidates)
        self._width = 1 + max((int(codes.max(initial=0)) for codes in self._parts.values()), default=0)
        self._missed = evidence.missed()
        self._outside_missed = evidence.people - evidence.total
        self._n = len(evidence.held)
        self._stories: dict[Story, float] = {}
        self.base = _base(patterns, self._counts, evidence.fields)

    def grow(self, at: _Coalition, k: int) -> tuple[float, _Coalition]:
        """The best story that adds recipient `k` to the coalition, its other members' fractions held."""
        seen = self._refined(at.seen, k)
        members = (*at.members, k)
        scores = self._scores(members, (*at.fractions, 0.0), seen, len(at.members))
        top = int(np.argmax(scores))
        return float(scores[top]), _Coalition(members, (*at.fractions, FRACTIONS[top]), seen)

    def polish(self, top: float, at: _Coalition) -> tuple[float, _Coalition]:
        """Move every member's fraction once more, now that the coalition is complete."""
        for place in range(len(at.members) if len(at.members) > 1 else 0):
            scores = self._scores(at.members, at.fractions, at.seen, place)
            best = int(np.argmax(scores))
            if scores[best] > top:
                fractions = (*at.fractions[:place], FRACTIONS[best], *at.fractions[place + 1 :])
                top, at = float(scores[best]), _Coalition(at.members, fractions, at.seen)
        return top, at

    def by_member(self) -> dict[int, float]:
        """Every tried story, given that the recipient is in it: 2^-s / C(n, s) becomes 2^-s / C(n-1, s-1)."""
        terms: dict[int, list[float]] = {}
        for story, value in self._stories.items():
            given = value + math.log(self._n / len(story))
            for k, _ in story:
                terms.setdefault(k, []).append(given)
        return {k: ln_sum_exp(values) for k, values in terms.items()}

    def _refined(self, seen: _Classes, k: int) -> _Classes:
        """The classes, with what `k` held told apart too."""
        keys = seen.at * self._width + self._parts[k]
        sizes = np.bincount(keys, weights=self._counts, minlength=len(seen.count) * self._width)
        kept = np.flatnonzero(sizes)
        old = kept // self._width
        number = np.zeros(len(sizes), dtype=np.int64)
        number[kept] = np.arange(len(kept))
        parts = np.column_stack([seen.parts[old], kept % self._width])
        return _Classes(number[keys], parts, seen.shown[old], seen.partly[old], sizes[kept])

    def _scores(
        self, members: tuple[int, ...], fractions: tuple[float, ...], seen: _Classes, place: int
    ) -> Floats:
        """Prior and likelihood of the story with each fraction for the member at `place`; noted for the mixture."""
        shares = np.tile(np.array(fractions), (len(_F), 1))
        shares[:, place] = _F
        quiet, silent = _quiet_and_silent(shares, seen.parts)
        scores = self._ln_seen(quiet, silent, seen)
        size = len(members)
        scores -= size * math.log(2 * len(_F)) + math.log(math.comb(self._n, size))
        scores += np.log1p(-shares) @ np.array([float(self._missed[k]) for k in members])
        for row, value in zip(shares, scores, strict=True):
            self._stories[tuple(sorted(zip(members, map(float, row), strict=True)))] = float(value)
        return scores

    def _ln_seen(self, quiet: Floats, silent: Floats, seen: _Classes) -> Floats:
        """Ln P(everybody appears as found) for each row of fractions, summed over outside rates and damage."""
        partly = seen.partly.astype(bool)
        full = ~partly
        pi = _PI[:, None]
        whole = (1 - pi) * (quiet - silent)[:, None, full] + pi * (seen.shown[full] * quiet[:, full])[
            :, None, :
        ]
        part = 1 - (1 - pi) * silent[:, None, partly]
        by_rate = (np.log(whole) * seen.count[full]).sum(axis=2) + (np.log(part) * seen.count[partly]).sum(
            axis=2
        )
        by_rate += self._outside_missed * np.log1p(-_PI) - _LN_GRIDS
        whole_count, part_count = float(seen.count[full].sum()), float(seen.count[partly].sum())
        damage = [whole_count * math.log1p(-d) + part_count * math.log(d) for d in DAMAGE]
        top = by_rate.max(axis=1)
        summed: Floats = top + np.log(np.exp(by_rate - top[:, None]).sum(axis=1)) + ln_sum_exp(damage)
        return summed


def _base(patterns: Sequence[Pattern], counts: Floats, fields: int) -> _Classes:
    """Classes before anybody is suspected: by age and completeness.

    The outside shows first versions with a fixed weight, later ones with what is left, shared among the combinations of
    versions of that age, so that the probabilities of all outcomes add to at most one.
    """
    first = _first_versions(patterns, counts)
    kinds = {kind: at for at, kind in enumerate(sorted({(p.partly, p.age) for p in patterns}))}
    at: Ints = np.array([kinds[p.partly, p.age] for p in patterns], dtype=np.int64)
    later = [(1 - first) * 0.5**age / math.comb(age + fields - 1, age) if age else first for _, age in kinds]
    return _Classes(
        at,
        np.zeros((len(kinds), 0), dtype=np.int64),
        np.array(later, dtype=np.float64),
        np.array([partly for partly, _ in kinds], dtype=np.int64),
        np.bincount(at, weights=counts, minlength=len(kinds)),
    )


def _first_versions(patterns: Sequence[Pattern], counts: Floats) -> float:
    """The share of the grid that suits what was found best; to sum only that one can but lower a mixture."""
    later = float(counts[[p.age > 0 for p in patterns]].sum())
    first = float(counts.sum()) - later
    return max(FIRST_VERSIONS, key=lambda share: first * math.log(share) + later * math.log1p(-share))


def _parts(patterns: Sequence[Pattern], candidates: Sequence[int]) -> dict[int, Ints]:
    """Per candidate, the code of its part in each pattern."""
    codes = {k: np.zeros(len(patterns), dtype=np.int64) for k in candidates}
    for at, pattern in enumerate(patterns):
        for k, deliveries in pattern.able:
            if k in codes:
                codes[k][at] = _OTHER + deliveries
        for k in pattern.others:
            if k in codes:
                codes[k][at] = _OTHER
    return codes


def _quiet_and_silent(shares: Floats, parts: Ints) -> tuple[Floats, Floats]:
    """P(no member shows another version) and P(no member shows anything), per row of fractions and class.

    A member who received several versions shows each with an equal part of its fraction.
    """
    quiet = np.ones((len(shares), len(parts)))
    silent = np.ones((len(shares), len(parts)))
    for place in range(parts.shape[1]):
        codes = parts[:, place]
        share = shares[:, place, None]
        holds = codes != _NO_PART
        others = np.where(codes > _OTHER, 1 - 1 / np.maximum(codes - _OTHER, 1), holds.astype(np.float64))
        quiet *= 1 - share * others
        silent *= 1 - share * holds
    return quiet, silent
