"""What people bring to open a sealed installation: a passphrase, or shares one after the other; bounded guessing.

The limit counts wrong passphrases, of everybody together: no address, forged or shared, gives anybody more than
five guesses a minute. Shares are not counted. Each is 256 bits that the root file commits to, so nobody guesses
one; and whoever brings rubbish must not keep those away who hold the right ones.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vault.providers.base import Provider, SealedError
from vault.providers.local import needs_shares, open_root
from vault.providers.root_file import is_pending, pending_path, read_root_file
from vault.providers.shamir import ShareCollector

TRIES, WINDOW_S = 5, 60.0


class WrongForm(SealedError):
    """A passphrase where shares are needed, or a share where a passphrase is."""

    code = "wrong_unseal_form"


class TooManyTries(SealedError):
    """The limit is reached; `wait` is how many seconds until one more is heard."""

    code = "too_many_attempts"

    def __init__(self, wait: int) -> None:
        super().__init__("too many tries")
        self.wait = wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is still missing: `needs` is "shares", "passphrase", "restart", or "root_file" when that is unreadable."""

    needs: str
    got: int
    needed: int


class Unsealing:
    """Collects what opens the local root at `root_file`, and forgets it as soon as it does. Thread-safe.

    The file may be changed meanwhile: shares of the one before are then dropped. None: the root lives elsewhere
    and is asked at every start, so nobody can bring it.
    """

    def __init__(self, root_file: Path | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._root_file = root_file
        self._clock = clock
        self._lock = threading.Lock()
        self._tries: deque[float] = deque(maxlen=TRIES)
        self._collector: ShareCollector | None = None
        self._made_of: tuple[bytes, bytes] | None = None

    def standing(self) -> Standing:
        """How far it has come."""
        with self._lock:
            if self._root_file is None:
                return Standing(needs="restart", got=0, needed=1)
            try:
                collector = self._collecting(self._root_file)
            except SealedError:
                return Standing(needs="root_file", got=0, needed=1)
            if collector is None:
                return Standing(needs="passphrase", got=0, needed=1)
            got, needed = collector.progress()
            return Standing(needs="shares", got=got, needed=needed)

    def share(self, text: str) -> Provider | None:
        """Take one share; the provider when it was the last one needed. Raises SealedError."""
        with self._lock:
            collector = self._collecting(self._local())
            if collector is None:
                raise WrongForm("this root key is under a passphrase")
            if not collector.add(text).complete:
                return None
            self._drop()
            return collector.provider()

    def passphrase(self, text: str) -> Provider:
        """The provider that the passphrase opens; raises SealedError."""
        with self._lock:
            root_file = self._local()
            if self._collecting(root_file) is not None and not _either(root_file, shares=False):
                raise WrongForm("this root key was split: shares are needed")
            self._count_try()
            provider = open_root(root_file, text)
            self._tries.pop()
            return provider

    def forget(self) -> None:
        """Drop the shares that were given."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        self._collector = self._made_of = None

    def _collecting(self, root_file: Path) -> ShareCollector | None:
        """The collector for the files as they are now; None where only a passphrase opens them."""
        now = (read_root_file(root_file), _pending(root_file))
        if now != self._made_of:
            self._collector = ShareCollector(root_file) if _either(root_file, shares=True) else None
            self._made_of = now
        return self._collector

    def _local(self) -> Path:
        if self._root_file is None:
            raise WrongForm("this root key is asked for when the server starts")
        return self._root_file

    def _count_try(self) -> None:
        now = self._clock()
        if len(self._tries) == TRIES and now - self._tries[0] < WINDOW_S:
            raise TooManyTries(int(self._tries[0] + WINDOW_S - now) + 1)
        self._tries.append(now)


def _pending(root_file: Path) -> bytes:
    return read_root_file(pending_path(root_file)) if is_pending(root_file) else b""


def _either(root_file: Path, *, shares: bool) -> bool:
    """Whether the root in use or the one to come is under shares, or under a passphrase."""
    files = [root_file, pending_path(root_file)] if is_pending(root_file) else [root_file]
    return shares in [needs_shares(path) for path in files]
