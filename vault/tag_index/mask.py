"""Which tags cannot be in the index: one bit for each of many equal ranges of tags, set where the index has any in it.

Tags are as good as random, so with sixteen ranges for each tag of the index all but one in sixteen of the
others are known to be strangers after one look at memory, and only the rest has to be joined. The bits are made
of tags and say less than those do: no key and no value goes in.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

RANGES: Final = 16
"""Ranges for each tag, at least; up to twice as many, until there are `MOST`."""

FEWEST: Final = 1 << 16
MOST: Final = 1 << 31
"""Ranges: 256 MiB."""

_WIDTH: Final = 64
_AT_ONCE: Final = 1 << 14
"""Tags that are looked at together, so that what is computed of them stays near the processor."""


class Mask:
    """The ranges of one index. Tags are unsigned (UInt64)."""

    def __init__(self, count: int, tags: Iterable[pl.Series]) -> None:
        """`tags`: all `count` of them, in pieces, each in order."""
        ranges = min(max(1 << (count * RANGES).bit_length(), FEWEST), MOST)
        self._shift = np.uint64(_WIDTH + 1 - ranges.bit_length())
        self._bits = np.zeros(ranges // 8, np.uint8)
        for held in tags:
            found = (held.to_numpy() >> self._shift).view(np.int64)
            for at in range(0, len(found), _AT_ONCE):
                self._set(found[at : at + _AT_ONCE])

    def _set(self, ranges: npt.NDArray[np.int64]) -> None:
        first = int(ranges.min()) // 8
        has = np.zeros(int(ranges.max()) - first * 8 + 1, np.bool_)
        has[ranges - first * 8] = True
        packed = np.packbits(has, bitorder="little")
        self._bits[first : first + len(packed)] |= packed

    def possible(self, tags: pl.Series) -> pl.Series:
        """Those of these tags that may be in the index; it may be that they are not."""
        asked = tags.to_numpy()
        chunks = (asked[at : at + _AT_ONCE] for at in range(0, len(asked), _AT_ONCE))
        found = [chunk[self._has(chunk >> self._shift)] for chunk in chunks]
        return pl.Series(np.concatenate(found), dtype=pl.UInt64) if found else tags

    def _has(self, ranges: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        held = self._bits[(ranges >> np.uint64(3)).view(np.int64)]
        return (held >> (ranges.astype(np.uint8) & np.uint8(7)) & np.uint8(1)).view(np.bool_)
