"""How alike records are by their blind codes: Dice's coefficient over the parts that both have.

Twice the bits both have, by the bits of each, counted in the fields both show: 1 for the same, about 0.4 for
strangers. Two records are compared only if they share two fields.

`every_pair` compares everybody with everybody, `blocked_pairs` those who share a block key. Either way pairs come out
in order and memory is bounded by the pieces the caller hands in.
"""

from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from vault.linkage.codes import BLOCKS, WORDS, Codes, shown

ALIKE: Final = 0.68
"""From here on two records may be about one person: measured on FEBRL4 (`python -m tests.bench linkage`)."""

_STRIP: Final = 1 << 14
_GATHER: Final = 1 << 18


class Pairs(NamedTuple):
    """Pairs that are alike, sorted by (`left`, `right`): numbers of records, and their `likeness` (float32)."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    likeness: NDArray[np.float32]

    @classmethod
    def joined(cls, parts: "list[Pairs]") -> Self:
        """Several lists of pairs as one, in order."""
        if not parts:
            return cls(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
        left, right, likeness = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.lexsort((right, left))
        return cls(left[order], right[order], likeness[order])


def every_pair(left: Codes, right: Codes, least: float = ALIKE) -> Pairs:
    """Every pair of a record of `left` with one of `right` that is at least so alike."""
    found: list[Pairs] = []
    sizes = shown(left.words)
    for start in range(0, right.many, _STRIP):
        strip = _Strip(right.words[start : start + _STRIP])
        for at in range(left.many):
            hits, likeness = strip.alike(left.words[at], sizes[at], least)
            if len(hits):
                found.append(Pairs(np.full(len(hits), at), hits + start, likeness))
    return Pairs.joined(found)


class _Strip:
    """Some records, word by word, and memory to compare one after the other with all of them."""

    def __init__(self, words: NDArray[np.uint64]) -> None:
        many = len(words)
        self._words = np.ascontiguousarray(words.T)
        self._sizes = np.ascontiguousarray(shown(words).T)
        self._there = (self._sizes > 0).astype(np.uint16)
        self._both = np.empty(many, np.uint64)
        self._bits = np.empty(many, np.uint8)
        self._few = np.empty(many, np.uint8)
        self._common = np.empty(many, np.uint16)

    def alike(
        self, words: NDArray[np.uint64], sizes: NDArray[np.uint16], least: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Who is alike to the record with these words, and how much."""
        self._count(words)
        bits = np.zeros_like(self._common)
        for at in np.flatnonzero(sizes):
            bits += self._there[at] * sizes[at] + self._sizes[at]
        near = np.flatnonzero(self._common * np.float32(2 / least) >= bits)
        mine = np.repeat(sizes[:, None], len(near), axis=1)
        likeness = _likeness(self._common[near], mine, self._sizes[:, near])
        enough = likeness >= least
        return near[enough], likeness[enough]

    def _count(self, words: NDArray[np.uint64]) -> None:
        """The bits in common. Three words have at most 192, which a byte holds: adding bytes takes a quarter."""
        self._common[:] = 0
        for start in range(0, WORDS, 3):
            self._few[:] = 0
            for at in range(start, min(start + 3, WORDS)):
                np.bitwise_and(self._words[at], words[at], out=self._both)
                np.bitwise_count(self._both, out=self._bits)
                np.add(self._few, self._bits, out=self._few)
            np.add(self._common, self._few, out=self._common)


def blocked_pairs(left: Codes, right: Codes, least: float = ALIKE) -> Pairs:
    """Every pair that shares a block key and is at least so alike."""
    return Blocked(left).pairs(right, least)


class Blocked:
    """Records in the order of each of their block keys, to be held against page after page of others."""

    def __init__(self, codes: Codes) -> None:
        self._words = codes.words
        self._sizes = shown(codes.words)
        self._order = np.argsort(codes.blocks, axis=0, kind="stable")
        self._keys = np.take_along_axis(codes.blocks, self._order, axis=0)

    def pairs(self, right: Codes, least: float = ALIKE) -> Pairs:
        """Every pair of one of the records with one of `right` that shares a block key and is at least so alike."""
        suggested = np.unique(np.concatenate([self._sharing(right, at) for at in range(BLOCKS)]))
        sizes = shown(right.words)
        found = []
        for start in range(0, len(suggested), _GATHER):
            mine, theirs = np.divmod(suggested[start : start + _GATHER], max(right.many, 1))
            common = np.bitwise_count(self._words[mine] & right.words[theirs]).sum(axis=1, dtype=np.uint16)
            likeness = _likeness(common, self._sizes[mine].T, sizes[theirs].T)
            enough = likeness >= least
            found.append(Pairs(mine[enough], theirs[enough], likeness[enough]))
        return Pairs.joined(found)

    def _sharing(self, right: Codes, at: int) -> NDArray[np.int64]:
        """Pairs whose block key number `at` is the same, each as (number of ours) * right.many + (number of theirs)."""
        keys, order = self._keys[:, at], self._order[:, at]
        wanted = np.flatnonzero(right.blocks[:, at])
        first = np.searchsorted(keys, right.blocks[wanted, at], side="left")
        many = np.searchsorted(keys, right.blocks[wanted, at], side="right") - first
        theirs = np.repeat(wanted, many)
        within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        mine: NDArray[np.int64] = order[np.repeat(first, many) + within]
        return mine * right.many + theirs


def _likeness(
    common: NDArray[np.uint16], mine: NDArray[np.uint16], theirs: NDArray[np.uint16]
) -> NDArray[np.float32]:
    """Dice over shared parts; sizes are (5, n). 0 for pairs that share only one."""
    both = (mine > 0) & (theirs > 0)
    bits = ((mine.astype(np.float32) + theirs) * both).sum(axis=0)
    fit = both.sum(axis=0) > 1
    return np.where(fit, 2 * common.astype(np.float32) / np.maximum(bits, 1), 0).astype(np.float32)
