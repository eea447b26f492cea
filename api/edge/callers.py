"""How often one client may ask: so many requests a minute that leave a row behind, and then 429 for a while.

Asking (pushed, at a counter, on a person's own telephone) and minting from a refresh token write something
before any person or use stands behind it. Redeeming and introspecting are not counted: a use is somebody's
word, and is spent once.

Kept in memory by each process, like what strangers use (`strangers`): no request waits for a row that all of a
client's others wait for too.
"""

import math
import threading

from api.clock import Clock

_MINUTE_MS = 60_000


class Callers:
    """What each client has used: `rate` requests a minute, all of them at once if need be; 0 lets everybody ask."""

    def __init__(self, rate: int, clock: Clock) -> None:
        self._each = _MINUTE_MS / rate if rate else 0.0
        self._clock = clock
        self._lock = threading.Lock()
        # The instant (Unix ms) at which a client has used nothing again; guarded by the lock, one for each registered client.
        self._even: dict[str, float] = {}

    def count(self, client_id: str) -> int:
        """Count a request of an authenticated client: 0 to go on, or the seconds to wait."""
        with self._lock:
            now = self._clock()
            even = max(self._even.get(client_id, 0.0), now) + self._each
            behind = even - now - _MINUTE_MS
            if behind > 0:
                return math.ceil(behind / 1000)
            self._even[client_id] = even
            return 0
