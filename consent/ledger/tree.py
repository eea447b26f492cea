"""The Merkle tree of RFC 6962 section 2.1 (the same as RFC 9162): hashes, frontier, proofs and their checks.

    leaf  = SHA-256(00 ‖ entry bytes)      node = SHA-256(01 ‖ left ‖ right)      empty tree = SHA-256("")

Proofs are made from `hash_at(level, index)`, the hash of the perfect subtree over the leaves
[index * 2^level, (index + 1) * 2^level), so the same code runs over tiles, rows or a list in memory.
Verification never raises on a wrong proof: it answers False.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

type HashAt = Callable[[int, int], bytes]
type Subtree = tuple[int, int]
"""(level, index) of a perfect subtree."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry's exact bytes."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two neighbouring subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def parents(row: Sequence[bytes]) -> list[bytes]:
    """The hash over each two neighbours, of which there are an even number; one call for many."""
    sha = hashlib.sha256
    return [sha(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=True)]


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees of falling size, left to right; no subtree at all is the empty tree."""
    if not hashes:
        return EMPTY_ROOT
    result = hashes[-1]
    for left in reversed(hashes[:-1]):
        result = node_hash(left, result)
    return result


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: its size and the roots of its perfect subtrees, largest first.

    Exactly what is needed to go on appending; as bytes it is the nodes one after another, 32 bytes each.
    """

    size: int
    nodes: tuple[bytes, ...]

    @classmethod
    def parse(cls, size: int, data: bytes) -> "Frontier":
        """From stored bytes; raises ValueError unless there is one node for each bit set in `size`."""
        if len(data) != HASH_BYTES * size.bit_count():
            raise ValueError("frontier does not fit its size")
        return cls(size, tuple(data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)))

    def extend(self, leaves: Iterable[bytes]) -> "Frontier":
        """The frontier after these leaf hashes, about one node hash per leaf."""
        nodes, size, sha = list(self.nodes), self.size, hashlib.sha256
        for leaf in leaves:
            carry, bits = leaf, size
            while bits & 1:
                carry = sha(b"\x01" + nodes.pop() + carry).digest()
                bits >>= 1
            nodes.append(carry)
            size += 1
        return Frontier(size, tuple(nodes))

    def root(self) -> bytes:
        return fold(self.nodes)

    def __bytes__(self) -> bytes:
        return b"".join(self.nodes)


EMPTY = Frontier(0, ())


def subtrees(start: int, end: int) -> list[Subtree]:
    """The perfect subtrees that tile [start, end), left to right, when `start` is aligned as in any proof."""
    found: list[Subtree] = []
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        found.append((level, start >> level))
        start += 1 << level
    return found


def _split(width: int) -> int:
    """The largest power of two strictly below `width`."""
    return 1 << (width - 1).bit_length() - 1


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The leaf ranges whose hashes are the audit path of `index` in a tree of `size`, leaf to root."""
    if not 0 <= index < size:
        raise ValueError("index outside the tree")
    ranges: list[tuple[int, int]] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    return ranges[::-1]


def consistency_ranges(old: int, new: int) -> list[tuple[int, int]]:
    """The leaf ranges whose hashes prove that the tree of size `old` is a prefix of the one of size `new`."""
    if not 0 < old <= new:
        raise ValueError("sizes out of order")
    ranges: list[tuple[int, int]] = []
    low, high, whole = 0, new, True
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low, whole = middle, False
    if not whole:
        ranges.append((low, high))
    return ranges[::-1]


def range_hash(hash_at: HashAt, start: int, end: int) -> bytes:
    """The subtree hash over the leaves [start, end) of a proof's range."""
    return fold([hash_at(level, index) for level, index in subtrees(start, end)])


def inclusion_path(hash_at: HashAt, index: int, size: int) -> list[bytes]:
    """The audit path of a leaf, leaf to root."""
    return [range_hash(hash_at, *piece) for piece in inclusion_ranges(index, size)]


def consistency_path(hash_at: HashAt, old: int, new: int) -> list[bytes]:
    """The consistency proof between two sizes, in the order of RFC 6962 section 2.1.2."""
    return [range_hash(hash_at, *piece) for piece in consistency_ranges(old, new)]


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root this path leads to (RFC 9162 section 2.1.3.2), or None when its length cannot fit."""
    if not 0 <= index < size or any(len(item) != HASH_BYTES for item in (leaf, *path)):
        return None
    node, last, result = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    return result if last == 0 else None


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `leaf` stands at `index` in the tree of `size` leaves under `root`."""
    return root_from_inclusion(leaf, index, size, path) == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the tree of `old` leaves is a prefix of the one of `new` leaves (RFC 9162 section 2.1.4.2).

    From the empty tree nothing needs proving, so only its own root and an empty proof are accepted.
    """
    if not 0 <= old <= new or any(len(item) != HASH_BYTES for item in (old_root, new_root, *path)):
        return False
    if old in {0, new}:
        expected = new_root if old == new else EMPTY_ROOT
        return not path and old_root == expected
    # An old tree that is one perfect subtree of the new one is its own first node (RFC 9162).
    perfect = old & (old - 1) == 0
    if not perfect and not path:
        return False
    start, rest = (old_root, path) if perfect else (path[0], path[1:])
    shift = ((old - 1) ^ old).bit_length() - 1
    return _climb((old - 1) >> shift, (new - 1) >> shift, start, rest) == (old_root, new_root)


def _climb(node: int, last: int, start: bytes, path: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    old_root = new_root = start
    for item in path:
        if last == 0:
            return None
        if node & 1 or node == last:
            old_root, new_root = node_hash(item, old_root), node_hash(item, new_root)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new_root = node_hash(new_root, item)
        node, last = node >> 1, last >> 1
    return (old_root, new_root) if last == 0 else None
