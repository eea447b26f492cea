"""Compact JWS (RFC 7515) over canonical JSON, with Ed25519 (RFC 9864) or ES256: what we sign for others to keep.

Deterministic: equal rows give equal bytes, so a retry gets the very receipt it lost. A key is named by its
RFC 7638 thumbprint. Which key signs what, and since when, is `signing.keys`' business.
"""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

from consent.ids import canonical_json
from vault.base64url import b64url
from vault.signing import signatures


class Algorithm(StrEnum):
    """What we sign with, by the names of RFC 7518 and RFC 9864."""

    ED25519 = "Ed25519"
    ES256 = "ES256"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key (32 bytes) and its thumbprint."""

    key: bytes
    kid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key as it signs; made by `signing_key`. `jwk` is its public half without `kid`, `alg` and `use`."""

    algorithm: Algorithm
    kid: str
    jwk: tuple[tuple[str, str], ...]
    seed: bytes = field(repr=False)

    def sign(self, kind: str, payload: Any) -> str:
        """The compact JWS of `payload` as a document of type `kind`."""
        message = f"{_header(self.algorithm, self.kid, kind)}.{b64url(canonical_json(payload).encode())}"
        make = signatures.sign if self.algorithm is Algorithm.ED25519 else signatures.sign_es256
        return f"{message}.{b64url(make(self.seed, message.encode()))}"

    @property
    def raw(self) -> bytes:
        """The 32-byte public key; for Ed25519 only."""
        return signatures.public_key(self.seed)

    def public(self) -> dict[str, str]:
        """The public key as a JWK (RFC 7517 §4)."""
        return {**dict(self.jwk), "kid": self.kid, "alg": self.algorithm.value, "use": "sig"}


@lru_cache(maxsize=64)
def signing_key(algorithm: Algorithm, seed: bytes) -> SigningKey:
    """The key of a 32-byte seed."""
    if algorithm is Algorithm.ED25519:
        jwk = {"crv": "Ed25519", "kty": "OKP", "x": b64url(signatures.public_key(seed))}
    else:
        x, y = signatures.es256_point(seed)
        jwk = {"crv": "P-256", "kty": "EC", "x": b64url(x), "y": b64url(y)}
    # RFC 7638 §3.3: the required members only, in order, without spaces: just what canonical JSON writes.
    thumb = hashlib.sha256(canonical_json(jwk).encode()).digest()
    return SigningKey(algorithm=algorithm, kid=b64url(thumb), jwk=tuple(jwk.items()), seed=seed)


def public_key(seed: bytes) -> PublicKey:
    """The public half of a 32-byte seed of Ed25519."""
    return PublicKey(signatures.public_key(seed), signing_key(Algorithm.ED25519, seed).kid)


def header(kind: str, key: PublicKey) -> str:
    """The encoded protected header for documents of type `kind` under an Ed25519 key."""
    return _header(Algorithm.ED25519, key.kid, kind)


def sign(seed: bytes, protected: str, payload: Any) -> str:
    """The compact JWS of `payload` under a header made by `header`."""
    message = f"{protected}.{b64url(canonical_json(payload).encode())}"
    return f"{message}.{b64url(signatures.sign(seed, message.encode()))}"


@lru_cache(maxsize=256)
def _header(algorithm: Algorithm, kid: str, kind: str) -> str:
    return b64url(canonical_json({"alg": algorithm.value, "kid": kid, "typ": kind}).encode())
