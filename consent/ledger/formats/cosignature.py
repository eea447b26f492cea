"""Cosignatures of C2SP tlog-cosignature: a witness's word that, at a time, this was the largest consistent head it saw.

A cosignature is a signature line of a note whose text is a checkpoint. After the key id it holds

| offset | length     | meaning                                           |
|--------|------------|---------------------------------------------------|
| 0      | 8          | POSIX seconds, big-endian, below 2^63 and not 0   |
| 8      | 64 or 2420 | Ed25519 (kind 04) or ML-DSA-44 (kind 06)          |

An Ed25519 cosigner signs `cosignature/v1`, `time <decimal>` and the whole text, each line with its newline. An
ML-DSA-44 cosigner signs this, integers big-endian:

| length | meaning                                        |
|--------|------------------------------------------------|
| 12     | `subtree/v1`, newline, 00                      |
| 1 + n  | the cosigner's name behind its length          |
| 8      | the time again                                 |
| 1 + n  | the log's origin behind its length             |
| 8      | 0, where the tree begins                       |
| 8      | its size                                       |
| 32     | its root                                       |

The Ed25519 form does not name the cosigner: whoever runs two must give each a key of its own. It covers a foreign
checkpoint's extension lines, the other form does not; neither says anything about them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from consent.ledger.errors import Malformed, Unproven
from consent.ledger.formats import checkpoint
from consent.ledger.formats.note import (
    COSIGNER,
    COSIGNER_ML_DSA_44,
    Note,
    SignatureLine,
    VerifierKey,
    good_name,
)
from vault.signing import signatures

KINDS: Final = frozenset({COSIGNER, COSIGNER_ML_DSA_44})
_LABEL: Final = b"subtree/v1\n\x00"
_LATEST: Final = 2**63 - 1
LONGEST_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class Cosigned:
    """Who cosigned, and when by its own clock (POSIX seconds)."""

    key: VerifierKey
    at_s: int


def key_of(name: str, seed: bytes, kind: bytes = COSIGNER) -> VerifierKey:
    """The public key of a cosigner with this 32-byte seed."""
    if kind not in KINDS or not good_name(name) or len(name.encode()) > LONGEST_NAME:
        raise Malformed("a cosigner has a plain name of at most 255 bytes and a key of its kinds")
    public = signatures.public_key(seed) if kind == COSIGNER else signatures.ml_dsa_44_public(seed)
    return VerifierKey(name, public, kind)


def sign(text: str, key: VerifierKey, seed: bytes, at_s: int) -> SignatureLine:
    """The line of cosigner `key`, whose seed this is, under the text of a checkpoint."""
    if not 0 < at_s <= _LATEST:
        raise Malformed("a cosignature bears a time")
    message = _message(text, key, at_s)
    signed = (
        signatures.sign(seed, message) if key.kind == COSIGNER else signatures.sign_ml_dsa_44(seed, message)
    )
    return SignatureLine(key.name, key.key_id, at_s.to_bytes(8) + signed)


def verify(note: Note, keys: Iterable[VerifierKey]) -> tuple[Cosigned, ...]:
    """The known cosigners of a note, each once; raises Unproven when the signature of one of them does not hold.

    Unknown keys are ignored, and so are keys of other kinds: none may have cosigned, and then the answer is empty.
    """
    known = {(key.name, key.key_id): key for key in keys if key.kind in KINDS}
    found: dict[VerifierKey, Cosigned] = {}
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key is not None:
            found.setdefault(key, Cosigned(key, _verified(note.text, key, line.signature)))
    return tuple(found.values())


def _verified(text: str, key: VerifierKey, raw: bytes) -> int:
    at_s, signature = int.from_bytes(raw[:8]), raw[8:]
    if len(raw) <= 8 or not 0 < at_s <= _LATEST:
        raise Unproven("a known cosigner's signature without a time")
    check = signatures.verify if key.kind == COSIGNER else signatures.verify_ml_dsa_44
    if not check(key.public, _message(text, key, at_s), signature):
        raise Unproven("a known cosigner's signature does not hold")
    return at_s


def _message(text: str, key: VerifierKey, at_s: int) -> bytes:
    if key.kind == COSIGNER:
        return f"cosignature/v1\ntime {at_s}\n{text}".encode()
    head = checkpoint.parse_head(text)
    tree = bytes(8) + head.size.to_bytes(8) + head.root
    return _LABEL + _counted(key.name) + at_s.to_bytes(8) + _counted(head.origin) + tree


def _counted(name: str) -> bytes:
    raw = name.encode()
    if not 0 < len(raw) <= LONGEST_NAME:
        raise Malformed("a name is between 1 and 255 bytes long")
    return bytes([len(raw)]) + raw
