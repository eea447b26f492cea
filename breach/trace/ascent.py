"""The best leaked fractions of a few sources: a concave maximum over b >= 0, by a primal-dual interior point.

    maximise  sum_g count_g ln(1 - exp(-u_g)) - sum_k missed_k b_k,   u_g = sum of b over the sources that hold g

Each step solves Newton's equations for b and the slack z = missed - load together, with b z = mu, and mu falls with
the gap (Nocedal and Wright, chapter 19). Groups that no searched source tells apart are added up first. What it
finds need not be trusted: the caller's bound holds for any b.
"""

import numpy as np
from numpy.typing import NDArray

MOST = 40.0
"""Of b: a leaked fraction of 1 - 4e-18."""

_LEAST = 1e-14
_STEPS = 60
GAP = 1e-8
_SHORTER = 0.995

type Floats = NDArray[np.float64]


def maximum(holds: NDArray[np.bool_], count: Floats, missed: Floats, room: float = GAP) -> Floats:
    """The best b, one per column of `holds` (group, source); every group is held by the first source at least.

    `room`: how far from the maximum it may end (nats).
    """
    if not len(count):
        return np.full(holds.shape[1], _LEAST)
    classes, of = np.unique(np.packbits(holds, axis=1), axis=0, return_inverse=True)
    a = np.unpackbits(classes, axis=1, count=holds.shape[1]).astype(np.float64)
    count = np.bincount(of.ravel(), weights=count, minlength=len(classes))
    total = count @ a
    b = np.clip(np.log1p((total + 0.5) / (missed + 0.5)), 1e-9, MOST) / np.maximum(a.sum(axis=1).mean(), 1.0)
    z = np.maximum(missed * 0.5, 1e-3)
    for _ in range(_STEPS):
        slopes = 1 / np.expm1(np.minimum(a @ b, 700.0))
        gradient = missed - a.T @ (count * slopes)
        gap = float(b @ z)
        if gap <= room and float(np.abs(gradient - z) @ b) <= room:
            break
        mu = 0.1 * gap / len(b)
        curvature = (a.T * (count * slopes * (1 + slopes))) @ a
        curvature[np.diag_indices_from(curvature)] += z / b
        step = np.linalg.solve(curvature, mu / b - gradient)
        slack = (mu - z * step) / b - z
        b, z = b + _length(b, step) * step, z + _length(z, slack) * slack
    best: Floats = np.clip(b, _LEAST, MOST)
    return best


def _length(at: Floats, step: Floats) -> float:
    """How far one may go and stay positive."""
    falling = step < 0
    if not falling.any():
        return 1.0
    return min(1.0, _SHORTER * float((-at[falling] / step[falling]).min()))
