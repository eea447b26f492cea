"""A record as a blind code: 1,024 bits that show how alike two records are, to whoever has codes under the same key.

Every piece of a value (`grams`) sets some bits of its field's own part of the code. Each field has a part and a
derivation of its own, so that a row which shows two fields can be held against a person who has five: only what both
have is compared. Beside the code stand 72 block keys, by which records that may be alike are brought together
(minwise hashing: two sets of pieces share the smallest keyed rank as often as they share pieces).

| bits       | field       | bits set by each piece |
|------------|-------------|------------------------|
| 0 - 255    | name        | 5                      |
| 256 - 415  | birth_date  | 5                      |
| 416 - 767  | address     | 4                      |
| 768 - 927  | resident_id | 5                      |
| 928 - 1023 | email       | 4                      |

Bit b is bit b mod 64 of 64-bit word b / 64. BLAKE2b with the key and the person "lk1", field number, gives 32
bytes for each piece: bytes 0 to 7 are its number h, the bits are bytes 8 + 2i and 9 + 2i modulo the width of
the part. Its rank j is the upper half of a_j * h modulo 2^64, a_j being odd and drawn with the person "lk1"
from "rank", field number, j. All integers are little-endian here. A block key is 0 where one of its fields is
missing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vault.fields.catalogue import FIELDS
from vault.linkage.grams import grams

WORDS: Final = 16
"""64-bit words of a code."""

BLOCKS: Final = 72
"""Block keys of a record: 8 of each of nine families."""

_EACH: Final = 8
_RANKS: Final = 48
_NOTHING: Final = (1 << 32) - 1


class Part(NamedTuple):
    """Where a field's bits are, and how many of them a piece sets."""

    field: str
    start: int
    bits: int
    hashes: int


PARTS: Final = (
    Part("name", 0, 256, 5),
    Part("birth_date", 256, 160, 5),
    Part("address", 416, 352, 4),
    Part("resident_id", 768, 160, 5),
    Part("email", 928, 96, 4),
)
LINKED: Final = tuple(part.field for part in PARTS)
"""Codes of the fields that blind codes are made of."""

_FAMILIES: Final = (
    {0: 2, 1: 2},
    {0: 2, 2: 3},
    {1: 2, 2: 3},
    {0: 2, 3: 2},
    {0: 2, 4: 2},
    {0: 5},
    {1: 6},
    {2: 6},
    {3: 4},
)
"""Of which parts each family of block keys is made, and of how many ranks of each."""

type Record = Mapping[str, str]
"""Values by field code, as they were given; other fields than `LINKED` are passed over."""


class Codes(NamedTuple):
    """n records: `words` (n, 16) of uint64 and `blocks` (n, 72) of uint32."""

    words: NDArray[np.uint64]
    blocks: NDArray[np.uint32]

    @property
    def many(self) -> int:
        """How many records."""
        return len(self.words)


class Encoder:
    """Makes codes under one key, which has 64 bytes at most."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._factors = [self._drawn(part) for part in PARTS]
        self._mixers = self._odd(b"mix", _RANKS)

    def encode(self, records: Sequence[Record]) -> Codes:
        """The codes of these records, in order."""
        words = np.zeros((len(records), WORDS), np.uint64)
        smallest = []
        for part, factors in zip(PARTS, self._factors, strict=True):
            here, least = self._part(part, factors, [record.get(part.field, "") for record in records])
            words |= here
            smallest.append(least)
        return Codes(words, np.hstack([self._family(made, smallest) for made in _FAMILIES]))

    def _part(
        self, part: Part, factors: NDArray[np.uint64], texts: Sequence[str]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
        """One field of all records: its bits, and by record the smallest of each rank (all ones: no value)."""
        bits = np.zeros((len(texts), WORDS), np.uint64)
        least = np.full((len(texts), factors.size), _NOTHING, np.uint32)
        numbers: dict[str, int] = {}
        which: list[int] = []
        starts: list[int] = []
        filled: list[int] = []
        for at, text in enumerate(texts):
            pieces = grams(part.field, text)
            if pieces:
                filled.append(at)
                starts.append(len(which))
                which.extend(numbers.setdefault(piece, len(numbers)) for piece in pieces)
        if filled:
            masks, ranks = self._pieces(part, factors, list(numbers))
            bits[filled] = np.bitwise_or.reduceat(masks[which], starts)
            least[filled] = np.minimum.reduceat(ranks[which], starts)
        return bits, least

    def _pieces(
        self, part: Part, factors: NDArray[np.uint64], pieces: Sequence[str]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
        """The bits each piece sets, and its ranks."""
        drawn = b"".join(self._digest(part, piece.encode("utf-8", "surrogatepass")) for piece in pieces)
        raw = np.frombuffer(drawn, np.uint8).reshape(-1, 32)
        numbers = np.ascontiguousarray(raw[:, :8]).view("<u8").astype(np.uint64)
        places = np.ascontiguousarray(raw[:, 8 : 8 + 2 * part.hashes]).view("<u2") % part.bits + part.start
        masks = np.zeros((len(pieces), WORDS), np.uint64)
        rows = np.arange(len(pieces))
        for column in places.T.astype(np.uint64):
            masks[rows, column >> np.uint64(6)] |= np.uint64(1) << (column & np.uint64(63))
        return masks, ((numbers * factors) >> np.uint64(32)).astype(np.uint32)

    def _family(self, made: Mapping[int, int], smallest: Sequence[NDArray[np.uint32]]) -> NDArray[np.uint32]:
        """The eight block keys of a family: hashes of the next few of its parts' smallest ranks."""
        mixed = np.zeros((len(smallest[0]), _EACH), np.uint64)
        missing = np.zeros(len(smallest[0]), np.bool_)
        taken = 0
        for part, many in made.items():
            ranks = smallest[part][:, : _EACH * many].reshape(-1, _EACH, many).astype(np.uint64)
            mixed += (ranks * self._mixers[taken : taken + many]).sum(axis=2, dtype=np.uint64)
            missing |= smallest[part][:, 0] == _NOTHING
            taken += many
        keys = (mixed >> np.uint64(32)).astype(np.uint32) | np.uint32(1)
        keys[missing] = 0
        return keys

    def _drawn(self, part: Part) -> NDArray[np.uint64]:
        return self._odd(b"rank" + bytes([FIELDS[part.field].number]), _RANKS)

    def _odd(self, label: bytes, count: int) -> NDArray[np.uint64]:
        drawn = (
            hashlib.blake2b(label + bytes([at]), key=self._key, person=b"lk1", digest_size=8).digest()
            for at in range(count)
        )
        return np.frombuffer(b"".join(drawn), "<u8").astype(np.uint64) | np.uint64(1)

    def _digest(self, part: Part, piece: bytes) -> bytes:
        person = b"lk1" + bytes([FIELDS[part.field].number])
        return hashlib.blake2b(piece, key=self._key, person=person, digest_size=32).digest()


def shown(words: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """How many bits each part of each code has, (n, 5); 0: the record does not show that field."""
    halves = np.bitwise_count(words.astype("<u8", copy=False).view("<u4"))
    return np.add.reduceat(halves, _STARTS, axis=1, dtype=np.uint16)


_STARTS: Final = [part.start // 32 for part in PARTS]
