"""A thread that pushes queued events to recipients (RFC 8935), a few at a time, as soon as they are due.

It is not one of the jobs: those wait for each other, and a withdrawal must not wait for a trace. 202 is an
acknowledgement; 400 is a refusal whose `err` is kept when it is one of the registered ones; everything else, an address
that cannot be called included, is tried again later. Where an answer came too late the event is sent twice: its `jti` is
the same, which is what receivers tell by.
"""

import json
import random
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from api.clock import Clock
from api.events import Event, log_event, log_unexpected
from api.fetching import Answer, FetchFailed
from consent.events import EVENT_TYPE
from consent.outbox import Due, Outcome, Result, give_up, settle, take
from vault.storage import Database

type Post = Callable[[str, bytes, Mapping[str, str]], Answer]

POLL_S: Final = 1.0
_TOGETHER: Final = 8
_GIVE_UP_EVERY_MS: Final = 60_000
_HEADERS: Final = {"Content-Type": f"application/{EVENT_TYPE}", "Accept": "application/json"}
_ERRORS: Final = frozenset(
    {
        "invalid_request",
        "invalid_key",
        "invalid_issuer",
        "invalid_audience",
        "authentication_failed",
        "access_denied",
    }
)
"""The registered codes of RFC 8935 §2.4."""


class Courier:
    """Delivers the events of one installation; `dice` gives numbers from 0 to 1."""

    def __init__(
        self, database: Database, clock: Clock, post: Post, dice: Callable[[], float] = random.random
    ) -> None:
        self._database, self._clock, self._post, self._dice = database, clock, post, dice
        self._gave_up_at = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish what is being sent and end; what was not sent waits in its row."""
        self._stopping.set()
        self._thread.join(timeout=30)

    def deliver_due(self) -> int:
        """Send everything that is due now, once; how many events that was."""
        due = take(self._database, self._clock(), _TOGETHER)
        if not due:
            return 0
        with ThreadPoolExecutor(max_workers=_TOGETHER, thread_name_prefix="courier") as pool:
            list(pool.map(self._deliver, due))
        return len(due)

    def _deliver(self, due: Due) -> None:
        outcome = attempt(self._post, due)
        if settle(self._database, due, outcome, self._clock(), self._dice()):
            log_event(Event.EVENT_FAILED, code=outcome.code)

    def _give_up(self) -> None:
        now_ms = self._clock()
        if now_ms >= self._gave_up_at + _GIVE_UP_EVERY_MS:
            self._gave_up_at = now_ms
            if count := give_up(self._database, now_ms):
                log_event(Event.EVENT_FAILED, code="no_address", count=count)

    def _run(self) -> None:
        while not self._stopping.is_set():
            busy = False
            try:
                busy = self.deliver_due() == _TOGETHER
                self._give_up()
            except Exception as error:  # noqa: BLE001 - a data base that is away for a moment must not end the thread
                log_unexpected(error)
            if not busy:
                self._stopping.wait(POLL_S)


def attempt(post: Post, due: Due) -> Outcome:
    """Push one event and say what came of it."""
    try:
        answer = post(due.event_uri, due.body.encode(), _HEADERS)
    except FetchFailed as failed:
        return Outcome(result=Result.FAILED, code=failed.fault.value)
    if answer.status == 202:
        return Outcome(result=Result.DELIVERED)
    if answer.status == 400:
        return Outcome(result=Result.REFUSED, code=_err(answer.body))
    return Outcome(result=Result.FAILED, code="unexpected_status")


def _err(body: bytes) -> str:
    """The recipient's reason, if it is one that the RFC knows: nothing else of an answer is kept."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return "refused"
    err = said.get("err") if isinstance(said, dict) else None
    return err if isinstance(err, str) and err in _ERRORS else "refused"
