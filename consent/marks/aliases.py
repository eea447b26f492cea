"""Alias contact points: an e-mail address or relay number of one person for one recipient, instead of the person's own.

What a person may give instead of which field stands in `wording.alias_fields`; a purpose lists those it can do with.
The address is made of a keyed tag of person, recipient and epoch, written as four words that can be read aloud.
It is in no table: only keyed digests of it are (`alias_tables`), by which a leaked one is found and an invented
one is not. Whoever has no key can neither make the alias of somebody else nor tell that two of them are one
person's.

Every HMAC-SHA-256 is under the service key `alias` (32 bytes), over one of these messages:

| length | meaning                                                               |
|--------|-----------------------------------------------------------------------|
| 1      | version of this layout: 1                                             |
| 1      | 1 the tag of an address, 2 who holds a relay number, 3 a digest        |
| 2 + n  | field code, UTF-8, behind its length                                  |
| 2 + n  | person; of a digest: the looked-up text or digest, behind the length   |
| 2 + n  | recipient id, UTF-8; of a digest: empty                               |
| 4      | epoch; of a digest: the shape (`vault.tags.Shape`)                    |

Of a tag the first 64 bits are kept, of a digest and of a holder the first 16 bytes. Integers are big-endian.
"""

import hmac
import math
from dataclasses import dataclass
from typing import Final

from consent.ids import RecipientId
from vault.ids import Bucket, SubjectId
from vault.tags import Shape
from vault.tags.making import digest_of
from vault.tags.registry import DIGESTS, forms_of

LN_TAGS: Final = 64 * math.log(2)
"""Ln of how many address tags there can be."""

DIGEST_BYTES: Final = 16
_TAG_BYTES = 8
_ADDRESS, _HOLDER, _DIGEST = b"\x01\x01", b"\x01\x02", b"\x01\x03"
_CONSONANTS = "bdfghjklmnprstvz"
_VOWELS = "aiou"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """One alias, by internal names only: `field` is the one it stands for, `domain` empty of a relay number."""

    bucket: Bucket
    subject: SubjectId
    recipient_id: RecipientId
    field: str
    epoch: int
    domain: str = ""


def address(key: bytes, alias: Alias) -> str:
    """The e-mail address of an alias, in canonical form."""
    tag = hmac.digest(key, _message(_ADDRESS, alias), "sha256")[:_TAG_BYTES]
    return f"{words(tag)}@{alias.domain}"


def holder(key: bytes, alias: Alias) -> bytes:
    """By what the pool knows whose a relay number is: 16 bytes that tell nobody who."""
    return hmac.digest(key, _message(_HOLDER, alias), "sha256")[:DIGEST_BYTES]


def looked_up_by(key: bytes, field: str, raw: str | bytes, shape: int = Shape.EXACT) -> bytes:
    """By what an alias is found that a file shows whole (canonical text) or as a digest (bytes, by its shape)."""
    said = raw.encode() if isinstance(raw, str) else raw
    return hmac.digest(key, _layout(_DIGEST, field, said, b"", shape), "sha256")[:DIGEST_BYTES]


def digests(key: bytes, field: str, text: str) -> list[tuple[int, bytes]]:
    """(shape, digest) of everything by which an alias may be found: itself, and md5, sha1, sha256 of its spellings."""
    found = [(int(Shape.EXACT), looked_up_by(key, field, text))]
    forms = forms_of(field)
    for form in forms(text) if forms else ():
        for shape, name in DIGESTS:
            hashed = digest_of(name)(form.encode()).digest()
            found.append((int(shape), looked_up_by(key, field, hashed, shape)))
    return found


def words(tag: bytes) -> str:
    """Bytes as words of five letters, consonants and vowels in turn: 16 bits each, and no letter that sounds like another."""
    return "-".join(_word(int.from_bytes(tag[at : at + 2])) for at in range(0, len(tag), 2))


def _word(bits: int) -> str:
    return (
        _CONSONANTS[bits >> 12 & 15]
        + _VOWELS[bits >> 10 & 3]
        + _CONSONANTS[bits >> 6 & 15]
        + _VOWELS[bits >> 4 & 3]
        + _CONSONANTS[bits & 15]
    )


def _message(what: bytes, alias: Alias) -> bytes:
    return _layout(what, alias.field, alias.subject, alias.recipient_id.encode(), alias.epoch)


def _layout(what: bytes, field: str, who: bytes, recipient: bytes, number: int) -> bytes:
    parts = (field.encode(), who, recipient)
    return what + b"".join(len(part).to_bytes(2) + part for part in parts) + number.to_bytes(4)
