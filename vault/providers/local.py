"""The local provider: the root key in this process's memory, from a file that a passphrase opens (vault.md §6.8).

A wrapped key:

| offset | length | meaning                                                             |
|--------|--------|---------------------------------------------------------------------|
| 0      | 1      | version 2 (version 1 has no root id: nonce and ciphertext follow)   |
| 1      | 8      | root id, HMAC-SHA-256(root, "perusal/root id") cut to 8 bytes       |
| 9      | 12     | nonce                                                               |
| 21     | 48     | AES-256-GCM(root, key) and tag, bound to the first 9 and the context |

Python cannot wipe memory: who can read the process can read the root key.
"""

import hmac
import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.providers.base import Health, RotationUnsupported, SealedError
from vault.providers.passphrase import (
    DEFAULT_COST,
    Cost,
    EmptyPassphrase,
    MalformedRoot,
    WrongPassphrase,
    cost_of,
    seal_root,
    unseal_root,
)
from vault.providers.root_file import (
    ChangePending,
    NothingPending,
    RootExists,
    adopt_root,
    discard_new,
    is_pending,
    pending_path,
    read_root_file,
    write_first,
    write_pending,
)
from vault.sealing.sealed import KEY_BYTES, Unopenable
from vault.storage.durable import replace

__all__ = [
    "SHARES_MAGIC",
    "ChangePending",
    "EmptyPassphrase",
    "LocalProvider",
    "MalformedRoot",
    "NeedsShares",
    "NothingPending",
    "RootChanged",
    "RootExists",
    "Roots",
    "WrongPassphrase",
    "adopt_root",
    "create_root",
    "discard_new",
    "follow_root",
    "is_pending",
    "needs_shares",
    "new_root",
    "open_root",
    "open_roots",
    "reseal",
]

SHARES_MAGIC = b"perusal\x03"
_ID_BYTES = 8
_HEAD = {1: 1, 2: 1 + _ID_BYTES}
_TAIL = 12 + KEY_BYTES + 16


class NeedsShares(SealedError):
    """The root is not under a passphrase: it was split, and its shares are needed."""

    code = "needs_shares"


class RootChanged(SealedError):
    """The root file is another one than was opened: whoever opened it has to do so again."""

    code = "root_changed"


class LocalProvider:
    """Wraps tenant keys under its newest root and unwraps under any; asks `reopen` once about a root it lacks.

    `roots` holds the 32-byte keys, newest first: they are for sealing a root file again and for nothing else.
    `source` is the root file with what stood in it when it was opened: nothing is wrapped under a root that is
    being replaced or was, because it would be lost with that root.
    """

    __slots__ = ("_ciphers", "_lock", "_reopen", "roots", "source")

    def __init__(
        self,
        root: bytes,
        *others: bytes,
        source: tuple[Path, bytes] | None = None,
        reopen: Callable[[], "LocalProvider"] | None = None,
    ) -> None:
        self.source = source
        self._reopen = reopen
        self._lock = threading.Lock()
        self._hold(root, *others)

    @property
    def name(self) -> str:
        return "local"

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """As every provider; raises ChangePending or RootChanged too."""
        with self._lock:
            self._keep_up()
            newest, cipher = next(iter(self._ciphers.items()))
        head, nonce = b"\x02" + newest, secrets.token_bytes(12)
        return head + nonce + cipher.encrypt(nonce, key, head + context)

    def unwrap(self, blob: bytes, context: bytes) -> bytes:
        head, nonce, sealed = _divide(blob)
        bound = head + context if len(head) > 1 else context
        for cipher in self._candidates(head[1:]):
            try:
                return cipher.decrypt(nonce, sealed, bound)
            except InvalidTag:
                continue
        raise Unopenable("this key does not unwrap")

    @staticmethod
    def version_of(blob: bytes) -> str:
        """The root id in hex, or "unmarked" for a blob of the first version; needs no root."""
        return _divide(blob)[0][1:].hex() or "unmarked"

    def prepare(self) -> None:
        """Nothing to do: its file was there before the provider."""

    def rotate(self) -> None:
        raise RotationUnsupported("a local root changes through its files: new_root, then adopt_root")

    def health(self) -> Health:
        return Health(ok=True)

    def describe(self) -> Mapping[str, str]:
        return {"provider": self.name, "root": root_id(self.roots[0]).hex()}

    def _candidates(self, wanted: bytes) -> list[AESGCM]:
        with self._lock:
            if not wanted:
                return list(self._ciphers.values())
            if wanted not in self._ciphers and self._reopen is not None:
                self._become(self._reopen())
            return [self._ciphers[wanted]] if wanted in self._ciphers else []

    def _keep_up(self) -> None:
        if self.source is None:
            return
        path, opened = self.source
        if is_pending(path):
            raise ChangePending("the root key is being changed: finish that first")
        if read_root_file(path) == opened:
            return
        if self._reopen is None:
            raise RootChanged("the root key was changed: open it again")
        self._become(self._reopen())

    def _become(self, other: "LocalProvider") -> None:
        self.source = other.source
        self._hold(*other.roots)

    def _hold(self, *roots: bytes) -> None:
        self.roots = roots
        self._ciphers = {root_id(root): AESGCM(root) for root in roots}


class Roots(NamedTuple):
    """What a secret opened: the root in use, and the one that is to come. At least one is there.

    Only `pending` is there when the secret opens nothing but the new file.
    """

    current: LocalProvider | None
    pending: LocalProvider | None

    def provider(self, source: tuple[Path, bytes] | None = None) -> LocalProvider:
        """One provider for both, which unwraps under either; `source` as in LocalProvider."""
        return LocalProvider(*(root for one in self if one is not None for root in one.roots), source=source)


def create_root(path: Path, passphrase: str, *, cost: Cost = DEFAULT_COST) -> None:
    """Write a new root key to `path`, readable by its owner only; raises RootExists rather than overwrite."""
    write_first(path, seal_root(secrets.token_bytes(KEY_BYTES), passphrase, cost))


def open_root(path: Path, passphrase: str) -> LocalProvider:
    """The provider sealed in `path`; raises WrongPassphrase, NeedsShares, or MalformedRoot when it is no root file.

    While the root is being changed it unwraps what either root wrapped, if the passphrase opens both.
    """
    source = path, read_root_file(path)
    return open_roots(path, passphrase).provider(source)


def open_roots(path: Path, passphrase: str) -> Roots:
    """Both roots that the passphrase opens, so that an interrupted change can be finished; errors as open_root."""
    raw = read_root_file(path)
    current = _opened(raw, passphrase)
    pending = _opened(read_root_file(pending_path(path)), passphrase) if is_pending(path) else None
    if current is None and pending is None:
        if raw.startswith(SHARES_MAGIC):
            raise NeedsShares("this root key was split: shares are needed")
        raise WrongPassphrase("the passphrase does not open the root file")
    return Roots(current, pending)


def follow_root(path: Path, passphrase: Callable[[], str]) -> LocalProvider:
    """As open_root, for a process that lives on: it opens the file again when it meets a newer root.

    `passphrase` is asked each time, so that the text need not stay in memory.
    """

    def reopen() -> LocalProvider:
        return open_root(path, passphrase())

    first = reopen()
    return LocalProvider(*first.roots, source=first.source, reopen=reopen)


def new_root(path: Path, passphrase: str, *, cost: Cost = DEFAULT_COST) -> LocalProvider:
    """Begin a change: a fresh root key in `<path>.new`, and its provider; raises ChangePending."""
    root = secrets.token_bytes(KEY_BYTES)
    write_pending(path, seal_root(root, passphrase, cost))
    return LocalProvider(root)


def reseal(path: Path, provider: LocalProvider, passphrase: str, *, cost: Cost = DEFAULT_COST) -> None:
    """Put the same root under another passphrase, at once or not at all; raises ChangePending.

    Who kept a copy of the old file can still open that copy with the old passphrase; change the root for that.
    """
    if is_pending(path):
        raise ChangePending("finish or discard the change of the root key first")
    replace(path, seal_root(provider.roots[0], passphrase, cost))


def needs_shares(path: Path) -> bool:
    """Whether people with shares are needed to open `path`; raises MalformedRoot."""
    raw = read_root_file(path)
    if raw.startswith(SHARES_MAGIC):
        return True
    cost_of(raw)
    return False


def root_id(root: bytes) -> bytes:
    """The 8 bytes that name a root in what it wrapped; they say nothing about it."""
    return hmac.digest(root, b"perusal/root id", "sha256")[:_ID_BYTES]


def _opened(raw: bytes, passphrase: str) -> LocalProvider | None:
    if raw.startswith(SHARES_MAGIC):
        return None
    try:
        return LocalProvider(unseal_root(raw, passphrase))
    except WrongPassphrase:
        return None


def _divide(blob: bytes) -> tuple[bytes, bytes, bytes]:
    head = _HEAD.get(blob[0] if blob else 0, 0)
    if not head or len(blob) != head + _TAIL:
        raise Unopenable("this key does not unwrap")
    return blob[:head], blob[head : head + 12], blob[head + 12 :]
