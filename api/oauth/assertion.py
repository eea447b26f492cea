"""Client authentication by `private_key_jwt` (RFC 7523, OpenID Connect Core §9): a signed, short, single-use JWT.

`aud` must be the issuer as one plain string, because a list of audiences lets one server replay an assertion
at another. `iss` and `sub` are the client; it lives at most 60 s, may be dated at most 10 s ahead, and its
`jti` is remembered by the caller in the data base, so that a second use fails on every worker.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeGuard

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("ES256", "Ed25519")
LONGEST_S = 60
SKEW_S = 10
_MOST_BYTES = 4096
_LONGEST_JTI = 128


class AssertionFault(StrEnum):
    """Why an assertion was not accepted; every one of them is `invalid_client` on the wire."""

    MALFORMED = "malformed"
    SIGNATURE = "signature"
    PARTIES = "parties"
    TIME = "time"
    JTI = "jti"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """An accepted assertion: `digest` (32 bytes over client and `jti`) goes into the replay table until `expires`."""

    client_id: str
    digest: bytes
    expires: int


def check_assertion(
    text: str, jwks: Mapping[str, Any], *, client_id: str, issuer: str, now_ms: int
) -> Assertion | AssertionFault:
    """The assertion of `client_id`, verified with its registered keys, or why it is not one."""
    if len(text) > _MOST_BYTES or not text.isascii():
        return AssertionFault.MALFORMED
    claims = _signed_claims(text, jwks)
    if claims is None:
        return AssertionFault.SIGNATURE
    if claims.get("iss") != client_id or claims.get("sub") != client_id or claims.get("aud") != issuer:
        return AssertionFault.PARTIES
    jti = claims.get("jti")
    # Printable: half of a surrogate pair, which JSON can write, has no bytes that could be remembered.
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI or not jti.isprintable():
        return AssertionFault.JTI
    expires = _valid_until(claims, now_ms / 1000)
    if expires is None:
        return AssertionFault.TIME
    digest = hashlib.sha256(f"assertion\0{client_id}\0{jti}".encode()).digest()
    return Assertion(client_id=client_id, digest=digest, expires=int(expires + 1) * 1000)


def _signed_claims(text: str, jwks: Mapping[str, Any]) -> dict[str, Any] | None:
    """The claims under a good signature; None for anything a stranger may have written instead."""
    try:
        keys = KeySet.import_key_set(_key_set(jwks))
        claims: object = jwt.decode(text, keys, algorithms=ALGORITHMS).claims
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def _valid_until(claims: Mapping[str, Any], now: float) -> float | None:
    """The end of the assertion's life, or None when it is over, not begun, or longer than allowed."""
    exp, iat, nbf = claims.get("exp"), claims.get("iat"), claims.get("nbf")
    if not _is_number(exp) or not now < exp <= now + LONGEST_S + SKEW_S:
        return None
    for begin in (iat, nbf):
        if begin is not None and not (_is_number(begin) and now - LONGEST_S <= begin <= now + SKEW_S):
            return None
    return float(exp)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _key_set(jwks: Mapping[str, Any]) -> KeySetSerialization:
    return {"keys": list(jwks["keys"])}
