"""Many callers at one instant, and statements that dawdle: how a race is provoked on purpose.

`Crowd` holds every hand at a barrier until all have arrived, for as many rounds as there are; `at_once` is a crowd of
one round. `dawdling` makes each statement wait 1 to 3 ms first, so that the gaps between statements, which a fast
machine hides, lie wide open; the waits come from a seeded generator per thread, so a failing seed can be run again.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

from sqlalchemy import Engine, event

PATIENCE = 120.0


class Crowd:
    """Threads that stay for many rounds; `round` gives each of them one call, and they leave the barrier together."""

    def __init__(self, size: int) -> None:
        self._calls: Sequence[Callable[[], Any]] = ()
        self._answers: list[Any] = []
        self._start, self._end = threading.Barrier(size + 1), threading.Barrier(size + 1)
        self._hands = [threading.Thread(target=self._serve, args=(at,), daemon=True) for at in range(size)]

    def __enter__(self) -> Self:
        for hand in self._hands:
            hand.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._start.abort()
        for hand in self._hands:
            hand.join(PATIENCE)

    def round[Answer](self, calls: Sequence[Callable[[], Answer]]) -> list[Answer]:
        """The answers in order, or the first error."""
        self._calls, self._answers = calls, [RuntimeError("did not finish")] * len(calls)
        self._start.wait(PATIENCE)
        self._end.wait(PATIENCE)
        finished: list[Answer] = []
        for answer in self._answers:
            if isinstance(answer, BaseException):
                raise answer
            finished.append(answer)
        return finished

    def _serve(self, at: int) -> None:
        while True:
            try:
                self._start.wait()
            except threading.BrokenBarrierError:
                return
            try:
                self._answers[at] = self._calls[at]()
            except BaseException as error:
                self._answers[at] = error
            self._end.wait()


def at_once[Answer](calls: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Run every call on a thread of its own from one start barrier; the answers in order, or the first error."""
    with Crowd(len(calls)) as crowd:
        return crowd.round(calls)


@contextmanager
def dawdling(seed: int, *, shortest: float = 0.001, longest: float = 0.003) -> Iterator[None]:
    """While the block runs, every statement of every engine waits before it is sent (bounds in seconds)."""
    own = threading.local()
    serial = iter(range(1 << 30))

    def wait(*_: Any, **__: Any) -> None:
        if not hasattr(own, "dice"):
            own.dice = random.Random(f"{seed}/{next(serial)}")
        time.sleep(own.dice.uniform(shortest, longest))

    if longest:
        event.listen(Engine, "before_cursor_execute", wait)
    try:
        yield
    finally:
        if longest:
            event.remove(Engine, "before_cursor_execute", wait)
