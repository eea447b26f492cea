"""Codes leave on a thread of its own: no answer waits for a mail server, so its time tells nobody who is known.

What is handed in for an unknown address takes the same way and is thrown away at its end. The queue is bounded;
when it is full, or a sender fails, the event log says that, and the person asks again. A channel by which the last
message to somebody signed in could not be handed over is `failing`, until one can be or ten minutes have passed. What
strangers ask for changes nothing there: it would tell them whose address is known.
"""

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from api.events import Event, log_event, log_unexpected
from api.senders.message import Channel, Message, NotSent, Senders

_MOST_WAITING = 1_000
_FAILING_S = 600.0


class PostRoom:
    """Sends what it is handed, in order; its thread starts with the first message."""

    def __init__(self, senders: Senders, clock: Callable[[], float] = time.monotonic) -> None:
        self._senders, self._clock = senders, clock
        # When a channel failed last, None since it worked again; written by the thread alone.
        self._failed: dict[Channel, float | None] = {}
        self._waiting: queue.Queue[tuple[Message, bool, bool] | None] = queue.Queue(_MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    @property
    def channels(self) -> frozenset[Channel]:
        """The kinds of address that codes can go to."""
        return frozenset(self._senders)

    @property
    def failing(self) -> frozenset[Channel]:
        """The channels by which nothing seems to leave at the moment."""
        since = self._clock() - _FAILING_S
        return frozenset(one for one, at in dict(self._failed).items() if at is not None and at > since)

    def hand_in(self, message: Message, *, known: bool, own: bool = False) -> None:
        """Take a message, to be sent when `known`, at the wish of somebody signed in when `own`; returns at once."""
        self._start()
        try:
            self._waiting.put_nowait((message, known, own))
        except queue.Full:
            log_event(Event.CODE_NOT_SENT, reason="too many are waiting")

    def settle(self) -> None:
        """Wait until everything handed in so far has left."""
        self._waiting.join()

    def stop(self) -> None:
        """Send what is waiting and end the thread, or leave it after half a minute."""
        if self._thread is not None:
            with suppress(queue.Full):
                self._waiting.put_nowait(None)
            self._thread.join(timeout=30)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="post room", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            waiting = self._waiting.get()
            try:
                if waiting is None:
                    return
                message, known, own = waiting
                works = self._sent(message) if known else None
                if own and works is not None:
                    self._failed[message.channel] = None if works else self._clock()
            finally:
                self._waiting.task_done()

    def _sent(self, message: Message) -> bool | None:
        """Whether the channel works; None when this one address does not tell."""
        try:
            self._senders[message.channel].send(message)
        except NotSent as failed:
            log_event(Event.CODE_NOT_SENT, kind=message.channel.value, reason=failed.reason)
            return None if failed.only_here else False
        except Exception as error:  # noqa: BLE001 - a gateway's mistake must not end the thread
            log_unexpected(error)
            return False
        return True
