"""The second way to the root, used only to check the first: level by level, from entry bytes.

`tree.Frontier` pushes leaves one at a time; this code pairs whole rows of hashes. A flipped bit in memory, in a
stored leaf or in a stored frontier makes the two disagree before anything is signed, which is when it must be
found: a log that has signed a wrong root can never be repaired.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

_EMPTY = sha256().digest()
# A copy of a hash that is begun costs less than to begin one.
_LEAF, _NODE = sha256(b"\x00"), sha256(b"\x01")


@dataclass(frozen=True, slots=True)
class RightEdge:
    """A tree's size and, for each bit set in it, the hash of that perfect subtree, keyed by level."""

    size: int
    nodes: dict[int, bytes]

    @classmethod
    def from_bytes(cls, size: int, frontier: bytes) -> "RightEdge":
        """From a stored frontier (largest subtree first); raises ValueError when the length does not fit."""
        levels = [level for level in reversed(range(size.bit_length())) if size >> level & 1]
        if len(frontier) != 32 * len(levels):
            raise ValueError("frontier does not fit its size")
        return cls(size, {level: frontier[32 * at : 32 * at + 32] for at, level in enumerate(levels)})

    def __bytes__(self) -> bytes:
        return b"".join(self.nodes[level] for level in sorted(self.nodes, reverse=True))

    def root(self) -> bytes:
        hashes = [self.nodes[level] for level in sorted(self.nodes)]
        if not hashes:
            return _EMPTY
        result = hashes[0]
        for left in hashes[1:]:
            (result,) = _pairs([left, result])
        return result


def leaves_of(bodies: Iterable[bytes]) -> list[bytes]:
    """The leaf hashes of entries, computed anew from their bytes."""
    begin, hashes = _LEAF.copy, []
    for body in bodies:
        one = begin()
        one.update(body)
        hashes.append(one.digest())
    return hashes


def absorb(edge: RightEdge, leaves: Sequence[bytes]) -> RightEdge:
    """The right edge after `leaves`."""
    return grow(edge, leaves)[0]


def grow(edge: RightEdge, leaves: Sequence[bytes]) -> tuple[RightEdge, list[Sequence[bytes]]]:
    """The right edge after `leaves`, and the perfect subtrees that each level gains by them, leaves first."""
    nodes: dict[int, bytes] = {}
    gained: list[Sequence[bytes]] = []
    row, before, level = leaves, edge.size, 0
    while row or before:
        gained.append(row)
        whole = [edge.nodes[level], *row] if before & 1 else row
        if len(whole) & 1:
            nodes[level] = whole[-1]
        row = _pairs(whole)
        before, level = before >> 1, level + 1
    return RightEdge(edge.size + len(leaves), nodes), gained


def _pairs(row: Sequence[bytes]) -> list[bytes]:
    """The hash over each two neighbours; a last one without a neighbour is left."""
    begin, hashes = _NODE.copy, []
    for left, right in zip(row[::2], row[1::2], strict=False):
        one = begin()
        one.update(left)
        one.update(right)
        hashes.append(one.digest())
    return hashes
