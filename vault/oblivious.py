"""Comparing an identifier with a list without showing it: what both sides compute, and the side that has the key.

An oblivious pseudo-random function by X25519 (RFC 7748): F(x) = X25519(period key, X25519(base key, point of
x)). Whoever asks multiplies the point by a random number first and takes it off the answer (`blinding`), so
that the answering side learns no x and the asking side F of one x for each answer. All multiplications with a
key are the library's, in constant time; both keys come from the tenant's secret for this duty. Points of either
kind, on the curve and on its twist, are taken: a point tells that one bit of a hash of x, as the slot tells the
bits that are asked with (ADR 0045).

| value                    | bytes                                                                               |
|--------------------------|-------------------------------------------------------------------------------------|
| identifier               | 01 ‖ length of kind (1) ‖ kind ‖ canonical form, UTF-8                              |
| point of an identifier   | SHA-512("perusal leak check point" ‖ 00 ‖ identifier), little-endian, modulo p; 32 bytes, little-endian |
| slot of an identifier    | first 3 bytes of SHA-256("perusal leak check slot" ‖ 00 ‖ identifier), big-endian   |
| label of one in a leak   | first 16 bytes of SHA-256("perusal leak check label" ‖ 00 ‖ F(x) (32) ‖ id of the leak, as text) |
| name of one in a leak    | first 16 bytes of HMAC-SHA-256(secret, "name" ‖ 00 ‖ id of the leak, raw (16) ‖ identifier) |
| base key                 | HMAC-SHA-256(secret, "base" ‖ 00)                                                   |
| key of a period          | HMAC-SHA-256(secret, "period" ‖ 00 ‖ number (4, big-endian))                        |
"""

import hashlib
import hmac
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from vault.errors import VaultError

DUTY: Final = "leaks"
"""The name of the secret among the tenant's service keys."""

PRIME: Final = 2**255 - 19
POINT_BYTES: Final = 32
LABEL_BYTES: Final = 16
SLOT_BITS: Final = 24


class PointRefused(VaultError):
    """Not 32 bytes, or a point of small order, whose multiple would be the same under every key."""

    code = "point_refused"


def identifier(kind: str, canonical: str) -> bytes:
    """The bytes that are hashed of a canonical value of a field."""
    name = kind.encode()
    return bytes((1, len(name))) + name + canonical.encode()


def point_of(known: bytes) -> bytes:
    """The point of an identifier, which nobody knows a multiple of."""
    wide = hashlib.sha512(b"perusal leak check point\0" + known).digest()
    return (int.from_bytes(wide, "little") % PRIME).to_bytes(POINT_BYTES, "little")


def slot_of(known: bytes) -> int:
    """Which of 2^24 slots an identifier is in."""
    return int.from_bytes(hashlib.sha256(b"perusal leak check slot\0" + known).digest()[:3])


def label_of(result: bytes, leak: str) -> bytes:
    """What stands in the list for an identifier of a leak: different in every leak."""
    return hashlib.sha256(b"perusal leak check label\0" + result + leak.encode()).digest()[:LABEL_BYTES]


class Evaluator:
    """The side with the key, for one period. Thread-safe."""

    def __init__(self, secret: bytes, period: int) -> None:
        self._secret = secret
        self._base = X25519PrivateKey.from_private_bytes(hmac.digest(secret, b"base\0", "sha256"))
        own = hmac.digest(secret, b"period\0" + period.to_bytes(4), "sha256")
        self._period = X25519PrivateKey.from_private_bytes(own)

    def based(self, point: bytes) -> bytes:
        """The multiple that is kept, from which the results of every period follow."""
        return _times(self._base, point)

    def result(self, based: bytes) -> bytes:
        """F(x) of this period, from what is kept of x."""
        return _times(self._period, based)

    def answer(self, blinded: bytes) -> bytes:
        """F of a blinded point, still blinded; raises PointRefused."""
        return self.result(self.based(blinded))

    def name(self, leak: bytes, known: bytes) -> bytes:
        """By which an identifier is known again within one leak, and nowhere else."""
        return hmac.digest(self._secret, b"name\0" + leak + known, "sha256")[:LABEL_BYTES]

    def filler(self, place: bytes) -> bytes:
        """A label that nothing has, always the same at the same place."""
        return hmac.digest(self._secret, b"filler\0" + place, "sha256")[:LABEL_BYTES]


def _times(key: X25519PrivateKey, point: bytes) -> bytes:
    try:
        return key.exchange(X25519PublicKey.from_public_bytes(point))
    except ValueError:
        raise PointRefused("not a point that can be compared") from None
