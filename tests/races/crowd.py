"""Many callers at one instant, and statements that dawdle: how a race is provoked on purpose.

`at_once` holds every thread at a barrier until all have arrived. `dawdling` makes each statement
wait 1 to 3 ms first, so that the gaps between statements, which a fast machine hides, lie wide open; the
waits come from a seeded generator per thread, so a failing seed can be run again.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

PATIENCE = 120.0


def at_once[Answer](calls: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Run every call on a thread of its own from one start barrier; the answers in order, or the first error."""
    barrier = threading.Barrier(len(calls))
    answers: list[Answer | BaseException] = [RuntimeError("did not finish")] * len(calls)

    def run(place: int) -> None:
        try:
            barrier.wait(PATIENCE)
            answers[place] = calls[place]()
        except BaseException as error:
            answers[place] = error

    threads = [threading.Thread(target=run, args=(place,), daemon=True) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    finished: list[Answer] = []
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
        finished.append(answer)
    return finished


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
