"""When a copy was taken, a recipient's or one of our own store: a posterior over the moment (tracing.md §2.2).

What a recipient holds of a person at a moment is what was delivered to it last. Of the rows found, with versions v:

    P(v | tau) = (1 - d) * 1{v is what it held at tau} + d * q,   q = 1/2

A row delivered only after tau was not held then, so it can only be damage, as can a version it held earlier or later.
d, the share of damaged or stale rows, is not known: the likelihoods of the grid below are added with equal weights. q
is a version's chance in a damaged row; nothing is damaged of which there is one version only. Before anything is read
every moment between the first delivery and the arrival of the file is as likely as any other.

The likelihood changes only where a delivery changes what fits, so the posterior is exact: constant between
deliveries. It is never the span between the last delivery that is seen and the first that is not: of a thousand
rows a few are stale, and that span is empty.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from breach.trace.guilt import ln_mean_exp, ln_sum_exp

DAMAGED = (0.001, 0.01, 0.1)
"""The fixed grid for the share of rows that show another version than the copy did."""

_ANY_VERSION = 0.5
_TAIL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What one recipient held of the rows found. Times are Unix milliseconds.

    `changes`: by time of delivery, how many rows more (or fewer) are held from then on as they were found; `rows`:
    how many were ever held so; `since`: the first delivery; `until`: when the file came in.
    """

    changes: Mapping[int, int]
    rows: int
    since: int
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """The middle of the posterior, and between what it lies with 90 %. `fitting`: rows held as found at the middle;
    `points`: the 5 %, 10 %, ... 95 % points.
    """

    median: int
    low: int
    high: int
    rows: int
    fitting: int
    points: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What stood in a copy taken at `at`: of the rows found, how many as they were found. `ln_e`: how much better that copy
    explains the versions found than one taken at a moment that nobody knows; its mean over such moments is 1.
    """

    at: int
    fitting: int
    ln_e: float


def held_at(timeline: Timeline, moments: Sequence[int]) -> list[Held]:
    """Copies of one store taken at known moments, those first that explain the versions found best."""
    if not timeline.rows or timeline.until <= timeline.since:
        return []
    edges, fitting = _stretches(timeline)
    known = {count: _ln_likelihood(count, timeline.rows) for count in {0, *fitting}}
    span = timeline.until - timeline.since
    mean = ln_sum_exp(
        known[count] + math.log((b - a) / span)
        for count, (a, b) in zip(fitting, pairwise(edges), strict=True)
    )
    counts = (fitting[bisect_right(edges[:-1], at) - 1] if at >= edges[0] else 0 for at in moments)
    held = [
        Held(at=at, fitting=count, ln_e=known[count] - mean)
        for at, count in zip(moments, counts, strict=True)
    ]
    return sorted(held, key=lambda one: (-one.ln_e, -one.at))


def date_leak(timeline: Timeline) -> Dated | None:
    """When the copy was taken; None when nothing the recipient held is found, or no time lies between."""
    if not timeline.rows or timeline.until <= timeline.since:
        return None
    edges, fitting = _stretches(timeline)
    mass = _mass(fitting, edges, timeline.rows)
    median = _quantile(mass, edges, 0.5)
    return Dated(
        median=median,
        low=_quantile(mass, edges, _TAIL),
        high=_quantile(mass, edges, 1 - _TAIL),
        rows=timeline.rows,
        fitting=sum(change for at, change in timeline.changes.items() if at <= median),
        points=tuple(_quantile(mass, edges, share / 20) for share in range(1, 20)),
    )


def _stretches(timeline: Timeline) -> tuple[list[int], list[int]]:
    """The moments at which what fits changes, with the end of all; and the rows that fit from each on."""
    edges = [
        *sorted({timeline.since, *(at for at in timeline.changes if at < timeline.until)}),
        timeline.until,
    ]
    return edges, list(accumulate(timeline.changes.get(at, 0) for at in edges[:-1]))


def _mass(fitting: list[int], edges: list[int], rows: int) -> list[float]:
    """The posterior of each stretch between two edges; they add up to one."""
    known = {count: _ln_likelihood(count, rows) for count in set(fitting)}
    logs = [known[count] + math.log(b - a) for count, (a, b) in zip(fitting, pairwise(edges), strict=True)]
    top = max(logs)
    weights = [math.exp(value - top) for value in logs]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def _ln_likelihood(fitting: int, rows: int) -> float:
    return ln_mean_exp(
        fitting * math.log1p(-d + d * _ANY_VERSION) + (rows - fitting) * math.log(d * _ANY_VERSION)
        for d in DAMAGED
    )


def _quantile(mass: list[float], edges: list[int], share: float) -> int:
    """The moment before which `share` of the posterior lies."""
    before = 0.0
    for weight, (a, b) in zip(mass, pairwise(edges), strict=True):
        if weight > 0 and before + weight >= share:
            return round(a + (b - a) * min((share - before) / weight, 1.0))
        before += weight
    return edges[-1]
