"""Signed notes and verifier keys of C2SP signed-note; what is signed and verified here is Ed25519 (type 01).

A note is a text ending in a newline, one empty line, then one line per signature: `— <name> <base64>` of

| offset | length | meaning                                                             |
|--------|--------|---------------------------------------------------------------------|
| 0      | 4      | key id: first bytes of SHA-256(name ‖ 0A ‖ 01 ‖ public key)         |
| 4      | 64     | Ed25519 signature over the text, its final newline included         |

A verifier key is `name+hex(key id)+base64(kind ‖ public key)`, and its id hashes its kind. Signatures by
unknown keys are ignored; a known key's wrong signature, or none by any known key, refuses the whole note. Keys
of cosigners are of other kinds (`cosignature`): a signature of theirs says something else and is nothing to
this module.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from consent.ledger.errors import Malformed, Unproven
from vault.signing import signatures

ED25519: Final = b"\x01"
COSIGNER: Final = b"\x04"
COSIGNER_ML_DSA_44: Final = b"\x06"
_LENGTHS: Final = {ED25519: 32, COSIGNER: 32, COSIGNER_ML_DSA_44: 1312}
"""How long the public key of each kind is."""
MAX_NOTE_BYTES = 262_144
MAX_SIGNATURES = 64
_DASH = "\u2014"
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NO_NAME = re.compile(r"[\s+\x00-\x1f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A named public key: 32 bytes, or 1,312 for ML-DSA-44."""

    name: str
    public: bytes
    kind: bytes = ED25519

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + self.kind + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64(self.kind + self.public)}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """From its text form; raises Malformed unless it is exactly what `str` would write."""
        parts = text.split("+", 2)
        if len(parts) != 3 or not good_name(parts[0]):
            raise Malformed("not a verifier key")
        raw = unb64(parts[2])
        if len(raw) - 1 != _LENGTHS.get(raw[:1]):
            raise Malformed("a verifier key of no kind that is known here")
        key = cls(parts[0], raw[1:], raw[:1])
        if key.key_id.hex() != parts[1]:
            raise Malformed("verifier key whose id does not fit")
        return key


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One signature as written: who, which key, and the bytes after the key id."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"{_DASH} {self.name} {b64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note, nothing of it verified."""

    text: str
    signatures: tuple[SignatureLine, ...]

    def __bytes__(self) -> bytes:
        return (self.text + "\n" + "".join(map(str, self.signatures))).encode()


def good_name(name: str) -> bool:
    """Whether `name` may name a key: not empty, no space of any script, no plus, no control character.

    Nor half of a surrogate pair, which JSON can spell and UTF-8 cannot.
    """
    return bool(name) and _NO_NAME.search(name) is None


def parse(data: bytes) -> Note:
    """Take a note apart; raises Malformed. Re-encoding the result gives the same bytes."""
    text, separator, tail = _decode(data).rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise Malformed("not a signed note")
    lines = tail.removesuffix("\n").split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise Malformed("too many signatures")
    return Note(text + "\n", tuple(map(_signature_line, lines)))


def sign(text: str, name: str, seed: bytes) -> Note:
    """`text` (ending in a newline) signed by the Ed25519 key of this seed."""
    if not text.endswith("\n") or not good_name(name):
        raise Malformed("a note's text ends in a newline and its key has a plain name")
    key = VerifierKey(name, signatures.public_key(seed))
    return Note(text, (SignatureLine(name, key.key_id, signatures.sign(seed, text.encode())),))


def verify(note: Note, keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
    """The known keys that signed; raises Unproven when one of them fails or none signed."""
    known = {(key.name, key.key_id): key for key in keys if key.kind == ED25519}
    message = note.text.encode()
    signers: list[VerifierKey] = []
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key is None or key in signers:
            continue
        if not signatures.verify(key.public, message, line.signature):
            raise Unproven("a known key's signature does not hold")
        signers.append(key)
    if not signers:
        raise Unproven("no known key signed this note")
    return tuple(signers)


def unb64(text: str) -> bytes:
    """Standard padded base64, only in the one spelling that encoding would give."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("not base64") from None
    if b64(raw) != text:
        raise Malformed("not canonical base64")
    return raw


def _decode(data: bytes) -> str:
    if len(data) > MAX_NOTE_BYTES:
        raise Malformed("note too long")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Malformed("note is not UTF-8") from None
    if _CONTROL.search(text):
        raise Malformed("control character in a note")
    return text


def _signature_line(line: str) -> SignatureLine:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != _DASH or not good_name(parts[1]):
        raise Malformed("not a signature line")
    raw = unb64(parts[2])
    if len(raw) < 5:
        raise Malformed("signature too short")
    return SignatureLine(parts[1], raw[:4], raw[4:])


def b64(raw: bytes) -> str:
    """Standard padded base64."""
    return base64.b64encode(raw).decode()
