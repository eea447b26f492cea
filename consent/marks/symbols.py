"""Which of its two forms a carrier takes for one recipient: a keyed function of both, and nothing that is stored.

One mark is one biased bit. The bias of a position (how likely the 1 is) is secret and the same for everybody; the bit
of a recipient is drawn with it. The same question has the same answer at every disclosure, so asking again teaches
nothing; another version of the value, or another epoch's key, gives fresh bits. Bits of p = 1/2 alone would be fatal:
three leakers who publish the form that most of them do not have would never be found (tracing.md §2.4).

Both are HMAC-SHA-256 under the mark key of an epoch (32 bytes) of this message, which no other question has:

| length | meaning                                                                |
|--------|------------------------------------------------------------------------|
| 1      | version of this layout: 1                                              |
| 1      | 1 the bias of the position, 2 the bit of a recipient                   |
| 2 + n  | recipient id, UTF-8, behind its length (of a bias: length 0)           |
| 2 + n  | person, behind the length                                              |
| 2 + n  | record, behind the length                                              |
| 2 + n  | field code, UTF-8, behind its length                                   |
| 8      | version of the value                                                   |
| 2 + n  | carrier code, UTF-8, behind its length                                 |

Integers are big-endian. The first 53 bits of the digest are a number u, 0 <= u < 1. Of a bias, u chooses from BIASES;
a bit is 1 when u is less than the bias.
"""

import hashlib
import hmac
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from struct import Struct
from typing import Final, NamedTuple

from vault.ids import RecordId, SubjectId

BIASES: Final = ((0.2113, 0.3), (0.7887, 0.3), (0.1127, 0.15), (0.8873, 0.15), (0.5, 0.1))
"""(probability of a 1, share of positions): the two-point laws that are best against two and three leakers."""

KEY_BYTES: Final = 32

_BIAS = b"\x01\x01"
_SYMBOL = b"\x01\x02"
_BLOCK = 64
_INNER = bytes(one ^ 0x36 for one in range(256))
_OUTER = bytes(one ^ 0x5C for one in range(256))
_LENGTH = Struct(">H").pack
_VERSION = Struct(">Q").pack
_FIRST = Struct(">Q24x").unpack
_UNIT = 2.0**-53
_VALUES = tuple(p for p, _ in BIASES)
# The last edge is left out: every u that is not below the others belongs to the last bias.
_EDGES = tuple(accumulate(share for _, share in BIASES))[:-1]


class Position(NamedTuple):
    """One carrier of one stored version of one field of one person: where one mark is."""

    subject: SubjectId
    record: RecordId
    field: str
    version: int
    carrier: str


def bias(key: bytes, at: Position) -> float:
    """The probability that a recipient's bit at this position is 1."""
    return _bias(_u(hmac.digest(_checked(key), _BIAS + _framed(b"") + encode(at), "sha256")))


def symbol(key: bytes, at: Position, recipient: str) -> int:
    """The bit of a recipient, 0 or 1."""
    message = _SYMBOL + _framed(recipient.encode()) + encode(at)
    return int(_u(hmac.digest(_checked(key), message, "sha256")) < bias(key, at))


def encode(at: Position) -> bytes:
    """The position's part of the message."""
    return b"".join(
        (
            _framed(at.subject),
            _framed(at.record),
            _framed(at.field.encode()),
            _VERSION(at.version),
            _framed(at.carrier.encode()),
        )
    )


class Symbols:
    """The same answers by the million: everything that many questions share is hashed once."""

    def __init__(self, key: bytes) -> None:
        padded = _checked(key).ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(padded.translate(_INNER))
        self._outer = hashlib.sha256(padded.translate(_OUTER))

    def biases(self, positions: Iterable[bytes]) -> "array[float]":
        """The bias of each position; positions are given as `encode` writes them."""
        return array("d", map(_bias, self._us(_BIAS + _framed(b""), positions)))

    def of(self, recipient: str, positions: Iterable[bytes], biases: Sequence[float]) -> bytes:
        """The recipient's bits at these positions, one byte each; `biases` are those of the same positions."""
        us = self._us(_SYMBOL + _framed(recipient.encode()), positions)
        return bytes(u < p for u, p in zip(us, biases, strict=True))

    def _us(self, start: bytes, positions: Iterable[bytes]) -> Iterable[float]:
        begun, outer = self._inner.copy(), self._outer.copy
        begun.update(start)
        inner = begun.copy
        for position in positions:
            first, second = inner(), outer()
            first.update(position)
            second.update(first.digest())
            yield (_FIRST(second.digest())[0] >> 11) * _UNIT


def _u(digest: bytes) -> float:
    return float((_FIRST(digest)[0] >> 11) * _UNIT)


def _bias(u: float) -> float:
    return _VALUES[bisect_right(_EDGES, u)]


def _framed(part: bytes) -> bytes:
    return _LENGTH(len(part)) + part


def _checked(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise ValueError("a mark key has 32 bytes")
    return key
