"""Codes leave on a thread of its own: no answer waits for a mail server, so its time tells nobody who is known.

What is handed in for an unknown address takes the same way and is thrown away at its end. The queue is bounded;
when it is full, or a sender fails, the event log says that, and the person asks again.
"""

import queue
import threading
from contextlib import suppress

from api.events import Event, log_event, log_unexpected
from api.senders.message import Channel, Message, NotSent, Senders

_MOST_WAITING = 1_000


class PostRoom:
    """Sends what it is handed, in order; its thread starts with the first message."""

    def __init__(self, senders: Senders) -> None:
        self._senders = senders
        self._waiting: queue.Queue[tuple[Message, bool] | None] = queue.Queue(_MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    @property
    def channels(self) -> frozenset[Channel]:
        """The kinds of address that codes can go to."""
        return frozenset(self._senders)

    def hand_in(self, message: Message, *, known: bool) -> None:
        """Take a message, to be sent when `known`; returns at once."""
        self._start()
        try:
            self._waiting.put_nowait((message, known))
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
                if waiting[1]:
                    self._send(waiting[0])
            finally:
                self._waiting.task_done()

    def _send(self, message: Message) -> None:
        try:
            self._senders[message.channel].send(message)
        except NotSent as failed:
            log_event(Event.CODE_NOT_SENT, kind=message.channel.value, reason=failed.reason)
        except Exception as error:  # noqa: BLE001 - a gateway's mistake must not end the thread
            log_unexpected(error)
