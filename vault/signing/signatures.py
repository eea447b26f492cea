"""The signature schemes the rest of the service may use, to sign and to verify: Ed25519, ES256 and ML-DSA-44.

Verification answers with a boolean and never raises on what a stranger sent. Parsed keys are kept in a
bounded cache, because building a P-256 key costs as much as checking a signature with it. What we sign with the first
two is deterministic (RFC 8032; RFC 6979): equal inputs give equal bytes. ML-DSA-44 (FIPS 204) is for witnesses.
"""

import hashlib
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

_ES256 = ECDSA(SHA256())
_ES256_REPEATABLE = ECDSA(SHA256(), deterministic_signing=True)
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def public_key(seed: bytes) -> bytes:
    """The 32-byte Ed25519 public key of a 32-byte seed."""
    return _signer(seed).public_key().public_bytes_raw()


def sign(seed: bytes, message: bytes) -> bytes:
    """The 64-byte Ed25519 signature of `message`; equal inputs give equal bytes."""
    return _signer(seed).sign(message)


def es256_point(seed: bytes) -> tuple[bytes, bytes]:
    """The P-256 public point (x, y; 32 bytes each) of a 32-byte seed."""
    numbers = _es256_signer(seed).public_key().public_numbers()
    return numbers.x.to_bytes(32), numbers.y.to_bytes(32)


def sign_es256(seed: bytes, message: bytes) -> bytes:
    """The 64-byte ES256 signature of `message` (r ‖ s as JOSE writes it); equal inputs give equal bytes."""
    r, s = decode_dss_signature(_es256_signer(seed).sign(message, _ES256_REPEATABLE))
    return r.to_bytes(32) + s.to_bytes(32)


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


def ml_dsa_44_public(seed: bytes) -> bytes:
    """The 1,312-byte ML-DSA-44 public key of a 32-byte seed."""
    return MLDSA44PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()


def sign_ml_dsa_44(seed: bytes, message: bytes) -> bytes:
    """A 2,420-byte ML-DSA-44 signature of `message`; another one every time."""
    return MLDSA44PrivateKey.from_seed_bytes(seed).sign(message)


def verify_ml_dsa_44(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is an ML-DSA-44 signature of `message` under the 1,312-byte key `public`."""
    try:
        MLDSA44PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=64)
def _signer(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)


@lru_cache(maxsize=64)
def _es256_signer(seed: bytes) -> EllipticCurvePrivateKey:
    if len(seed) != 32:
        raise ValueError("a seed has 32 bytes")
    # 512 bits reduced to 256: the bias is beyond notice (FIPS 186-5, A.2.1 asks for 64 bits more than the order).
    wide = int.from_bytes(hashlib.sha512(b"pv1/es256" + seed).digest())
    return derive_private_key(1 + wide % (_P256_ORDER - 1), SECP256R1())


@lru_cache(maxsize=1024)
def _verifier(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


@lru_cache(maxsize=4096)
def _es256_key(x: bytes, y: bytes) -> EllipticCurvePublicKey:
    if len(x) != 32 or len(y) != 32:
        raise ValueError("a P-256 coordinate has 32 bytes")
    return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), b"\x04" + x + y)
