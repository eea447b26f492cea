"""Reading a log and its witnesses over HTTP: addresses come from the monitor's own policy, answers from strangers.

Of every answer no more is taken than its kind can be long, and for no longer than WITHIN_S; nobody has more of
a round than LOG_WITHIN_S. A log that asks to wait (429 or 503 with Retry-After) is waited for.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from api.monitor.line import Lines, keeps_secrets
from consent.ledger.entries.entry import MAX_BYTES
from consent.ledger.formats.note import MAX_NOTE_BYTES
from consent.ledger.formats.policy import Policy
from consent.ledger.formats.tiles import WIDTH, Tile, entries_path
from consent.ledger.monitor.reading import OutOfTime, Reader
from consent.ledger.tree import HASH_BYTES
from consent.ledger.witnesses import submission

WITHIN_S: Final = 10.0
LOG_WITHIN_S: Final = 120.0
_BUNDLE_BYTES: Final = WIDTH * (MAX_BYTES + 2)
_LATER: Final = frozenset({429, 503})

type Pause = Callable[[float], bool | None]
"""Waits for so many seconds; true when it was told to stop meanwhile."""


class HttpReader(Reader):
    """One log at `address`, read with an auditor's key of its own, and the witnesses of a policy that have an address."""

    def __init__(
        self, lines: Lines, origin: str, address: str, policy: Policy, auditor: str, pause: Pause
    ) -> None:
        self.origin, self._lines, self._address, self._policy = origin, lines, address, policy
        self._auditor = {"Authorization": f"Bearer {auditor}"} if auditor else {}
        self._pause, self._ends = pause, time.monotonic() + LOG_WITHIN_S

    def head(self) -> bytes:
        return self._of_log("checkpoint", MAX_NOTE_BYTES)

    def tile(self, wanted: Tile) -> bytes:
        return self._of_log(wanted.path, WIDTH * HASH_BYTES)

    def entries(self, n: int, width: int) -> bytes:
        return self._of_auditors(entries_path(n, width))

    def rows(self, upto: int, n: int, width: int) -> bytes:
        return self._of_auditors(f"index/{upto}/{entries_path(n, width)}")

    def witnessed(self) -> Sequence[bytes]:
        found: list[bytes] = []
        for url in {one.url.rstrip("/") for one in self._policy.witnesses if one.url}:
            with suppress(OSError):  # one that is away, or has never seen this log, says nothing against it
                where = url + submission.reading_path(self.origin)
                answer = self._lines.get(where, MAX_NOTE_BYTES, {}, time.monotonic() + WITHIN_S)
                found += [answer.body] if answer.status == 200 else []
        return found

    def _of_auditors(self, path: str) -> bytes:
        if self._auditor and not keeps_secrets(self._address):
            raise OSError(f"{self._address} would get the auditor's key for everybody to read")
        return self._of_log(path, _BUNDLE_BYTES, self._auditor)

    def _of_log(self, path: str, most: int, headers: Mapping[str, str] | None = None) -> bytes:
        url = f"{self._address}/{path}"
        while True:
            now = time.monotonic()
            if now >= self._ends:
                raise OutOfTime("its answers take longer than a round")
            try:
                answer = self._lines.get(url, most, headers or {}, now + WITHIN_S)
            except OSError as error:
                raise OSError(f"{url} does not answer: {str(error) or 'too slow'}") from None
            if answer.status == 200:
                return answer.body
            if answer.status not in _LATER or answer.wait_s is None:
                raise OSError(f"{url} answers {answer.status}")
            if time.monotonic() + answer.wait_s >= self._ends or self._pause(answer.wait_s):
                raise OutOfTime("it asks to be asked later")
