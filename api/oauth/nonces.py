"""Nonces of this server for proofs of possession (RFC 9449 §8 and §9): nobody can make proofs in advance.

Stateless, so that every worker knows the others'. Base64url of:

| part    | length | meaning                                        |
|---------|--------|------------------------------------------------|
| version | 1      | 1                                              |
| made    | 5      | Unix second, big-endian                        |
| MAC     | 16     | first half of HMAC-SHA-256 over the two above  |
"""

import base64
import binascii
import hashlib
import hmac
from typing import Final

LIFETIME_S: Final = 300
_HEAD, _MAC = 6, 16
_LONGEST: Final = 40


def new_nonce(key: bytes, now_ms: int) -> str:
    """A nonce that proofs may carry for the next five minutes."""
    head = b"\x01" + (now_ms // 1000).to_bytes(5)
    return base64.urlsafe_b64encode(head + _mac(key, head)).decode().rstrip("=")


def is_fresh(key: bytes, nonce: str | None, now_ms: int) -> bool:
    """Whether this server made `nonce` within the last five minutes."""
    if nonce is None or len(nonce) > _LONGEST or not nonce.isascii():
        return False
    try:
        raw = base64.b64decode(nonce + "=" * (-len(nonce) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return False
    head, mac = raw[:_HEAD], raw[_HEAD:]
    if len(mac) != _MAC or head[:1] != b"\x01" or not hmac.compare_digest(mac, _mac(key, head)):
        return False
    return 0 <= now_ms // 1000 - int.from_bytes(head[1:]) < LIFETIME_S


def _mac(key: bytes, head: bytes) -> bytes:
    return hmac.digest(key, b"dpop-nonce\0" + head, hashlib.sha256)[:_MAC]
