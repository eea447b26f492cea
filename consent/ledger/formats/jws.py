"""Checking a receipt: a compact JWS (RFC 7515) under Ed25519, in the one spelling base64url allows.

`alg` is `Ed25519` (RFC 9864) or its older name `EdDSA`; critical extensions are refused.
"""

from collections.abc import Iterable
from typing import Any

from consent.ledger.errors import Malformed, Unproven
from consent.ledger.formats import strictjson
from vault import base64url
from vault.signing import signatures

MAX_BYTES = 16_384
ALGORITHMS = frozenset({"Ed25519", "EdDSA"})


def unb64url(text: str) -> bytes:
    """Base64url without padding, only as encoding would write it; raises Malformed."""
    try:
        return base64url.unb64url(text)
    except ValueError:
        raise Malformed("not canonical base64url") from None


def verify(token: str, keys: Iterable[bytes], most_bytes: int = MAX_BYTES) -> tuple[dict[str, Any], bytes]:
    """The payload and the public key of `keys` that signed it; raises Malformed or Unproven."""
    parts = token.split(".")
    if len(token) > most_bytes or len(parts) != 3:
        raise Malformed("not a receipt")
    header, payload = _document(parts[0]), _document(parts[1])
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS or "crit" in header:
        raise Malformed("a receipt is signed with Ed25519")
    message, signature = f"{parts[0]}.{parts[1]}".encode(), unb64url(parts[2])
    for key in keys:
        if signatures.verify(key, message, signature):
            return payload, key
    raise Unproven("no known key signed this receipt")


def _document(part: str) -> dict[str, Any]:
    found = strictjson.load(unb64url(part))
    if not isinstance(found, dict):
        raise Malformed("receipt is not an object")
    return found
