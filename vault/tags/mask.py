"""Which tags cannot be in the index: one bit for each of many equal ranges of tags, set where the index has any in it.

Tags are as good as random, so with sixteen ranges for each tag of the index all but one in sixteen of the others are known
to be strangers after one look at memory, and only the rest has to be joined. The bits are made of tags and say less than
those do: no key and no value goes in.
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
    """The ranges of one index, of `count` tags or a little more. Tags are unsigned (UInt64)."""

    def __init__(self, count: int, parts: int, tags: Iterable[tuple[int, pl.Series]]) -> None:
        """`tags`: the number and the tags of every one of the `parts` equal ranges that has any."""
        ranges = min(max(1 << (count * RANGES).bit_length(), FEWEST), MOST)
        self._shift = np.uint64(_WIDTH + 1 - ranges.bit_length())
        self._bits = np.zeros(ranges // 8, np.uint8)
        size = ranges // parts
        for part, held in tags:
            has = np.zeros(size, np.bool_)
            has[(held.to_numpy() >> self._shift).astype(np.int64) - part * size] = True
            self._bits[part * size // 8 : (part + 1) * size // 8] = np.packbits(has, bitorder="little")

    def possible(self, tags: pl.Series) -> pl.Series:
        """Those of these tags that may be in the index; it may be that they are not."""
        asked = tags.to_numpy()
        chunks = (asked[at : at + _AT_ONCE] for at in range(0, len(asked), _AT_ONCE))
        found = [chunk[self._has(chunk >> self._shift)] for chunk in chunks]
        return pl.Series(np.concatenate(found), dtype=pl.UInt64) if found else tags

    def _has(self, ranges: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        held = self._bits[(ranges >> np.uint64(3)).view(np.int64)]
        return (held >> (ranges.astype(np.uint8) & np.uint8(7)) & np.uint8(1)).view(np.bool_)
