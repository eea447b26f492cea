"""A small cache for unwrapped keys: bounded in number and in age, so that a destroyed key dies everywhere."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

TTL_SECONDS = 60.0
CAPACITY = 32_768


class KeyCache[K, V]:
    """Least recently used entries go first; none is answered `ttl` seconds after it was put. Thread-safe."""

    def __init__(
        self,
        *,
        ttl: float = TTL_SECONDS,
        capacity: int = CAPACITY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ttl = ttl
        self._capacity = capacity
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._drops = 0

    def mark(self) -> int:
        """Taken before reading what is going to be put: see `put`."""
        return self._drops

    def take(self, keys: Iterable[K]) -> dict[K, V]:
        """The live entries among `keys`; each one's age keeps counting from when it was put."""
        oldest = self._clock() - self._ttl
        found: dict[K, V] = {}
        with self._lock:
            for key in keys:
                entry = self._entries.get(key)
                if entry is None:
                    continue
                if entry[0] <= oldest:
                    del self._entries[key]
                    continue
                self._entries.move_to_end(key)
                found[key] = entry[1]
        return found

    def put(self, items: Iterable[tuple[K, V]], *, since: int | None = None) -> None:
        """Keep `items`; nothing is kept when anything was dropped after mark `since`.

        What was read before a drop may be the very thing that had to be forgotten.
        """
        now = self._clock()
        with self._lock:
            if since is not None and since != self._drops:
                return
            for key, value in items:
                self._entries[key] = (now, value)
                self._entries.move_to_end(key)
            while len(self._entries) > self._capacity:
                self._entries.popitem(last=False)

    def drop(self, keys: Iterable[K]) -> None:
        with self._lock:
            self._drops += 1
            for key in keys:
                self._entries.pop(key, None)

    def clear(self) -> None:
        with self._lock:
            self._drops += 1
            self._entries.clear()
