"""A thread that delivers what waits in a queue, several at a time, as soon as it is due.

It is not one of the jobs: those wait for each other, and a withdrawal must not wait for a trace. Nor does one
addressee wait for another: each has at most its share of what is under way, and whatever ends makes room for
the next at once.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from api.clock import Clock
from api.events import Event, log_event, log_unexpected
from api.outward.fetching import Answer
from consent.delivery.deliveries import Outcome, Room

type Post = Callable[[str, bytes, Mapping[str, str]], Answer]

POLL_S: Final = 1.0
TOGETHER: Final = 16
SHARE: Final = 2
_GIVE_UP_EVERY_MS: Final = 60_000


class Addressed(Protocol):
    """Something to be delivered: who is to have it."""

    @property
    def addressee(self) -> str: ...


class Queue[Due: Addressed](Protocol):
    """What a courier works off; `failed` is what the log calls it when something has failed for good.

    `given_up` is the code of what was never sent at all.
    """

    failed: Event
    given_up: str

    def take(self, now_ms: int, room: Room) -> Sequence[Due]: ...
    def attempt(self, due: Due) -> Outcome: ...
    def settle(self, due: Due, outcome: Outcome, now_ms: int, share: float) -> bool: ...
    def give_up(self, now_ms: int) -> int: ...


class Courier[Due: Addressed]:
    """Works off one queue of one installation; `dice` gives numbers from 0 to 1."""

    def __init__(
        self,
        queue: Queue[Due],
        clock: Clock,
        dice: Callable[[], float] = random.random,
        name: str = "courier",
    ) -> None:
        self._queue, self._clock, self._dice = queue, clock, dice
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()  # how much is under way for whom; guarded by _lock
        self._after, self._gave_up_at = "", 0  # the thread's own
        self._stopping, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish what is being sent and end; what was not sent waits in its row."""
        self._stopping.set()
        self._ended.set()
        self._thread.join(timeout=30)

    def deliver_due(self) -> int:
        """One round: send what is due and has room, and wait for the answers; how many were sent."""
        with self._pool() as pool:
            return self._send(pool)

    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max_workers=TOGETHER, thread_name_prefix=self._thread.name)

    def _send(self, pool: ThreadPoolExecutor) -> int:
        with self._lock:
            busy = dict(self._busy)
        free = TOGETHER - sum(busy.values())
        if not free:
            return 0
        taken = self._queue.take(self._clock(), Room(limit=free, share=SHARE, busy=busy, after=self._after))
        for due in taken:
            self._after = due.addressee
            with self._lock:
                self._busy[due.addressee] += 1
            pool.submit(self._deliver, due)
        return len(taken)

    def _deliver(self, due: Due) -> None:
        try:
            outcome = self._queue.attempt(due)
            if self._queue.settle(due, outcome, self._clock(), self._dice()):
                log_event(self._queue.failed, code=outcome.code)
        except Exception as error:  # noqa: BLE001 - what could not be written down is sent again after its lease
            log_unexpected(error)
        finally:
            with self._lock:
                self._busy[due.addressee] -= 1
                self._busy += Counter()  # forgets whoever has nothing under way
            self._ended.set()

    def _give_up(self) -> None:
        now_ms = self._clock()
        if now_ms >= self._gave_up_at + _GIVE_UP_EVERY_MS:
            self._gave_up_at = now_ms
            if count := self._queue.give_up(now_ms):
                log_event(self._queue.failed, code=self._queue.given_up, count=count)

    def _run(self) -> None:
        with self._pool() as pool:
            while not self._stopping.is_set():
                self._ended.clear()
                try:
                    self._send(pool)
                    self._give_up()
                except Exception as error:  # noqa: BLE001 - a data base that is away for a moment must not end the thread
                    log_unexpected(error)
                self._ended.wait(POLL_S)
