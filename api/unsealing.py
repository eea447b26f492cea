"""What people bring to open a sealed installation: a passphrase, or shares one after the other; bounded guessing.

The limit counts every try of everybody together: a share or a passphrase is not guessed at five tries a
minute, and no address, forged or shared, gives anybody more.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vault.providers.base import Provider, SealedError
from vault.providers.local import needs_shares, open_root
from vault.providers.shamir import Progress, ShareCollector

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
    """What is still missing: `needs` is "shares", "passphrase" or "restart"."""

    needs: str
    got: int
    needed: int


class Unsealing:
    """Collects what opens the local root at `root_file`. Thread-safe.

    None: the root lives elsewhere and is asked at every start, so nobody can bring it.
    """

    def __init__(self, root_file: Path | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._root_file = root_file
        self._clock = clock
        self._lock = threading.Lock()
        self._tries: deque[float] = deque(maxlen=TRIES)
        self._collector: ShareCollector | None = None
        self.forget()

    def standing(self) -> Standing:
        """How far it has come."""
        with self._lock:
            if self._collector is not None:
                got, needed = self._collector.progress()
                return Standing(needs="shares", got=got, needed=needed)
            needs = "restart" if self._root_file is None else "passphrase"
            return Standing(needs=needs, got=0, needed=1)

    def share(self, text: str) -> Provider | None:
        """Take one share; the provider when it was the last one needed. Raises SealedError."""
        with self._lock:
            self._count_try()
            if self._collector is None:
                raise WrongForm("this root key is under a passphrase")
            progress: Progress = self._collector.add(text)
            return self._collector.provider() if progress.complete else None

    def passphrase(self, text: str) -> Provider:
        """The provider that the passphrase opens; raises SealedError."""
        with self._lock:
            self._count_try()
            if self._collector is not None:
                raise WrongForm("this root key was split: shares are needed")
            if self._root_file is None:
                raise WrongForm("this root key is asked for when the server starts")
            return open_root(self._root_file, text)

    def forget(self) -> None:
        """Drop the shares that were given."""
        with self._lock:
            split = self._root_file is not None and needs_shares(self._root_file)
            self._collector = ShareCollector(self._root_file) if split and self._root_file else None

    def _count_try(self) -> None:
        now = self._clock()
        if len(self._tries) == TRIES and now - self._tries[0] < WINDOW_S:
            raise TooManyTries(int(self._tries[0] + WINDOW_S - now) + 1)
        self._tries.append(now)
