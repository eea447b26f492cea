"""The stories a reading of marks is weighed under: how leakers may have put their copies together (tracing.md §2.4).

Two kinds, both fixed before any file is read. In a **mix** every mark is made anew from the copies of c
leakers, by one of six ways, and read with some noise; where all their copies agree they cannot but show it. In
a **row** story the leakers keep rows whole: a row is the suspect's own with a fixed probability, and then all
marks in it are the suspect's. Files that were only put one behind the other look so, and marks of one row then
speak together.

A story says how likely a reading is with the suspect's bit and, with the suspect's bit drawn anew by its bias,
without. Their ratio has mean 1 over the bits an innocent may have got, whatever was read and whether or not
anybody did as the story tells: a wrong story loses weight and accuses nobody.
"""

import math
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from itertools import product
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Mixing(StrEnum):
    """How a mark is made from copies that differ."""

    INTERLEAVE = "interleave"
    MAJORITY = "majority"
    MINORITY = "minority"
    COIN = "coin"
    ALL_ONES = "all_ones"
    ALL_ZEROS = "all_zeros"


class Mix(NamedTuple):
    """Marks made from the copies of `size` leakers; `noise`: share of readings that show the other bit."""

    way: Mixing
    size: int
    noise: float


NOISES: Final = (0.01, 0.1)

SHARES: Final = (0.9, 0.7, 0.4, 0.2, 0.08)
"""Of the row stories, each with each noise: what share of the leaked rows the suspect holds are its own."""

MIXES: Final = tuple(
    Mix(way, size, noise)
    for way, sizes in (
        (Mixing.INTERLEAVE, (1, 2, 3, 4, 6, 8)),
        *((way, (3, 5)) for way in Mixing if way is not Mixing.INTERLEAVE),
    )
    for size, noise in product(sizes, NOISES)
)
STORIES: Final = len(MIXES) + len(NOISES) * len(SHARES)

LONE: Final = 0.25
"""Weight of the two stories of a lone leaker; all others share the rest alike. Most leaks have one source, and a lone
leaker of few rows is found or not by what the choice between stories costs: ln 8 so, ln 42 if all weighed the same.
"""

type Table = NDArray[np.float64]

_LONE = [mix.size == 1 for mix in MIXES] + [False] * (STORIES - len(MIXES))
LN_WEIGHTS: Final[Table] = np.log(np.where(_LONE, LONE / sum(_LONE), (1 - LONE) / (STORIES - sum(_LONE))))
"""Of the mixes in order, then of the row stories by noise and share."""

_CHOICES: Final[dict[Mixing, Callable[[int, int], float]]] = {
    Mixing.INTERLEAVE: lambda ones, size: ones / size,
    Mixing.MAJORITY: lambda ones, size: (1 + _sign(2 * ones - size)) / 2,
    Mixing.MINORITY: lambda ones, size: (1 - _sign(2 * ones - size)) / 2,
    Mixing.COIN: lambda _ones, _size: 0.5,
    Mixing.ALL_ONES: lambda _ones, _size: 1.0,
    Mixing.ALL_ZEROS: lambda _ones, _size: 0.0,
}


@lru_cache(maxsize=4096)
def ln_ratios(p: float, bit: int, known: int = 0, ones: int = 0) -> Table:
    """Ln of with / without, one line per mix and one column per bit of the suspect (0, 1).

    `p`: bias of the position, `bit`: what was read there. Of the leakers, `known` are accused already and hold the
    position, `ones` of them with a 1: a mix of fewer than them and the suspect is taken to be of that many.
    """
    ones_read = np.array([[_shows_one(mix, p, known, ones + own) for own in (0, 1)] for mix in MIXES])
    return _ln_ratio(ones_read if bit else 1 - ones_read, p)


def ln_own(p: float, bit: int) -> Table:
    """Ln of with / without for a mark of a row that is the suspect's own: a line per noise, a column per bit."""
    agreeing = np.array([[1 - noise if own == bit else noise for own in (0, 1)] for noise in NOISES])
    return _ln_ratio(agreeing, p)


def _ln_ratio(likely: Table, p: float) -> Table:
    without = (1 - p) * likely[:, :1] + p * likely[:, 1:]
    ratios = np.asarray(np.log(likely) - np.log(without), dtype=np.float64)
    ratios.flags.writeable = False  # they are remembered
    return ratios


def _shows_one(mix: Mix, p: float, known: int, ones: int) -> float:
    """P(a 1 is read), when of the known leakers and the suspect `ones` have a 1 and of the others nobody knows."""
    size = max(mix.size, known + 1)
    others = size - known - 1
    one = sum(
        math.comb(others, more) * p**more * (1 - p) ** (others - more) * _made(mix.way, ones + more, size)
        for more in range(others + 1)
    )
    return one * (1 - mix.noise) + (1 - one) * mix.noise


def _made(way: Mixing, ones: int, size: int) -> float:
    """P(a 1 is made) by leakers of whom `ones` of `size` have it; copies that agree leave no choice."""
    return ones / size if ones in {0, size} else _CHOICES[way](ones, size)


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
