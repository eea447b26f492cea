"""How one key is kept under another: nonce 12 ‖ AES-256-GCM(key) 32 ‖ tag 16, bound to what the key is for."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.sealing.sealed import Unopenable

WRAPPED_BYTES = 60


def wrap(cipher: AESGCM, key: bytes, context: bytes) -> bytes:
    """The wrapped form of a 32-byte key. Nonces are random: a wrapping key is good for 2^30 wraps."""
    nonce = secrets.token_bytes(12)
    return nonce + cipher.encrypt(nonce, key, context)


def unwrap(cipher: AESGCM, wrapped: bytes, context: bytes) -> bytes:
    """The key inside; raises Unopenable under another wrapping key or context."""
    if len(wrapped) != WRAPPED_BYTES:
        raise Unopenable("this key does not unwrap")
    try:
        return cipher.decrypt(wrapped[:12], wrapped[12:], context)
    except InvalidTag:
        raise Unopenable("this key does not unwrap") from None


def context(*parts: bytes | str | int) -> bytes:
    """Parts joined with their lengths (u16) in front, numbers as u64, so that no two lists read alike."""
    raw = [
        part if isinstance(part, bytes) else part.encode() if isinstance(part, str) else part.to_bytes(8)
        for part in parts
    ]
    return b"".join(len(part).to_bytes(2) + part for part in raw)
