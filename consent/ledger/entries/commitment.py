"""The salted commitment `c` of an entry: every field can be shown alone, none can be guessed.

    nonce_i = HKDF-SHA256(entry secret, no salt, info = "ccl/n1" ‖ 00 ‖ uint32 i), 32 bytes, i from 0
    digest_i = SHA-256("ccl/f1" ‖ 00 ‖ nonce_i ‖ uint32 length ‖ name ‖ uint32 length ‖ value)
    c        = SHA-256("ccl/c1" ‖ 00 ‖ digest_0 ‖ digest_1 ‖ ...)

Integers are big-endian, names and values UTF-8. Whoever holds c learns nothing without the nonces; whoever
holds one nonce can check one field and learns nothing of the others. Destroying the secret hides them all.
"""

import hashlib
import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from consent.ledger.errors import Malformed

SECRET_BYTES = 32
NONCE_BYTES = 32
MAX_FIELDS = 64
_NO_SALT = bytes(32)

type Field = tuple[str, str]
"""(name, value), both text."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Everything behind one commitment: the 32-byte secret and the fields in their committed order."""

    secret: bytes
    fields: tuple[Field, ...]

    def __repr__(self) -> str:
        return f"Opening({len(self.fields)} fields)"


@dataclass(frozen=True, slots=True)
class Shown:
    """One revealed field with the nonce that proves it."""

    name: str
    value: str
    nonce: bytes

    @property
    def digest(self) -> bytes:
        return field_digest(self.nonce, self.name, self.value)


type Revealed = tuple[Shown | bytes, ...]
"""One item per committed field, in order: the field itself, or only its 32-byte digest."""


def commit(secret: bytes, fields: Sequence[Field]) -> bytes:
    """The commitment (32 bytes) to `fields` in this order; raises Malformed for repeated or too many names."""
    _check(secret, fields)
    return _over(_digests(secret, fields))


def reveal(opening: Opening, names: Collection[str] | None = None) -> Revealed:
    """Show the fields named (all when None) and only the digests of the rest."""
    _check(opening.secret, opening.fields)
    key = _extract(opening.secret)
    shown = [Shown(name, value, _nonce(key, at)) for at, (name, value) in enumerate(opening.fields)]
    return tuple(item if names is None or item.name in names else item.digest for item in shown)


def verify_revealed(commitment: bytes, revealed: Revealed) -> bool:
    """Whether these fields and digests, in this order, are what was committed to."""
    shown = [item for item in revealed if isinstance(item, Shown)]
    # A nonce of another length would let the same bytes be read as another name and value.
    if any(len(item.nonce) != NONCE_BYTES for item in shown) or not 1 <= len(revealed) <= MAX_FIELDS:
        return False
    if len({item.name for item in shown}) != len(shown):
        return False
    digests = [item.digest if isinstance(item, Shown) else item for item in revealed]
    return all(len(digest) == 32 for digest in digests) and _over(digests) == commitment


def field_digest(nonce: bytes, name: str, value: str) -> bytes:
    """The digest of one field under its nonce."""
    raw_name, raw_value = name.encode(), value.encode()
    return hashlib.sha256(
        b"ccl/f1\x00" + nonce + len(raw_name).to_bytes(4) + raw_name + len(raw_value).to_bytes(4) + raw_value
    ).digest()


def _check(secret: bytes, fields: Sequence[Field]) -> None:
    if len(secret) != SECRET_BYTES or not 1 <= len(fields) <= MAX_FIELDS:
        raise Malformed("a commitment needs 32 secret bytes and 1 to 64 fields")
    if len({name for name, _ in fields}) != len(fields):
        raise Malformed("a commitment names each field once")


def _digests(secret: bytes, fields: Sequence[Field]) -> list[bytes]:
    key = _extract(secret)
    return [field_digest(_nonce(key, at), name, value) for at, (name, value) in enumerate(fields)]


def _over(digests: Sequence[bytes]) -> bytes:
    return hashlib.sha256(b"ccl/c1\x00" + b"".join(digests)).digest()


def _extract(secret: bytes) -> bytes:
    return hmac.digest(_NO_SALT, secret, "sha256")


def _nonce(key: bytes, at: int) -> bytes:
    # HKDF-Expand to one block of 32 bytes: T(1) = HMAC(key, info ‖ 01).
    return hmac.digest(key, b"ccl/n1\x00" + at.to_bytes(4) + b"\x01", "sha256")
