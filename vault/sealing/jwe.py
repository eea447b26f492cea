"""Encrypting to somebody else's public key, as JOSE does it: compact JWE (RFC 7516), ECDH-ES+A256KW and A256GCM.

| part           | bytes | what it is                                                                  |
|----------------|-------|-----------------------------------------------------------------------------|
| header         | n     | JSON: alg, enc, kid, cty, epk; authenticated as its base64url text           |
| encrypted key  | 40    | a fresh 32-byte key under AES key wrap (RFC 3394)                            |
| iv             | 12    | random                                                                      |
| ciphertext     | n     | AES-256-GCM                                                                 |
| tag            | 16    | its tag                                                                     |

Each part is base64url, joined by dots. The wrapping key is Concat KDF (RFC 7518 §4.6.2) over the agreement of a key made
for this one message with the owner's: P-256 or X25519 (RFC 8037). Nobody but the owner can open it, we neither. The
format has no version of its own: `alg` and `enc` are what a later one would change.

* `encrypt(key, kid, plaintext) -> str`; `sound_x25519(raw)` beside `signing.public_keys.sound_p256`.
"""

import json
import os
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from vault.base64url import b64url

ALGORITHM: Final = "ECDH-ES+A256KW"
ENCRYPTION: Final = "A256GCM"
_KEY_BYTES: Final = 32
_IV_BYTES: Final = 12
_TAG_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class AgreementKey:
    """A public key for agreement: its coordinates as JOSE carries them, `y` empty for X25519."""

    x: bytes
    y: bytes


def encrypt(key: AgreementKey, kid: str, plaintext: bytes) -> str:
    """A compact JWE of a JSON text for the owner of `key`, who calls it `kid`; other bytes every time."""
    epk, shared = _agreed(key)
    header = {"alg": ALGORITHM, "enc": ENCRYPTION, "kid": kid, "cty": "json", "epk": epk}
    head = b64url(json.dumps(header, separators=(",", ":")).encode())
    content_key, iv = os.urandom(_KEY_BYTES), os.urandom(_IV_BYTES)
    wrapped = aes_key_wrap(_wrapping_key(shared), content_key)
    sealed = AESGCM(content_key).encrypt(iv, plaintext, head.encode())
    return ".".join(
        (head, b64url(wrapped), b64url(iv), b64url(sealed[:-_TAG_BYTES]), b64url(sealed[-_TAG_BYTES:]))
    )


def sound_x25519(raw: bytes) -> bool:
    """Whether `raw` is a key that agreement with means a secret: no point of small order (RFC 7748 §6.1)."""
    if len(raw) != _KEY_BYTES:
        return False
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(raw))
    except ValueError:
        return False
    return True


def _agreed(key: AgreementKey) -> tuple[dict[str, str], bytes]:
    """The public half of a key made for this once, as a JWK, and the secret it shares with the owner of `key`."""
    if not key.y:
        once = X25519PrivateKey.generate()
        public = once.public_key().public_bytes_raw()
        shared = once.exchange(X25519PublicKey.from_public_bytes(key.x))
        return {"kty": "OKP", "crv": "X25519", "x": b64url(public)}, shared
    owner = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), b"\x04" + key.x + key.y)
    made = generate_private_key(SECP256R1())
    point = made.public_key().public_numbers()
    epk = {"x": b64url(point.x.to_bytes(32)), "y": b64url(point.y.to_bytes(32))}
    return {"kty": "EC", "crv": "P-256", **epk}, made.exchange(ECDH(), owner)


def _wrapping_key(shared: bytes) -> bytes:
    """RFC 7518 §4.6.2, with nothing said about either party."""
    return concat_kdf(shared, ALGORITHM, b"", b"", _KEY_BYTES)


def concat_kdf(shared: bytes, algorithm: str, apu: bytes, apv: bytes, length: int) -> bytes:
    """`length` bytes of Concat KDF: each part of its OtherInfo behind its length, the key's length in bits last."""
    parts = b"".join(len(part).to_bytes(4) + part for part in (algorithm.encode(), apu, apv))
    return ConcatKDFHash(SHA256(), length, parts + (length * 8).to_bytes(4)).derive(shared)
