"""The two signature schemes the rest of the service may use: Ed25519 to sign, Ed25519 and ES256 to verify.

Verification answers with a boolean and never raises on what a stranger sent. Parsed keys are kept in a
bounded cache, because building a P-256 key costs as much as checking a signature with it.
"""

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

_ES256 = ECDSA(SHA256())


def public_key(seed: bytes) -> bytes:
    """The 32-byte Ed25519 public key of a 32-byte seed."""
    return _signer(seed).public_key().public_bytes_raw()


def sign(seed: bytes, message: bytes) -> bytes:
    """The 64-byte Ed25519 signature of `message`; equal inputs give equal bytes."""
    return _signer(seed).sign(message)


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is an Ed25519 signature of `message` under the 32-byte key `public`."""
    try:
        _verifier(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def verify_es256(x: bytes, y: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes, r ‖ s as JOSE writes it) is ES256 over `message` under the point (x, y)."""
    if len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    try:
        _es256_key(x, y).verify(encode_dss_signature(r, s), message, _ES256)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=64)
def _signer(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)


@lru_cache(maxsize=1024)
def _verifier(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


@lru_cache(maxsize=4096)
def _es256_key(x: bytes, y: bytes) -> EllipticCurvePublicKey:
    if len(x) != 32 or len(y) != 32:
        raise ValueError("a P-256 coordinate has 32 bytes")
    return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), b"\x04" + x + y)
