"""Opening what recipients have signed: compact JWS (RFC 7515) under one of their own keys, and nothing looser.

The header names an algorithm that one of the keys is for (never `none`, never a MAC), perhaps the key, and the
type of the document where we demand one (RFC 8725 §3.11). `crit`, keys in the header and members written twice
are refused: two readers of one text must not see two things.

* `opened(text, keys, ...) -> Opened | None`: None is all that strangers learn.
* `heading(text) -> (kid, algorithm) | None` before any key is known, to find one.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from consent.recipients.key_sets import PublicKey, meant
from vault.base64url import b64url, unb64url

_FOREIGN = ("crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A good signature: what was signed, and the key that did."""

    payload: bytes
    key: PublicKey

    def claims(self) -> dict[str, Any] | None:
        """The payload as the claims of a JWT; None when it is no such thing."""
        return _object(self.payload)


def heading(text: str) -> tuple[str | None, str] | None:
    """Which key (its `kid`, perhaps none) and algorithm a compact JWS says it was signed with."""
    header = _header(text.partition(".")[0])
    return None if header is None else (header.get("kid"), header["alg"])


def opened(
    text: str,
    keys: Iterable[PublicKey],
    *,
    kinds: Collection[str | None],
    most_bytes: int,
    detached: bytes | None = None,
) -> Opened | None:
    """The payload of a compact JWS whose `typ` is one of `kinds` (lower case; None stands for having none).

    With `detached` the text holds no payload and the signature is over these bytes (RFC 7515, appendix F).
    """
    parts = text.split(".")
    if len(parts) != 3 or len(text) > most_bytes or not text.isascii():
        return None
    header = _header(parts[0])
    if header is None or _kind(header) not in kinds or (detached is not None and parts[1]):
        return None
    try:
        payload, signature = unb64url(parts[1]), unb64url(parts[2])
    except ValueError:
        return None
    if detached is not None:
        payload, parts[1] = detached, b64url(detached)
    message = f"{parts[0]}.{parts[1]}".encode()
    for key in meant(keys, header.get("kid"), header["alg"]):
        if key.verifies(message, signature):
            return Opened(payload=payload, key=key)
    return None


def _header(part: str) -> dict[str, Any] | None:
    try:
        header = _object(unb64url(part))
    except ValueError:
        return None
    if header is None or any(name in header for name in _FOREIGN):
        return None
    kid = header.get("kid")
    return header if isinstance(header.get("alg"), str) and isinstance(kid, str | None) else None


def _kind(header: dict[str, Any]) -> str | None:
    """`typ` in lower case; `application/` in front of it may be left out (RFC 7515 §4.1.9)."""
    kind = header.get("typ")
    if kind is None:
        return None
    return kind.lower().removeprefix("application/") if isinstance(kind, str) else ""


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member twice")
    return members


def _no_number(_name: str) -> None:
    raise ValueError("NaN and infinities are no JSON")
