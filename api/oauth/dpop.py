"""Proofs of possession (RFC 9449), checked once and in one order, before anything is queued.

Order: exactly one header → three parts, `typ` → `alg` in the list → public `jwk` → signature → `htm`, `htu`
after normalisation and without query (`urls`) → `iat` window → nonce, where one is asked for → `ath`. Whether
the key is the token's key and whether the proof was seen before is the data base's business: it happens inside
the transaction that spends the use, with the digest this module makes of (key, `jti`).

The signature goes through the vault's bare primitive, because a general library costs three times as much;
the header is parsed once per key, since a client repeats it byte for byte.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec

from api.oauth.nonces import is_fresh
from api.oauth.urls import same_url
from vault.base64url import b64url, unb64url
from vault.signing.signatures import verify, verify_es256

ALGORITHMS = ("ES256", "Ed25519")
WINDOW_S = 60
_MOST_BYTES = 4096
_LONGEST_JTI = 128


class ProofFault(StrEnum):
    """Why a proof was not accepted; every one of them is `invalid_dpop_proof` on the wire."""

    MISSING = "missing"
    REPEATED = "repeated"
    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    KEY = "key"
    SIGNATURE = "signature"
    METHOD = "method"
    URL = "url"
    TIME = "time"
    NONCE = "nonce"
    TOKEN = "token"  # noqa: S105 - the name of a reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """An accepted proof: the RFC 7638 thumbprint of its key, and what the replay table has to remember.

    `digest` is 32 bytes over (key, jti); `expires` is the Unix millisecond from which it would be refused for
    its age anyway.
    """

    jkt: str
    digest: bytes
    expires: int


class _Header(msgspec.Struct):
    typ: str
    alg: str
    jwk: dict[str, Any]
    crit: Any = None


class _Claims(msgspec.Struct):
    jti: str
    htm: str
    htu: str
    iat: int | float
    ath: str | None = None
    nonce: str | None = None


@dataclass(frozen=True, slots=True)
class _Key:
    jkt: str
    x: bytes
    y: bytes | None

    def verifies(self, message: bytes, signature: bytes) -> bool:
        if self.y is None:
            return verify(self.x, message, signature)
        return verify_es256(self.x, self.y, message, signature)


_decode_header = msgspec.json.Decoder(_Header).decode
_decode_claims = msgspec.json.Decoder(_Claims).decode


def check_proof(
    proofs: Sequence[str],
    *,
    method: str,
    url: str,
    now_ms: int,
    token: str | None = None,
    nonce_key: bytes | None = None,
) -> Proof | ProofFault:
    """The proof among a request's `DPoP` headers, or why there is none.

    `url` is the route's public address; `token` is the access token that came along, if one did; with `nonce_key` the
    proof must carry a fresh nonce made under it (`nonces`).
    """
    if len(proofs) != 1:
        return ProofFault.REPEATED if proofs else ProofFault.MISSING
    parsed = _parse(proofs[0])
    if isinstance(parsed, ProofFault):
        return parsed
    key, claims = parsed
    fault = _claims_fault(claims, method, url, now_ms)
    if fault is not None:
        return fault
    if nonce_key is not None and not is_fresh(nonce_key, claims.nonce, now_ms):
        return ProofFault.NONCE
    if token is not None and claims.ath != b64url(hashlib.sha256(token.encode()).digest()):
        return ProofFault.TOKEN
    digest = hashlib.sha256(f"dpop\0{key.jkt}\0{claims.jti}".encode()).digest()
    return Proof(jkt=key.jkt, digest=digest, expires=int(claims.iat + WINDOW_S + 1) * 1000)


def _claims_fault(claims: _Claims, method: str, url: str, now_ms: int) -> ProofFault | None:
    if claims.htm != method:
        return ProofFault.METHOD
    if not same_url(claims.htu, url):
        return ProofFault.URL
    # Compared, not subtracted: an integer of hundreds of digits fits no float.
    now = now_ms / 1000
    if not now - WINDOW_S <= claims.iat <= now + WINDOW_S:
        return ProofFault.TIME
    return None


def _parse(text: str) -> tuple[_Key, _Claims] | ProofFault:
    parts = text.split(".")
    if len(parts) != 3 or len(text) > _MOST_BYTES or not text.isascii():
        return ProofFault.MALFORMED
    key = _key_of(parts[0])
    if isinstance(key, ProofFault):
        return key
    try:
        signature, payload = unb64url(parts[2]), unb64url(parts[1])
    except ValueError:
        return ProofFault.MALFORMED
    if not key.verifies(text[: len(parts[0]) + 1 + len(parts[1])].encode(), signature):
        return ProofFault.SIGNATURE
    try:
        claims = _decode_claims(payload)
    except (ValueError, RecursionError):
        return ProofFault.MALFORMED
    named = 0 < len(claims.jti) <= _LONGEST_JTI and claims.jti.isprintable()
    return (key, claims) if named else ProofFault.MALFORMED


@lru_cache(maxsize=4096)
def _key_of(header: str) -> _Key | ProofFault:
    try:
        parsed = _decode_header(unb64url(header))
    except (ValueError, RecursionError):
        return ProofFault.MALFORMED
    if parsed.typ != "dpop+jwt" or parsed.crit is not None:
        return ProofFault.MALFORMED
    if parsed.alg not in ALGORITHMS:
        return ProofFault.ALGORITHM
    try:
        return _public_key(parsed.alg, parsed.jwk)
    except (KeyError, TypeError, ValueError):
        return ProofFault.KEY


def _public_key(alg: str, jwk: dict[str, Any]) -> _Key:
    """The key and its thumbprint: members in alphabetical order, no spaces (RFC 7638 §3, RFC 8037 §2)."""
    kind = (jwk["kty"], jwk["crv"])
    if "d" in jwk or kind != {"ES256": ("EC", "P-256"), "Ed25519": ("OKP", "Ed25519")}[alg]:
        raise ValueError("not a public key of this algorithm")
    x, y = unb64url(jwk["x"]), unb64url(jwk["y"]) if alg == "ES256" else None
    if len(x) != 32 or (y is not None and len(y) != 32):
        raise ValueError("a coordinate has 32 bytes")
    tail = f',"x":"{b64url(x)}"' + (f',"y":"{b64url(y)}"' if y is not None else "")
    text = f'{{"crv":"{jwk["crv"]}","kty":"{jwk["kty"]}"{tail}}}'
    return _Key(b64url(hashlib.sha256(text.encode()).digest()), x, y)
