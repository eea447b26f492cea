"""Request objects (RFC 9101): a whole request as one JWT that its client signed, which is then its only source.

It is typed (`oauth-authz-req+jwt`, RFC 9101 §10.8), from and for exactly the two of us, five minutes old at most, and
used once. What the form says beside it is ignored but for who is calling (RFC 9126 §3): nobody between the client and
us can add a word. A request object inside a request object, and anything that is not signed by a key of this client,
are refused.

`check_request_object(text, keys, ...) -> RequestObject | ObjectFault`
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from api.oauth.assertion import named_once, valid_until
from consent.asking.signed_requests import SignedRequest
from consent.recipients.compact import opened
from consent.recipients.key_sets import ALGORITHMS, PublicKey

__all__ = ["ALGORITHMS", "ObjectFault", "RequestObject", "check_request_object"]

LONGEST_S = 300
_KINDS = ("oauth-authz-req+jwt",)
_MOST_BYTES = 32 * 1024
_DETAILS = "authorization_details"
_SECONDS = "requested_expiry"
_OURS = frozenset({"iss", "aud", "exp", "iat", "nbf", "jti"})
_NEVER = ("request", "request_uri", "client_assertion", "client_assertion_type")


class ObjectFault(StrEnum):
    """Why a request object was not accepted; every one of them is `invalid_request_object` on the wire."""

    SIGNATURE = "signature"
    PARTIES = "parties"
    TIME = "time"
    JTI = "jti"
    NESTED = "nested"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestObject:
    """An accepted request object: the members of the request as a form would have them, and what it proves.

    `digest` (32 bytes over client and `jti`) goes into the replay table until `expires` (Unix milliseconds).
    """

    members: Mapping[str, str]
    signed: SignedRequest
    digest: bytes
    expires: int


def check_request_object(
    text: str, keys: Iterable[PublicKey], *, client_id: str, issuer: str, now_ms: int
) -> RequestObject | ObjectFault:
    """The request of `client_id` inside `text`, verified with its keys, or why there is none."""
    found = opened(text, keys, kinds=_KINDS, most_bytes=_MOST_BYTES)
    claims = None if found is None else found.claims()
    if found is None or claims is None:
        return ObjectFault.SIGNATURE
    if not _between_us(claims, client_id, issuer):
        return ObjectFault.PARTIES
    jti, expires = named_once(claims), valid_until(claims, now_ms / 1000, LONGEST_S)
    if jti is None or expires is None:
        return ObjectFault.JTI if jti is None else ObjectFault.TIME
    if any(name in claims for name in _NEVER):
        return ObjectFault.NESTED
    return RequestObject(
        members=_members(claims),
        signed=SignedRequest(text=text, key=found.key),
        digest=hashlib.sha256(f"request\0{client_id}\0{jti}".encode()).digest(),
        expires=int(expires + 1) * 1000,
    )


def _between_us(claims: Mapping[str, Any], client_id: str, issuer: str) -> bool:
    """From this client to this server; a `sub` of its own would make it an assertion elsewhere (RFC 9101 §10.8)."""
    parties = (claims.get("iss"), claims.get("client_id"), claims.get("aud"))
    return parties == (client_id, client_id, issuer) and claims.get("sub") != client_id


def _members(claims: Mapping[str, Any]) -> dict[str, str]:
    """The members of the request as texts; of the others only the details may be JSON of their own."""
    members = {name: value for name, value in claims.items() if isinstance(value, str) and name not in _OURS}
    if type(claims.get(_SECONDS)) is int:  # CIBA §7.1.1: a number or its digits
        members[_SECONDS] = str(claims[_SECONDS])
    if isinstance(claims.get(_DETAILS), list):
        members[_DETAILS] = json.dumps(claims[_DETAILS])
    return members
