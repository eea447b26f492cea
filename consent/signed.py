"""Compact JWS (RFC 7515) over canonical JSON with Ed25519 (RFC 9864): what we sign for people to keep.

Deterministic: equal rows give equal bytes, so a retry gets the very receipt it lost. A key is named by its
RFC 7638 thumbprint.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from consent.ids import canonical_json
from vault import signatures


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key (32 bytes) and its thumbprint."""

    key: bytes
    kid: str


def public_key(seed: bytes) -> PublicKey:
    """The public half of a 32-byte seed."""
    key = signatures.public_key(seed)
    thumb = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{_b64(key)}"}}'.encode()).digest()
    return PublicKey(key, _b64(thumb))


def header(kind: str, key: PublicKey) -> str:
    """The encoded protected header for documents of type `kind`."""
    return _b64(canonical_json({"alg": "Ed25519", "kid": key.kid, "typ": kind}).encode())


def sign(seed: bytes, protected: str, payload: Any) -> str:
    """The compact JWS of `payload` under a header made by `header`."""
    message = f"{protected}.{_b64(canonical_json(payload).encode())}"
    return f"{message}.{_b64(signatures.sign(seed, message.encode()))}"


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
