"""Nonces of this server for proofs of possession (RFC 9449 §8 and §9): nobody can make proofs in advance.

Stateless, so that every worker knows the others'. Base64url of:

| part    | length | meaning                                        |
|---------|--------|------------------------------------------------|
| version | 1      | 1                                              |
| made    | 5      | Unix second, big-endian                        |
| MAC     | 16     | first half of HMAC-SHA-256 over the two above  |
"""

import hashlib
import hmac
from typing import Final

from vault.base64url import b64url, unb64url

LIFETIME_S: Final = 300
SKEW_S: Final = 1
"""How far the clock of a worker that made a nonce may be ahead of ours."""
_HEAD, _MAC = 6, 16
_LONGEST: Final = 40


def new_nonce(key: bytes, now_ms: int) -> str:
    """A nonce that proofs may carry for the next five minutes."""
    head = b"\x01" + (now_ms // 1000).to_bytes(5)
    return b64url(head + _mac(key, head))


def is_fresh(key: bytes, nonce: str | None, now_ms: int) -> bool:
    """Whether this server made `nonce` within the last five minutes."""
    if nonce is None or len(nonce) > _LONGEST:
        return False
    try:
        raw = unb64url(nonce)
    except ValueError:
        return False
    head, mac = raw[:_HEAD], raw[_HEAD:]
    if len(mac) != _MAC or head[:1] != b"\x01" or not hmac.compare_digest(mac, _mac(key, head)):
        return False
    return -SKEW_S <= now_ms // 1000 - int.from_bytes(head[1:]) < LIFETIME_S


def _mac(key: bytes, head: bytes) -> bytes:
    return hmac.digest(key, b"dpop-nonce\0" + head, hashlib.sha256)[:_MAC]
