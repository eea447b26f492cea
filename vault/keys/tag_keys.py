"""The tag keys of one moment: which index epochs are written, which one is read (vault.md §6.6).

Tags are made first and written later. Whoever makes them takes one of these, works with it throughout, writes
the epoch it names beside every tag, and asks `Keyring.settle_tags` as the last step of the transaction whether
it still holds. A tag made under one epoch's key and stored under another's number would never be found again.
"""

import hmac
from collections.abc import Mapping
from typing import Self


class TagKeys:
    """Immutable but for the keys it has derived already; compares by identity of its epochs."""

    __slots__ = ("__weakref__", "_keys", "index_epoch", "roots", "tag_epochs")

    def __init__(self, roots: Mapping[int, bytes], reading: int) -> None:
        self.roots = roots
        """The index roots by epoch: secrets, for nobody but this class."""
        self._keys: dict[tuple[int, int], bytes] = {}
        self.index_epoch = reading
        """The epoch under which tags are looked up."""
        self.tag_epochs = tuple(sorted(roots))
        """Every epoch under which tags and unique keys are written; `index_epoch` is among them."""

    def index_key(self, kind: int, epoch: int | None = None) -> bytes:
        """The tag key of one kind: 32 bytes of HKDF-Expand of the index root, written as 64 lower-case hex digits.

        None: the epoch that is read. Digits, because the library that makes tags in columns takes its key as text
        (ADR 0044); 64 of them are one block of SHA-256, so that HMAC takes them as they are.
        """
        epoch = self.index_epoch if epoch is None else epoch
        key = self._keys.get((kind, epoch))
        if key is None:
            key = expand(self.roots[epoch], b"bidx" + kind.to_bytes(2)).hex().encode()
            self._keys[kind, epoch] = key
        return key

    def only(self, epoch: int) -> Self:
        """The same keys as if `epoch` were the only one: for filling an epoch that is being built."""
        return type(self)({epoch: self.roots[epoch]}, epoch)

    def writes_as(self, other: "TagKeys") -> bool:
        """Whether `other` writes under the same roots."""
        return self.roots == other.roots

    def __repr__(self) -> str:
        return f"TagKeys(reads {self.index_epoch}, writes {self.tag_epochs})"


def expand(root: bytes, info: bytes) -> bytes:
    """HKDF-Expand with SHA-256 to one block of 32 bytes (RFC 5869); `root` is uniformly random."""
    return hmac.digest(root, info + b"\x01", "sha256")
