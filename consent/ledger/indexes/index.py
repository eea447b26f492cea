"""The index of a log: for everybody who has an entry in it, how many and the last, under one Merkle root.

Without it a person can check every entry they are shown and not know whether they were shown all. An index entry
(`log_entry.Index`) commits to one row for each tag among the first `upto` entries, sorted by tag:

| offset | length | meaning                                             |
|--------|--------|-----------------------------------------------------|
| 0      | 16     | the person's tag in this log                        |
| 16     | 8      | n: how many entries the tag has, big-endian         |
| 24     | 32     | leaf hash of the last of them                       |
| 56     | 8      | index of that entry in the log, big-endian          |

The root is RFC 6962's over the rows as entries: any monitor with the log's entries can make it, and any transparency
tool can check a row. Nobody can be shown fewer accesses than a row counts, and no row can count too few without a
proof of it against the operator (`fraud`).
"""

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from consent.ledger.errors import Malformed
from consent.ledger.formats.tiles import WIDTH, perfect_root
from consent.ledger.tree import fold, inclusion_path, leaf_hash

TAG_BYTES: Final = 16
ROW_BYTES: Final = 64
_ROW = struct.Struct(">16sQ32sQ")
_LARGEST: Final = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Row:
    """What an index says of one tag."""

    tag: bytes
    n: int
    leaf: bytes
    idx: int

    def __bytes__(self) -> bytes:
        return _ROW.pack(self.tag, self.n, self.leaf, self.idx)

    @classmethod
    def parse(cls, data: bytes) -> "Row":
        """From 64 bytes; raises Malformed for a row that no log can have."""
        if len(data) != ROW_BYTES:
            raise Malformed("not a row of an index")
        row = cls(*_ROW.unpack(data))
        if not (1 <= row.n <= row.idx + 1 <= _LARGEST):
            raise Malformed("not a row of an index")
        return row


@dataclass(frozen=True, slots=True)
class Chunk:
    """Up to 256 rows after one another, and the root over each perfect run of them: one hash for a full chunk."""

    rows: bytes
    roots: tuple[bytes, ...]


def chunks_of(rows: Iterable[tuple[bytes, int, bytes, int]]) -> list[Chunk]:
    """The rows (tag, n, leaf, idx), sorted by tag, cut into chunks of 256."""
    packed = [_ROW.pack(*row) for row in rows]
    return [_chunk(packed[at : at + WIDTH]) for at in range(0, len(packed), WIDTH)]


def _chunk(rows: Sequence[bytes]) -> Chunk:
    sha = hashlib.sha256
    leaves = [sha(b"\x00" + row).digest() for row in rows]
    return Chunk(b"".join(rows), tuple(edge_of(leaves)))


def edge_of(hashes: Sequence[bytes]) -> list[bytes]:
    """The roots of the perfect subtrees that tile these hashes, largest first."""
    edge, start = [], 0
    for bit in reversed(range(len(hashes).bit_length())):
        if len(hashes) >> bit & 1:
            edge.append(perfect_root(hashes[start : start + (1 << bit)]))
            start += 1 << bit
    return edge


def full_root(chunk: Chunk) -> bytes | None:
    """The root over a full chunk; None for the one at the end that is not."""
    return chunk.roots[0] if len(chunk.rows) == WIDTH * ROW_BYTES else None


def root_of(chunks: Sequence[Chunk]) -> bytes:
    """The root over all rows; the empty tree's when there is none."""
    full = [root for chunk in chunks if (root := full_root(chunk)) is not None]
    rest = list(chunks[-1].roots) if len(full) < len(chunks) else []
    return fold([*edge_of(full), *rest])


def path_in(chunk: bytes, full_roots: Sequence[bytes], last: bytes, at: int, count: int) -> list[bytes]:
    """The audit path of row `at` of `count`, leaf to root.

    `chunk` are the rows of its own chunk, `full_roots` the roots of all full chunks, `last` the rows of the one
    that is not full (empty where there is none).
    """
    own, edge = _leaves(chunk), _leaves(last)

    def hash_at(level: int, index: int) -> bytes:
        first, width = index << level, 1 << level
        if width >= WIDTH:
            return perfect_root(full_roots[first // WIDTH : (first + width) // WIDTH])
        leaves = own if first // WIDTH == at // WIDTH else edge
        return perfect_root(leaves[first % WIDTH : first % WIDTH + width])

    return inclusion_path(hash_at, at, count)


def _leaves(rows: bytes) -> list[bytes]:
    return [leaf_hash(rows[at : at + ROW_BYTES]) for at in range(0, len(rows), ROW_BYTES)]


def rows_in(chunk: bytes) -> list[Row]:
    """The rows of a chunk; raises Malformed."""
    return [Row.parse(chunk[at : at + ROW_BYTES]) for at in range(0, len(chunk), ROW_BYTES)]
