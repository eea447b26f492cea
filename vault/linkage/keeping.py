"""Codes at rest: sealed, so that whoever takes the data base learns from them only how many people there are.

Codes show who is like whom to anybody who has them, key or no key, and no width of them would keep the rule of
`tags.planner`: alike records are told apart to the last bit. So they are kept like values and compared in memory.

| offset | length      | meaning                                                          |
|--------|-------------|------------------------------------------------------------------|
| 0      | 1           | version, 1                                                       |
| 1      | 12          | nonce                                                            |
| 13     | 416 n + 16  | n codes, sealed by AES-256-GCM; a code is 16 words of 64 bits and |
|        |             | 72 block keys of 32 bits, little-endian                          |

Sealed with: "lk1", epoch u16, bucket u16, subject 16, big-endian. The key, and the key of the codes themselves, come
from the index root of the epoch like those of tags, and go with it.
"""

import secrets
from collections.abc import Sequence
from typing import Final

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.ids import Person
from vault.keys.tag_keys import TagKeys
from vault.linkage.codes import BLOCKS, WORDS, Codes, Encoder
from vault.sealing.sealed import Unopenable

MOST_STATES: Final = 8
"""How many codes one person has at most: of the values as they stand, and as they stood before each of the last changes."""

CODES_KIND: Final = 1
"""The kind, in the registry of tags, under which the key of codes is derived; kinds below 64 belong to no field."""

_SEAL_KIND: Final = 2
_VERSION: Final = 1
_NONCE: Final = 12
_EACH: Final = 8 * WORDS + 4 * BLOCKS


class Keeper:
    """Makes and seals codes under one index epoch, and opens them."""

    def __init__(self, keys: TagKeys) -> None:
        self.epoch = keys.index_epoch
        self.encoder = Encoder(keys.index_key(CODES_KIND))
        self._cipher = AESGCM(bytes.fromhex(keys.index_key(_SEAL_KIND).decode()))

    def seal(self, who: Person, codes: Codes) -> bytes:
        """The stored form of one person's codes."""
        whole = b"".join(
            words.astype("<u8").tobytes() + blocks.astype("<u4").tobytes()
            for words, blocks in zip(codes.words, codes.blocks, strict=True)
        )
        nonce = secrets.token_bytes(_NONCE)
        return bytes((_VERSION,)) + nonce + self._cipher.encrypt(nonce, whole, self._place(who))

    def open(self, people: Sequence[tuple[Person, bytes]]) -> tuple[Codes, list[int]]:
        """All codes of these people, and by code the place of its person; raises Unopenable."""
        opened = [self._opened(who, blob) for who, blob in people]
        owners = [at for at, whole in enumerate(opened) for _ in range(len(whole) // _EACH)]
        raw = np.frombuffer(b"".join(opened), np.uint8).reshape(-1, _EACH)
        words = np.ascontiguousarray(raw[:, : 8 * WORDS]).view("<u8").astype(np.uint64)
        blocks = np.ascontiguousarray(raw[:, 8 * WORDS :]).view("<u4").astype(np.uint32)
        return Codes(words, blocks), owners

    def _opened(self, who: Person, blob: bytes) -> bytes:
        if not blob or blob[0] != _VERSION:
            raise Unopenable("this code does not open")
        try:
            return self._cipher.decrypt(blob[1 : 1 + _NONCE], blob[1 + _NONCE :], self._place(who))
        except InvalidTag:
            raise Unopenable("this code does not open") from None

    def _place(self, who: Person) -> bytes:
        bucket, subject = who
        return b"lk1" + self.epoch.to_bytes(2) + bucket.to_bytes(2) + subject
