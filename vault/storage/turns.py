"""Writers of one process take turns at a SQLite file, first come first served.

SQLite lets a writer that finds the file taken sleep and look again, ever longer; whoever comes back at once
wins every time, and a withdrawal would lose to redemptions like that. Other processes' writers are still waited
for in that way, and so is a turn that does not come in time: then SQLite itself says that the file is locked,
instead of nobody saying it.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Turns:
    """A lock that is handed to whoever waits longest; nobody waits longer than `within_s`."""

    __slots__ = ("_busy", "_guard", "_waiting", "_within_s")

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._guard = Lock()
        self._waiting: deque[Lock] = deque()
        self._busy = False

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """Hold the turn for the block; False when it did not come in time."""
        mine = self._take()
        try:
            yield mine
        finally:
            if mine:
                self._pass_on()

    def _take(self) -> bool:
        with self._guard:
            if not self._busy:
                self._busy = True
                return True
            turn = Lock()
            turn.acquire()
            self._waiting.append(turn)
        if turn.acquire(timeout=self._within_s):
            return True
        with self._guard:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return False
        return True  # it was handed over just now

    def _pass_on(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._busy = False
