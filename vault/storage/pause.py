"""Leaving the garbage collector out of a batch that makes half a million small objects and no cycles.

Everything a batch makes is freed by counting references. The collector would look through it several times and
find nothing: a fifth of the time of a bulk load (measured: 434 against 361 µs of this process per person).
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Collector:
    """Switched off while anybody is inside; on again, if it was on, when the last one leaves. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._was_on = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        with self._lock:
            if not self._inside:
                self._was_on = gc.isenabled()
                gc.disable()
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside and self._was_on:
                    gc.enable()


without_collector = _Collector().paused
"""`with without_collector(): ...` around one bounded batch."""
