"""Whether a public key of somebody else is one that only its owner can sign with.

A point that is not on its curve verifies nothing reliably; an Ed25519 point of small order verifies one
signature under every message (RFC 8032 §8.9, and "Taming the many EdDSAs", §3), which is no evidence against
anybody.

* `sound_p256(x, y)`, `sound_ed25519(raw)`: coordinates and key as JOSE carries them, 32 bytes each.
"""

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_ONE: Final = pow(2, (_P - 1) // 4, _P)


def sound_p256(x: bytes, y: bytes) -> bool:
    """Whether (x, y) is a point of P-256."""
    if len(x) != 32 or len(y) != 32:
        return False
    try:
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), b"\x04" + x + y)
    except ValueError:
        return False
    return True


def sound_ed25519(raw: bytes) -> bool:
    """Whether `raw` is the one encoding of a point of Ed25519 that is not of small order."""
    point = _decoded(raw)
    if point is None:
        return False
    for _ in range(3):
        point = _doubled(*point)
    return point != (0, 1)


def _decoded(raw: bytes) -> tuple[int, int] | None:
    """RFC 8032 §5.1.3, refusing what it leaves open: a y of p or more, and a sign without an x."""
    if len(raw) != 32:
        return None
    number = int.from_bytes(raw, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT_OF_MINUS_ONE % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    return (x if x % 2 == sign else _P - x), y


def _doubled(x: int, y: int) -> tuple[int, int]:
    product = _D * x * x * y * y
    return (
        2 * x * y * pow(1 + product, -1, _P) % _P,
        (y * y + x * x) * pow(1 - product, -1, _P) % _P,
    )
