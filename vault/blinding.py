"""The asking side of `oblivious`: blinds the point of an identifier with a random number, and takes it off the answer.

It needs no key and no installation. The curve y² = x³ + 486662x² + x over the prime field and its twist share
the x-coordinates that X25519 computes with; which of the two a point is on decides modulo which order the
number is inverted. The arithmetic is whole numbers of Python, whose time tells a little about the random number
to whoever can measure it on the asker's own machine; it is used once. Nothing here multiplies with a key that
lasts.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from vault.oblivious import POINT_BYTES, PRIME, PointRefused, point_of

CURVE_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
"""Of the large prime subgroup of the curve; the cofactor is 8."""

TWIST_ORDER: Final = 2**253 - 55484635554744707071703875581767296995
"""The same of its twist; the cofactor is 4."""

_A: Final = 486662
_COFACTOR: Final = 8
_BITS: Final = 255


@dataclass(frozen=True, slots=True)
class Blinded:
    """What is sent, 32 bytes, and what takes the random number off the answer again."""

    point: bytes
    undo: int

    def __repr__(self) -> str:
        return "Blinded(...)"

    def opened(self, answer: bytes) -> bytes:
        """F(x), from the other side's answer; raises PointRefused for what cannot be one."""
        if len(answer) != POINT_BYTES:
            raise PointRefused("not the answer to a point")
        result = times(self.undo, int.from_bytes(answer, "little") & (1 << _BITS) - 1)
        if result == 0:
            raise PointRefused("not the answer to a point")
        return result.to_bytes(POINT_BYTES, "little")


def blind(known: bytes) -> Blinded:
    """Blind the point of an identifier; every point of its group is as likely to be sent as any other."""
    point = int.from_bytes(point_of(known), "little")
    order = CURVE_ORDER if _on_curve(point) else TWIST_ORDER
    # Times the cofactor, so that what is sent is in the prime subgroup and says nothing of the rest of the point.
    by = _COFACTOR * (1 + secrets.randbelow(order - 1))
    return Blinded(times(by, point).to_bytes(POINT_BYTES, "little"), pow(by, -1, order))


def times(scalar: int, x: int) -> int:
    """The x-coordinate of a multiple: the ladder of RFC 7748 §5, with any number and without clamping it."""
    x2, z2, x3, z3 = 1, 0, x, 1
    for at in range(scalar.bit_length() - 1, -1, -1):
        bit = scalar >> at & 1
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b = x2 + z2, x2 - z2
        c, d = (x3 + z3) * b, (x3 - z3) * a
        x3, z3 = (c + d) ** 2 % PRIME, x * (c - d) ** 2 % PRIME
        aa, bb = a * a % PRIME, b * b % PRIME
        x2, z2 = aa * bb % PRIME, (aa - bb) * (aa + (_A - 2) // 4 * (aa - bb)) % PRIME
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return x2 * pow(z2, PRIME - 2, PRIME) % PRIME


def _on_curve(x: int) -> bool:
    square = (x * x * x + _A * x * x + x) % PRIME
    return pow(square, (PRIME - 1) // 2, PRIME) == 1
