"""A sample of the values a file holds, by which files are compared without looking at them again (tracing.md §2.0).

Of the tags of all its values, which are keyed hashes, a file keeps the smallest, 4,096 at most. How much of one
file is in another shows where both samples are complete: below the smaller of their largest hashes. The key is
one of the index epoch, so that samples of an epoch whose root is destroyed say nothing any more. Packed: the
hashes in order, 8 bytes each, big-endian.
"""

import struct
from collections.abc import Iterable
from typing import Final

from vault.tags.lookup import Probe
from vault.tags.making import IndexKeys, tagger
from vault.tags.registry import kind

SIZE: Final = 4_096
FEWEST: Final = 30
"""Fewest hashes of a sample from which anything is concluded."""

_EVERY: Final = 1 << 64


class Sketch:
    """The sample of one file while it is read. Adding a value again changes nothing."""

    def __init__(self, keys: IndexKeys, packed: bytes = b"") -> None:
        self.epoch = keys.index_epoch
        self._keys = keys  # its tagger lives no longer than it
        self._tagger = tagger(keys)
        self._kept = set(_unpacked(packed))
        self._limit = max(self._kept) if len(self._kept) >= SIZE else _EVERY

    def add(self, values: Iterable[Probe]) -> bool:
        """Take values in; whether the sample changed."""
        return self.add_tags(map(self._tag, values))

    @property
    def limit(self) -> int:
        """Tags from here on, as unsigned numbers, change nothing."""
        return self._limit

    def add_tags(self, tags: Iterable[int]) -> bool:
        """Take in values of which only the tags, as unsigned numbers, are known; whether the sample changed."""
        before = len(self._kept)
        new = {number for number in tags if number < self._limit} - self._kept
        self._kept |= new
        if len(self._kept) > SIZE:
            self._kept = set(sorted(self._kept)[:SIZE])
        if len(self._kept) == SIZE:
            self._limit = max(self._kept)
        return len(self._kept) > before or not new.isdisjoint(self._kept)

    def pack(self) -> bytes:
        """The stored form."""
        return struct.pack(f">{len(self._kept)}Q", *sorted(self._kept))

    def _tag(self, value: Probe) -> int:
        raw = value.text.encode() if isinstance(value.text, str) else value.text
        return self._tagger.tag(kind(value.field, value.shape), raw) % _EVERY


def contained(packed: bytes, other: bytes) -> float | None:
    """Which share of one file's values is in the other; None when the samples have too little in common to say."""
    mine, theirs = _unpacked(packed), set(_unpacked(other))
    limit = min((max(each) for each in (mine, theirs) if len(each) >= SIZE), default=_EVERY)
    compared = [number for number in mine if number <= limit]
    if len(compared) < FEWEST:
        return None
    return sum(number in theirs for number in compared) / len(compared)


def _unpacked(packed: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(packed) // 8}Q", packed)
