"""Logs that are not signed for now, because a witness has seen more of them, or something else, than is stored here."""

import threading
from collections.abc import Mapping

from consent.ledger.origin import LogId


class Holds:
    """Who holds which log, and why; shared by the publisher's thread and those that ask witnesses."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[tuple[LogId, str], str] = {}  # by log and witness; guarded by _lock

    def hold(self, log: LogId, witness: str, reason: str) -> None:
        """Keep `log` from being signed until this witness is content again."""
        with self._lock:
            self._held[log, witness] = reason

    def release(self, log: LogId, witness: str) -> None:
        """Say that this witness has nothing against the log any more."""
        with self._lock:
            self._held.pop((log, witness), None)

    def reasons(self) -> Mapping[LogId, str]:
        """The held logs, each with one of its reasons."""
        with self._lock:
            return {log: reason for (log, _), reason in self._held.items()}
