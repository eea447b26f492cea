"""The checkpoint outsiders are shown of each log, worked out once a second at most in each process.

Anybody may ask for it as often as they like, and its answer says that it is good for a second; which one has
its quorum may take thousands of rows to find out while a witness is away, and each line on it is verified
before it is shown.
"""

from threading import Lock
from typing import Final

from api.clock import Clock
from consent.ledger.formats.policy import Policy
from consent.ledger.origin import LogId
from consent.ledger.witnesses import witnessed
from vault.opening import Vault

KEPT_MS: Final = 1000


class ShownCheckpoints:
    """The checkpoints of one installation as the witnesses of `policy` leave them; for any thread."""

    def __init__(self, vault: Vault, clock: Clock, policy: Policy) -> None:
        self._vault, self._clock, self._policy = vault, clock, policy
        self._lock = Lock()
        self._since = 0  # when the first of those kept was worked out; guarded by _lock
        self._kept: dict[LogId, bytes | None] = {}  # guarded by _lock

    def of(self, log: LogId) -> bytes | None:
        """The signed note with its witnesses' lines, at most a second old; None before there is one to show."""
        now_ms = self._clock()
        with self._lock:
            if not self._since <= now_ms < self._since + KEPT_MS:
                # All at once: whoever asks for logs that nobody has fills no memory for longer either.
                self._since, self._kept = now_ms, {}
            kept = self._kept
        if log not in kept:
            kept[log] = self._read(log, now_ms)
        return kept[log]

    def _read(self, log: LogId, now_ms: int) -> bytes | None:
        with self._vault.data.read() as conn:
            shown = witnessed.shown(conn, log, self._policy, now_ms)
            return witnessed.told(conn, shown, self._policy) if shown else None
