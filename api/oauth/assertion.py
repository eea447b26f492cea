"""Client authentication by `private_key_jwt` (RFC 7523, OpenID Connect Core §9): a signed, short, single-use JWT.

`aud` must be the issuer as one plain string, because a list of audiences lets one server replay an assertion
at another. `iss` and `sub` are the client; it lives at most 60 s, may be dated at most 10 s ahead, and its
`jti` is remembered by the caller in the data base, so that a second use fails on every worker. A JWT that says it is
of another type, a request object say, is no assertion whatever stands in it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeGuard

from consent.recipients.compact import opened
from consent.recipients.key_sets import ALGORITHMS, PublicKey

__all__ = ["ALGORITHMS", "ASSERTION_TYPE", "Assertion", "AssertionFault", "check_assertion"]

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_S = 60
SKEW_S = 10
_KINDS = (None, "jwt", "client-authentication+jwt")
_MOST_BYTES = 4096
_LONGEST_JTI = 128


class AssertionFault(StrEnum):
    """Why an assertion was not accepted; every one of them is `invalid_client` on the wire."""

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
    text: str, keys: Iterable[PublicKey], *, client_id: str, issuer: str, now_ms: int
) -> Assertion | AssertionFault:
    """The assertion of `client_id`, verified with its keys, or why it is not one."""
    signed = opened(text, keys, kinds=_KINDS, most_bytes=_MOST_BYTES)
    claims = None if signed is None else signed.claims()
    if claims is None:
        return AssertionFault.SIGNATURE
    if claims.get("iss") != client_id or claims.get("sub") != client_id or claims.get("aud") != issuer:
        return AssertionFault.PARTIES
    jti = named_once(claims)
    if jti is None:
        return AssertionFault.JTI
    expires = valid_until(claims, now_ms / 1000, LONGEST_S)
    if expires is None:
        return AssertionFault.TIME
    digest = hashlib.sha256(f"assertion\0{client_id}\0{jti}".encode()).digest()
    return Assertion(client_id=client_id, digest=digest, expires=int(expires + 1) * 1000)


def named_once(claims: Mapping[str, Any]) -> str | None:
    """The `jti`; None for one that cannot be remembered."""
    jti = claims.get("jti")
    # Printable: half of a surrogate pair, which JSON can write, has no bytes that could be remembered.
    good = isinstance(jti, str) and 0 < len(jti) <= _LONGEST_JTI and jti.isprintable()
    return jti if isinstance(jti, str) and good else None


def valid_until(claims: Mapping[str, Any], now: float, longest_s: int) -> float | None:
    """The end of a JWT's life in seconds, or None when it is over, not begun, or longer than `longest_s`."""
    exp, iat, nbf = claims.get("exp"), claims.get("iat"), claims.get("nbf")
    if not _is_number(exp) or not now < exp <= now + longest_s + SKEW_S:
        return None
    for name, begin in (("iat", iat), ("nbf", nbf)):
        if name in claims and not (_is_number(begin) and now - longest_s <= begin <= now + SKEW_S):
            return None
    return float(exp)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
