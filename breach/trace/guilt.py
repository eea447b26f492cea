"""How strongly a dump speaks against one recipient: e-values, their threshold, and the outside rate (tracing.md §2.1).

An e-value is a likelihood ratio whose expectation under innocence is at most 1, so by Markov's inequality an
innocent exceeds n/eps with a probability of at most eps/n, at any sample size. The outside rate pi (how often a
person's values turn up for reasons we know nothing of) is never assumed: it is the exact upper confidence limit
from dark controls, people whose values were never disclosed to anybody.
"""

import math
from collections.abc import Iterable

FRACTIONS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 0.995)
"""The fixed grid of leaked fractions; the e-value is the mean over it, so no fraction is chosen after the fact."""

_BISECTIONS = 200
_TERMS = 100_000
_TINY = 1e-300


def ln_e(hits: int, held: int, pi: float) -> float:
    """Ln of the e-value of a recipient that held `held` people's values, `hits` of which the dump shows as held.

    `pi`: upper limit of the outside rate, 0 < pi <= 1; with pi = 1 nothing speaks against anybody.
    """
    if not 0 <= hits <= held or not 0 < pi <= 1:
        raise ValueError("0 <= hits <= held and 0 < pi <= 1")
    return ln_mean_exp(
        hits * math.log1p(f * (1 - pi) / pi) + (held - hits) * math.log1p(-f) for f in FRACTIONS
    )


def threshold(suspects: int, eps: float) -> float:
    """The ln e-value from which one of `suspects` may be named; at most `eps` of traces name an innocent."""
    return math.log(max(suspects, 1) / eps)


def upper_limit(hits: int, total: int, level: float) -> float:
    """Clopper-Pearson: the largest rate under which `hits` or fewer of `total` has a probability of `level`.

    Exact, rounded away from zero by the last bisection step; 1 when there is nothing to estimate from.
    """
    if not 0 <= hits <= total or not 0 < level <= 0.25:
        raise ValueError("0 <= hits <= total and 0 < level <= 1/4")
    if hits == total:
        return 1.0
    low, high = hits / total, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if _ln_at_most(hits, total, middle) > math.log(level):
            low = middle
        else:
            high = middle
    return high


def ln_mean_exp(values: Iterable[float]) -> float:
    """Ln of the mean of the exponentials, without overflow."""
    listed = list(values)
    return ln_sum_exp(listed) - math.log(len(listed))


def ln_sum_exp(values: Iterable[float]) -> float:
    """Ln of the sum of the exponentials, without overflow; minus infinity for none."""
    listed = list(values)
    top = max(listed, default=-math.inf)
    if top == -math.inf:
        return top
    return top + math.log(math.fsum(math.exp(value - top) for value in listed))


def _ln_at_most(hits: int, total: int, p: float) -> float:
    """Ln P(X <= hits) for X binomial(total, p), for p above hits/total.

    The regularised incomplete beta function I(1-p; total-hits, hits+1), by its continued fraction where
    that converges fast, and 0 (probability about one half or more) just above the mean, where it need not.
    """
    a, b, x = total - hits, hits + 1, 1 - p
    if x <= 0:
        return -math.inf
    if x >= (a + 1) / (a + b + 2):
        return 0.0
    ln_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    return a * math.log(x) + b * math.log1p(-x) - ln_beta - math.log(a) + math.log(_fraction(a, b, x))


def _fraction(a: int, b: int, x: float) -> float:
    """Lentz's evaluation of the continued fraction of the incomplete beta function."""
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        step = 1.0
        for term in (even, odd):
            d = 1 / _away(1 + term * d)
            c = _away(1 + term / c)
            step = c * d
            result *= step
        if abs(step - 1) < 1e-15:
            break
    return result


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
