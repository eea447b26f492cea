"""Ids and secrets that carry their bucket, so that any request is routed from the id alone (DESIGN section 2).

Routed id (grants, uses, requests, disclosures), 16 bytes, sorts by time inside its bucket:

| offset | length | meaning                        |
|--------|--------|--------------------------------|
| 0      | 6      | Unix time in milliseconds, BE  |
| 6      | 2      | bucket, BE, 0..4095            |
| 8      | 8      | random                         |

Secret (tokens, codes, session keys), written `prefix_` + base64url without padding of:

| offset | length | meaning                                                 |
|--------|--------|---------------------------------------------------------|
| 0      | 2      | bucket, BE                                              |
| 2      | 32     | random                                                  |
| 34     | 4      | first bytes of SHA-256(prefix ‖ first 34 bytes): a typing |
|        |        | check, and a sure mark for leak scanners; no security   |
"""

import base64
import binascii
import hashlib
import secrets
from functools import lru_cache
from typing import Final, NamedTuple, NewType

from vault.base64url import b64url
from vault.errors import MalformedId

Bucket = NewType("Bucket", int)
TenantId = NewType("TenantId", bytes)
SubjectId = NewType("SubjectId", bytes)
RecordId = NewType("RecordId", bytes)

type Person = tuple[Bucket, SubjectId]
"""One person, and the bucket that everything of theirs is in."""

PROFILE: Final = RecordId(bytes(16))
"""The record every person has: the values that are about the person as such."""

MAX_BUCKETS = 4096


class Buckets(NamedTuple):
    """The consecutive buckets one tenant owns: `many` of them, from `first` on."""

    first: int
    many: int

    def every(self) -> range:
        """The numbers themselves, in order."""
        return range(self.first, self.first + self.many)

    def __contains__(self, bucket: object) -> bool:
        return isinstance(bucket, int) and self.first <= bucket < self.first + self.many


ID_BYTES = 16
_SECRET_BYTES = 38


def new_subject() -> SubjectId:
    """A person's internal name: 16 random bytes that say nothing about anybody."""
    return SubjectId(secrets.token_bytes(ID_BYTES))


def bucket_for(subject: SubjectId, buckets: Buckets) -> Bucket:
    """The one bucket of the tenant in which every row of this person lives."""
    return bucket_of_hash(hashlib.sha256(b"pb1" + subject).digest(), buckets)


def bucket_of_hash(digest: bytes, buckets: Buckets) -> Bucket:
    """The bucket of a row found by a digest instead of by a person (replay rows, unique keys)."""
    return Bucket(buckets.first + int.from_bytes(digest[:4]) % buckets.many)


def mint_id(bucket: Bucket, now_ms: int, entropy: bytes) -> bytes:
    """A routed id from a bucket, a time in Unix milliseconds and 8 bytes of entropy."""
    return now_ms.to_bytes(6) + bucket.to_bytes(2) + entropy


def new_id(bucket: Bucket, now_ms: int) -> bytes:
    """A routed id with fresh entropy."""
    return mint_id(bucket, now_ms, secrets.token_bytes(8))


def minted_at(raw: bytes) -> int:
    """The time, in Unix milliseconds, written inside a routed id."""
    return int.from_bytes(raw[:6])


def bucket_of(raw: bytes) -> Bucket:
    """The bucket written inside a routed id."""
    return Bucket(int.from_bytes(raw[6:8]))


_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_SHIFTS = tuple(range(120, -1, -10))


@lru_cache(maxsize=8192)
def encode_id(prefix: str, raw: bytes) -> str:
    """The text form of a 16-byte id: prefix, underscore, 26 lower-case base32 characters (RFC 4648 §6)."""
    # Ten bits at a time from a table: the library's loop costs 12 microseconds, and an answer holds seven ids, some of
    # them in three places, which is what the latest ones are kept for.
    number = int.from_bytes(raw) << 2
    return f"{prefix}_{''.join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])}"


def decode_id(prefix: str, text: str) -> bytes:
    """The 16 bytes behind `encode_id`; raises MalformedId unless `text` is exactly what it would write."""
    head, _, tail = text.partition("_")
    if head != prefix or len(tail) != 26 or not tail.isascii():
        raise MalformedId("not an id of this kind")
    try:
        raw = base64.b32decode(tail.upper() + "======")
    except (binascii.Error, ValueError):
        raise MalformedId("not an id of this kind") from None
    if encode_id(prefix, raw) != text or bucket_of(raw) >= MAX_BUCKETS:
        raise MalformedId("not an id of this kind")
    return raw


def decode_subject(text: str) -> SubjectId:
    """The subject behind `encode_id("sub", ...)`: its bytes are random, so no bucket is checked."""
    head, _, tail = text.partition("_")
    try:
        raw = base64.b32decode(tail.upper() + "======")
    except (binascii.Error, ValueError):
        raise MalformedId("not a subject") from None
    if head != "sub" or len(raw) != ID_BYTES or encode_id("sub", raw) != text:
        raise MalformedId("not a subject")
    return SubjectId(raw)


def mint_secret(prefix: str, bucket: Bucket, entropy: bytes) -> str:
    """A secret from a bucket and 32 bytes of entropy; only its `secret_hash` may be stored."""
    body = bucket.to_bytes(2) + entropy
    raw = body + _checksum(prefix, body)
    return f"{prefix}_{b64url(raw)}"


def new_secret(prefix: str, bucket: Bucket) -> str:
    """A secret with fresh entropy."""
    return mint_secret(prefix, bucket, secrets.token_bytes(32))


def secret_bucket(prefix: str, text: str) -> Bucket:
    """The bucket inside a secret; raises MalformedId when prefix, length or checksum are off."""
    head, _, tail = text.partition("_")
    if head != prefix or len(tail) != 51 or not tail.isascii():
        raise MalformedId("not a secret of this kind")
    try:
        raw = base64.b64decode(tail + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise MalformedId("not a secret of this kind") from None
    bucket = Bucket(int.from_bytes(raw[:2]))
    # Written again and compared: the last base64 character has two bits that decoding ignores.
    if len(raw) != _SECRET_BYTES or bucket >= MAX_BUCKETS or mint_secret(prefix, bucket, raw[2:34]) != text:
        raise MalformedId("not a secret of this kind")
    return bucket


def secret_hash(text: str) -> bytes:
    """What the data base keeps of a secret: its SHA-256 (32 bytes; 256 bits of entropy need no slow hash)."""
    return hashlib.sha256(text.encode()).digest()


def _checksum(prefix: str, body: bytes) -> bytes:
    return hashlib.sha256(prefix.encode() + body).digest()[:4]
