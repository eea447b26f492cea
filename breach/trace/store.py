"""What speaks for a copy of our own store, against an ordinary outside source whose reach was declared
(tracing.md §2.5).

Two e-values, told apart because they exclude different things. Of **people never disclosed** no recipient has
anything, so beside our store only an outside source can show them. **Values nobody was given** (a kind of data
that was never disclosed of somebody, a later version that went to nobody) no recipient has from us; but one may
have collected the same itself, and no count tells that from a copy of the store. So the first decides what a
trace says first, the second is told beside it.
"""

import math
from collections.abc import Sequence

from breach.trace.evidence import Evidence, Unreceived
from breach.trace.guilt import FRACTIONS, ln_mean_exp, ln_sum_exp

STORE_FRACTIONS = (1e-4, 2e-4, 5e-4, 1e-3, *FRACTIONS)
"""Of a store a small part is many people: a thousand rows of a million."""


def most_outside(evidence: Evidence, rate: float, share: float) -> float:
    """The largest part of any sort of our people that an ordinary outside source knows: the declared rate, and no more
    than its rows leave room for when the declared share of them is about people of ours, each sort in proportion.
    """
    return min(rate, share * evidence.rows / evidence.people) if evidence.rows and evidence.people else rate


def never_disclosed(evidence: Evidence, most: float) -> float:
    """Ln e-value of "the store itself leaked" from people of whom nobody was ever given anything; 0 where none is found."""
    return _against_outside(evidence.dark_found, evidence.dark, most, STORE_FRACTIONS)


def never_received(unreceived: Sequence[Unreceived], most: float) -> float:
    """Ln e-value of the same from values that nobody was given: a mean over all fields, and over both sorts of values.

    Sorts of which nothing is found add nothing to it; 0 where nothing is found at all. How many such values
    there are is known from above only. Among fractions no smaller than what the outside knows more misses
    weaken the ratio, so counting too many of them keeps it an e-value.
    """
    fractions = [f for f in STORE_FRACTIONS if f >= most]
    each = [
        _against_outside(found, people, most, fractions)
        for one in unreceived
        for found, people in ((one.never_found, one.never), (one.later_found, one.later))
        if found
    ]
    return ln_sum_exp(each) - math.log(2 * len(unreceived)) if each else 0.0


def _against_outside(hits: int, people: int, most: float, fractions: Sequence[float]) -> float:
    if not hits:
        return 0.0
    misses, rate = people - hits, min(most, hits / people)
    outside = hits * math.log(rate) + (misses * math.log1p(-rate) if misses else 0.0)
    return ln_mean_exp(hits * math.log(f) + misses * math.log1p(-f) for f in fractions) - outside
