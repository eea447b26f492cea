"""What speaks for a copy of our own store, against an ordinary outside source whose reach was declared
(tracing.md §2.5).

Two e-values, because they exclude different things. Of **people never disclosed** no recipient has anything, so
beside our store only an outside source can show them. **Values nobody was given** (a kind of data that was never
disclosed of somebody, a later version that went to nobody) no recipient has from us; but one may have collected the
same itself, of people it serves. The story without our store may therefore hold the own collections of any few
recipients, whole or in whatever part: what they can explain is taken out before anything is weighed, and what is
left is of people whom none of them serves. The mean of both is an e-value, whatever hangs together in them.
"""

import math
from collections.abc import Sequence

from breach.trace.evidence import Evidence, Unreceived
from breach.trace.guilt import FRACTIONS, ln_mean_exp

STORE_FRACTIONS = (1e-4, 2e-4, 5e-4, 1e-3, *FRACTIONS)
"""Of a store a small part is many people: a thousand rows of a million."""


def most_outside(evidence: Evidence, rate: float, share: float) -> float:
    """The largest part of any sort of our people that an ordinary outside source knows: the declared rate, and no more
    than its rows leave room for when the declared share of them is about people of ours, each sort in proportion.
    """
    return min(rate, share * evidence.rows / evidence.people) if evidence.rows and evidence.people else rate


def never_disclosed(evidence: Evidence, most: float) -> float:
    """Ln e-value of "the store itself leaked" from people of whom nobody was ever given anything; 0 where there are none."""
    return _against_outside(evidence.dark_found, evidence.dark, most, STORE_FRACTIONS)


def never_received(unreceived: Sequence[Unreceived], most: float, collectors: int) -> float:
    """Ln e-value of the same from values that nobody was given: a mean over all fields, and over both sorts of values.

    Against every story in which an outside source and own collections of at most `collectors` recipients made the
    file. Sorts of which nothing is left count as that: they speak against the store. Among fractions no smaller
    than what the outside knows a miss weakens the ratio and a hit strengthens it, by more than the best outside rate
    makes up for. So it stays an e-value when such values are counted from above only, and when as many hits are taken
    away as the collectors can explain at most: the sum of those who serve most.
    """
    fractions = [f for f in STORE_FRACTIONS if f >= most]
    each = [
        _against_outside(max(found - sum(served[:collectors]), 0), people, most, fractions)
        for one in unreceived
        for found, people, served in (
            (one.never_found, one.never, one.never_served),
            (one.later_found, one.later, one.later_served),
        )
    ]
    return ln_mean_exp(each) if each else 0.0


def together(disclosed_to_nobody: float, given_to_nobody: float) -> float:
    """The ln e-value that decides: the mean of both, which hang together in ways nobody knows."""
    return ln_mean_exp((disclosed_to_nobody, given_to_nobody))


def _against_outside(hits: int, people: int, most: float, fractions: Sequence[float]) -> float:
    """The ratio to the best outside rate, also where nobody is shown: an e-value that only spoke for it would be none."""
    if not people:
        return 0.0
    misses, rate = people - hits, min(most, hits / people)
    outside = (hits * math.log(rate) if hits else 0.0) + (misses * math.log1p(-rate) if misses else 0.0)
    return ln_mean_exp(hits * math.log(f) + misses * math.log1p(-f) for f in fractions) - outside
