"""The sealed value: one stored field, encrypted so that it opens at its own place only (vault.md §6.2-6.4).

Blob, 78 bytes longer than the plaintext, integers big-endian:

| offset | length | meaning                                                    |
|--------|--------|------------------------------------------------------------|
| 0      | 1      | version, 1                                                 |
| 1      | 1      | suite: 1 AES-256-GCM, 2 AES-256-GCM-SIV (hosts that clone) |
| 2      | 4      | epoch of the person's key                                  |
| 6      | 24     | salt                                                       |
| 30     | 32     | key commitment                                             |
| 62     | n + 16 | ciphertext and authentication tag                          |

HMAC-SHA-512(person key, "pv1/val" ‖ salt) gives the one-use key (32) and the commitment (32); the nonce is
the salt's last 12 bytes. Every failure to open is the same `Unopenable`: it never says which check failed.
"""

import hmac
import struct
from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache
from hashlib import sha512
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV

from vault.errors import VaultError
from vault.ids import RecordId, SubjectId, TenantId
from vault.sealing.prepared_hmac import digest, prepare

VERSION = 1
OVERHEAD = 78
SALT_BYTES = 24
KEY_BYTES = 32

_HEADER = struct.Struct(">BBI24s")
_BODY_AT = 62
_PLACE_TAIL = struct.Struct(">HQ")
_DERIVE = b"pv1/val"
_AAD = b"pv1"


class Suite(IntEnum):
    GCM = 1
    GCM_SIV = 2


_CIPHERS: Mapping[int, type[AESGCM] | type[AESGCMSIV]] = {Suite.GCM: AESGCM, Suite.GCM_SIV: AESGCMSIV}


class Unopenable(VaultError):
    """These bytes do not open here: altered, moved, cut, or sealed under another key. No detail on purpose."""

    code = "unopenable"


type Owner = tuple[TenantId, SubjectId, RecordId]
"""Whose value it is and in which record, 16 bytes each."""


class Place(NamedTuple):
    """Where a value lives; the seal binds all of it. A tuple, because bulk reads build one per value.

    `tenant`, `subject` and `record` are 16 bytes; `field` is ASCII of at most 65,535 bytes; `schema` fits
    16 bits and `version` 64.
    """

    tenant: TenantId
    subject: SubjectId
    record: RecordId
    field: str
    schema: int
    version: int


class Sealer:
    """Seals the values of one record under one key: `key` is 32 bytes, `suite` the installation's, no caller's own."""

    __slots__ = ("_cipher", "_derive", "_epoch", "_owner", "_suite")

    def __init__(self, key: bytes, epoch: int, owner: Owner, *, suite: Suite) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("a sealing key has 32 bytes, a salt 24")
        self._derive = prepare(key, sha512)
        self._epoch, self._owner = epoch, _owner_bytes(*owner)
        self._suite, self._cipher = suite, _CIPHERS[suite]

    def seal(self, field: str, schema: int, version: int, plaintext: bytes, salt: bytes) -> bytes:
        """The blob for `plaintext` as one version of a field; `salt` is 24 fresh random bytes, never used twice."""
        if len(salt) != SALT_BYTES:
            raise ValueError("a sealing key has 32 bytes, a salt 24")
        header = _HEADER.pack(VERSION, self._suite, self._epoch, salt)
        derived = digest(self._derive, _DERIVE + salt)
        bound = b"".join((_AAD, header, self._owner, _field_bytes(field), _PLACE_TAIL.pack(schema, version)))
        return header + derived[32:] + self._cipher(derived[:32]).encrypt(salt[12:], plaintext, bound)


def seal(key: bytes, epoch: int, place: Place, plaintext: bytes, salt: bytes, *, suite: Suite) -> bytes:
    """The blob for one `plaintext` at `place`; see `Sealer`."""
    sealer = Sealer(key, epoch, (place.tenant, place.subject, place.record), suite=suite)
    return sealer.seal(place.field, place.schema, place.version, plaintext, salt)


def open_sealed(key: bytes, place: Place, blob: bytes) -> bytes:
    """The plaintext of a blob sealed under `key` at exactly this `place`; raises Unopenable otherwise."""
    cipher = _CIPHERS.get(blob[1]) if len(blob) >= OVERHEAD and blob[0] == VERSION else None
    if cipher is None:
        raise Unopenable("this blob does not open")
    salt = blob[6:30]
    derived = hmac.digest(key, _DERIVE + salt, "sha512")
    # GCM alone lets one ciphertext open under two keys: the commitment is checked before anything opens.
    if not hmac.compare_digest(derived[32:], blob[30:_BODY_AT]):
        raise Unopenable("this blob does not open")
    try:
        return cipher(derived[:32]).decrypt(salt[12:], blob[_BODY_AT:], associated_data(blob[:30], place))
    except InvalidTag:
        raise Unopenable("this blob does not open") from None


def blob_epoch(blob: bytes) -> int:
    """The key epoch a blob names in its header; raises Unopenable when it is too short or of another version."""
    if len(blob) < OVERHEAD or blob[0] != VERSION:
        raise Unopenable("this blob does not open")
    return int.from_bytes(blob[2:6])


def associated_data(header: bytes, place: Place) -> bytes:
    """What the seal authenticates besides the ciphertext; injective, because only `field` varies in length.

    | part          | length |
    |---------------|--------|
    | "pv1"         | 3      |
    | blob header   | 30     |
    | tenant        | 16     |
    | subject       | 16     |
    | record        | 16     |
    | len(field)    | 2      |
    | field         | n      |
    | schema        | 2      |
    | value version | 8      |
    """
    tenant, subject, record, field, schema, version = place
    owner = _owner_bytes(tenant, subject, record)
    return b"".join((_AAD, header, owner, _field_bytes(field), _PLACE_TAIL.pack(schema, version)))


def _owner_bytes(tenant: TenantId, subject: SubjectId, record: RecordId) -> bytes:
    if len(tenant) != 16 or len(subject) != 16 or len(record) != 16:
        raise ValueError("tenant, subject and record have 16 bytes each")
    return tenant + subject + record


@lru_cache(maxsize=1024)
def _field_bytes(field: str) -> bytes:
    name = field.encode()
    return len(name).to_bytes(2) + name
