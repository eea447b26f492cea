"""How far figures may be taken at their word: cost of likelihood ratios, their best calibration, and what they carry.

Of simulated or known cases one has ln likelihood ratios of the guilty and of the innocent (nats). Cllr is their
mean cost in bits (0 perfect, 1 says nothing); Cllr_min the cost that is left when the ratios are replaced by
the best increasing function of them (pool adjacent violators), so the difference is what better calibration
could save. A stated ratio is capped where validation ends (empirical upper bound, ELUB): nothing is supported
beyond the ratio at which one more innocent, at the worst place, would cost more than saying nothing does
(tracing.md §2.7).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

type Figures = NDArray[np.float64]

LEVELS: Final = (10.0, 100.0, 1e4)
"""Ratios of which is told how many innocents exceed them; at most one in that many may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """`above[x]`: share of innocents whose ratio exceeds x; `sound`: each at most 1/x."""

    guilty: int
    innocent: int
    cllr: float
    cllr_min: float
    above: dict[float, float]
    most_supported: float

    @property
    def sound(self) -> bool:
        """Whether no more innocents exceed each level than an e-value allows."""
        return all(share <= 1 / level for level, share in self.above.items())


def calibrate(guilty: Sequence[float] | Figures, innocent: Sequence[float] | Figures) -> Calibration:
    """All figures at once, from ln ratios of known guilty and innocent suspects; neither may be empty."""
    one, other = _sorted(guilty), _sorted(innocent)
    if not len(one) or not len(other):
        raise ValueError("calibration needs guilty and innocent suspects")
    return Calibration(
        guilty=len(one),
        innocent=len(other),
        cllr=cllr(one, other),
        cllr_min=cllr_min(one, other),
        above={level: share_above(other, level) for level in LEVELS},
        most_supported=most_supported(one, other),
    )


def cllr(guilty: Sequence[float] | Figures, innocent: Sequence[float] | Figures) -> float:
    """Mean cost in bits: log2(1 + 1/LR) of the guilty and log2(1 + LR) of the innocent, each half."""
    of_guilty = np.logaddexp(0, -np.asarray(guilty, dtype=np.float64)).mean()
    of_innocent = np.logaddexp(0, np.asarray(innocent, dtype=np.float64)).mean()
    return float((of_guilty + of_innocent) / 2 / math.log(2))


def cllr_min(guilty: Sequence[float] | Figures, innocent: Sequence[float] | Figures) -> float:
    """Cllr of the ratios after the best increasing calibration of them."""
    cost = 0.0
    for good, bad in _pooled(_counted(guilty, innocent)):
        share = good / len(guilty), bad / len(innocent)
        cost += sum(part * math.log2(sum(share) / part) for part in share if part)
    return cost / 2


def share_above(innocent: Sequence[float] | Figures, ratio: float) -> float:
    """The share of innocents whose likelihood ratio exceeds `ratio`."""
    return float((np.asarray(innocent, dtype=np.float64) > math.log(ratio)).mean())


def most_supported(guilty: Sequence[float] | Figures, innocent: Sequence[float] | Figures) -> float:
    """The largest ln ratio that may be stated on the ground of these cases; 0 when they support none.

    It is where, going up from 0, accepting every ratio above x first costs more by innocents (their share, times x)
    than it gains by guilty ones, with one innocent above and one guilty suspect below everybody added to the cases.
    """
    one, other = _sorted(guilty), _sorted(innocent)
    steps = np.unique(np.concatenate((one, other)))
    starts = np.concatenate(([0.0], steps[steps > 0]))
    ends = np.append(starts[1:], np.inf)
    good = (len(one) - np.searchsorted(one, starts, side="right")) / (len(one) + 1)
    bad = (len(other) - np.searchsorted(other, starts, side="right") + 1) / (len(other) + 1)
    with np.errstate(divide="ignore"):
        carried = np.log(good / bad)  # between two steps the shares stay and x grows
    first = int(np.argmax(carried < ends))
    return float(max(starts[first], carried[first]))


def _sorted(values: Sequence[float] | Figures) -> Figures:
    return np.sort(np.asarray(values, dtype=np.float64))


def _counted(guilty: Sequence[float] | Figures, innocent: Sequence[float] | Figures) -> list[tuple[int, int]]:
    """Of every distinct value, in order: how many guilty and innocent suspects have it."""
    one, other = _sorted(guilty), _sorted(innocent)
    values, which = np.unique(np.concatenate((one, other)), return_inverse=True)
    good = np.bincount(which[: len(one)], minlength=len(values))
    bad = np.bincount(which[len(one) :], minlength=len(values))
    return list(zip(good.tolist(), bad.tolist(), strict=True))


def _pooled(counts: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbours put together until the share of guilty ones never falls (pool adjacent violators)."""
    blocks: list[tuple[int, int]] = []
    for count in counts:
        blocks.append(count)
        while len(blocks) > 1 and _share_falls(blocks[-2], blocks[-1]):
            (a, b), (c, d) = blocks.pop(), blocks.pop()
            blocks.append((a + c, b + d))
    return blocks


def _share_falls(left: tuple[int, int], right: tuple[int, int]) -> bool:
    return left[0] * sum(right) >= right[0] * sum(left)
