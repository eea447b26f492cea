"""The local root key under shares instead of a passphrase: any k of n people together open it (vault.md §6.8).

The root file says which shares are right, so that a wrong one is named by its number before anything is combined:

| offset    | length | meaning                                                            |
|-----------|--------|--------------------------------------------------------------------|
| 0         | 8      | "perusal" and version 3                                            |
| 8         | 8 + 8  | set id; id of the set that this one replaced, or zeros             |
| 24        | 4      | k, n, 0, 0                                                         |
| 28        | 32 n   | commitment of each share, 1 to n                                   |
| 28 + 32 n | 28     | nonce, and AES-256-GCM's tag of nothing under HMAC(root), over all |
|           |        | before: the combined root is the right one                         |

Shares are made anew, from a fresh polynomial, whenever the root is: old shares open nothing afterwards.
"""

import hmac
import secrets
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.providers.base import SealedError
from vault.providers.gf256 import combine, split
from vault.providers.local import SHARES_MAGIC, LocalProvider, MalformedRoot, Roots
from vault.providers.root_file import is_pending, pending_path, read_root_file, write_first, write_pending
from vault.providers.shares import MAX_SHARES, MIN_NEEDED, SET_BYTES, Share, decode_share, encode_share
from vault.sealing.sealed import KEY_BYTES

DEFAULT_NEEDED, DEFAULT_SHARES = 3, 5
_HEAD = struct.Struct(f">8s{SET_BYTES}s{SET_BYTES}sBBH")
_COMMITMENT, _SEAL = 32, 12 + 16
_NO_SET = bytes(SET_BYTES)


class WrongShare(SealedError):
    """A share of this set, by its number, that was altered; `number` says which."""

    code = "wrong_share"

    def __init__(self, number: int) -> None:
        super().__init__(f"share {number} is not the one that was made")
        self.number = number


class DuplicateShare(SealedError):
    """The same share was given already; another one is needed."""

    code = "duplicate_share"


class ForeignShare(SealedError):
    """A share of another installation, or of a set much older than the last one."""

    code = "foreign_share"


class StaleShare(SealedError):
    """A share of the set before this one: it was replaced when the root key was changed."""

    code = "stale_share"


class NotEnoughShares(SealedError):
    """Fewer shares than needed."""

    code = "not_enough_shares"


class Progress(NamedTuple):
    """How many shares of the set are there, and how many it needs."""

    got: int
    needed: int

    @property
    def complete(self) -> bool:
        return self.got >= self.needed


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareFile:
    """What a root file under shares says. `signed` is everything before the check of the root."""

    set_id: bytes
    replaced: bytes
    k: int
    n: int
    commitments: Sequence[bytes]
    signed: bytes
    seal: bytes

    def admit(self, share: Share) -> None:
        """Raise WrongShare unless this share of this set is the one that was made."""
        made = self.commitments[share.x - 1] if share.x <= self.n else b""
        if (share.k, share.n) != (self.k, self.n) or not hmac.compare_digest(share.commitment(), made):
            raise WrongShare(share.x)

    def open(self, shares: Sequence[Share]) -> bytes:
        """The root key behind `k` admitted shares; raises MalformedRoot when the file was altered."""
        root = combine([(share.x, share.y) for share in shares[: self.k]])
        try:
            _checker(root).decrypt(self.seal[:12], self.seal[12:], self.signed)
        except InvalidTag:
            raise MalformedRoot("the root file does not fit its shares") from None
        return root


def create_root_shares(path: Path, k: int = DEFAULT_NEEDED, n: int = DEFAULT_SHARES) -> list[str]:
    """Write a new root file to `path` and give the texts of its `n` shares; raises RootExists, ValueError.

    The shares are nowhere else: whoever calls hands them out and forgets them.
    """
    content, texts = _split_root(secrets.token_bytes(KEY_BYTES), k, n, replaced=_NO_SET)
    write_first(path, content)
    return texts


def new_root_shares(
    path: Path, k: int = DEFAULT_NEEDED, n: int = DEFAULT_SHARES
) -> tuple[LocalProvider, list[str]]:
    """Begin a change: a fresh root key under fresh shares in `<path>.new`; raises ChangePending, ValueError."""
    old = read_root_file(path)
    replaced = parse_share_file(old).set_id if old.startswith(SHARES_MAGIC) else _NO_SET
    root = secrets.token_bytes(KEY_BYTES)
    content, texts = _split_root(root, k, n, replaced=replaced)
    write_pending(path, content)
    return LocalProvider(root), texts


class ShareCollector:
    """Takes shares one at a time until the root is open. Not thread-safe; holds shares until it is dropped.

    While the root is being changed it takes shares of either set, each for its own root.
    Raises MalformedRoot when no file at `path` is under shares.
    """

    def __init__(self, path: Path) -> None:
        files = [read_root_file(path)]
        self._source = path, files[0]
        if is_pending(path):
            files.append(read_root_file(pending_path(path)))
        self._files = [parse_share_file(raw) if raw.startswith(SHARES_MAGIC) else None for raw in files]
        self._given: Mapping[bytes, dict[int, Share]] = {file.set_id: {} for file in self._files if file}
        if not self._given:
            raise MalformedRoot("this root key is not under shares")

    def add(self, text: str) -> Progress:
        """Take one share as typed and say how far its set is.

        Raises MalformedShare, DuplicateShare, WrongShare, StaleShare or ForeignShare, and is then as before.
        """
        share = decode_share(text)
        file = self._file_of(share)
        file.admit(share)
        given = self._given[file.set_id]
        if share.x in given:
            raise DuplicateShare("this share was given already")
        given[share.x] = share
        return Progress(len(given), file.k)

    def progress(self) -> Progress:
        """The set that is furthest; of two alike, the one in use."""
        known = [Progress(len(self._given[file.set_id]), file.k) for file in self._files if file]
        return min(known, key=lambda one: one.needed - min(one.got, one.needed))

    def roots(self) -> Roots:
        """The roots whose shares are there; raises NotEnoughShares when that is none."""
        opened = [self._open(file) for file in self._files]
        if not any(opened):
            raise NotEnoughShares("more shares are needed")
        return Roots(opened[0], opened[1] if len(opened) > 1 else None)

    def provider(self) -> LocalProvider:
        """The provider that the shares open; raises NotEnoughShares."""
        return self.roots().provider(self._source)

    def _file_of(self, share: Share) -> ShareFile:
        for file in self._files:
            if file and file.set_id == share.set_id:
                return file
        if any(file and file.replaced == share.set_id for file in self._files):
            raise StaleShare("this share was replaced when the root key was changed")
        raise ForeignShare("this share belongs to another root key")

    def _open(self, file: ShareFile | None) -> LocalProvider | None:
        if file is None or len(self._given[file.set_id]) < file.k:
            return None
        return LocalProvider(file.open(list(self._given[file.set_id].values())))


def parse_share_file(raw: bytes) -> ShareFile:
    """What the content of a root file under shares says; raises MalformedRoot."""
    if len(raw) < _HEAD.size:
        raise MalformedRoot("this is not a root file")
    magic, set_id, replaced, k, n, zero = _HEAD.unpack_from(raw)
    sound = magic == SHARES_MAGIC and MIN_NEEDED <= k <= n <= MAX_SHARES and zero == 0
    end = _HEAD.size + _COMMITMENT * n
    if not sound or len(raw) != end + _SEAL:
        raise MalformedRoot("this is not a root file")
    commitments = [raw[at : at + _COMMITMENT] for at in range(_HEAD.size, end, _COMMITMENT)]
    return ShareFile(
        set_id=set_id,
        replaced=replaced,
        k=k,
        n=n,
        commitments=commitments,
        signed=raw[:end],
        seal=raw[end:],
    )


def _split_root(root: bytes, k: int, n: int, *, replaced: bytes) -> tuple[bytes, list[str]]:
    if not MIN_NEEDED <= k <= n <= MAX_SHARES:
        raise ValueError(f"shares: {MIN_NEEDED} <= needed <= made <= {MAX_SHARES} must hold")
    set_id = secrets.token_bytes(SET_BYTES)
    shares = [Share(set_id=set_id, k=k, n=n, x=x, y=y) for x, y in enumerate(split(root, k, n), start=1)]
    signed = _HEAD.pack(SHARES_MAGIC, set_id, replaced, k, n, 0)
    signed += b"".join(share.commitment() for share in shares)
    nonce = secrets.token_bytes(12)
    seal = nonce + _checker(root).encrypt(nonce, b"", signed)
    return signed + seal, [encode_share(share) for share in shares]


def _checker(root: bytes) -> AESGCM:
    # Not the root itself: what wraps tenant keys does nothing else.
    return AESGCM(hmac.digest(root, b"perusal/share check", "sha256"))
