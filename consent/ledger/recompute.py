"""The second way to the root, used only to check the first: level by level, from entry bytes.

`tree.Frontier` pushes leaves one at a time; this code pairs whole rows of hashes. A flipped bit in memory, in a
stored leaf or in a stored frontier makes the two disagree before anything is signed, which is when it must be
found: a log that has signed a wrong root can never be repaired.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

_EMPTY = sha256().digest()


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
            result = _pair(left, result)
        return result


def leaf_of(body: bytes) -> bytes:
    """The leaf hash of an entry, computed anew from its bytes."""
    digest = sha256(b"\x00")
    digest.update(body)
    return digest.digest()


def absorb(edge: RightEdge, leaves: Sequence[bytes]) -> RightEdge:
    """The right edge after `leaves`, row by row."""
    nodes: dict[int, bytes] = {}
    row, before, level = list(leaves), edge.size, 0
    while row or before:
        if before & 1:
            row.insert(0, edge.nodes[level])
        if len(row) & 1:
            nodes[level] = row.pop()
        row = [_pair(row[at], row[at + 1]) for at in range(0, len(row), 2)]
        before, level = before >> 1, level + 1
    return RightEdge(edge.size + len(leaves), nodes)


def _pair(left: bytes, right: bytes) -> bytes:
    digest = sha256(b"\x01")
    digest.update(left)
    digest.update(right)
    return digest.digest()
