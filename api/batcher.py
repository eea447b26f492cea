"""Collects whatever requests are waiting into one call, so that one transaction commits them all.

There is no timer: a request that finds the executor idle goes at once and alone, and everything that arrives
while a batch runs forms the next one (DESIGN section 9; limits.md rule 1). Exactly one batch runs at a time,
on a thread of its own, which is also what one-writer SQLite wants.

Each caller gets its own answer. A caller that went away does not stop its item: it is committed, and the
ledger says so. When a batch as a whole raises, its items are tried again one by one, so that one bad item
cannot spoil its neighbours; the batch function must therefore be all-or-nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor


class BatcherClosed(RuntimeError):
    """The server is shutting down; nothing was started for this item."""

    code = "shutting_down"


class Batcher[Item, Answer]:
    """Runs `run(items) -> answers`, same length and order, over whatever is waiting; at most `cap` at once."""

    def __init__(self, run: Callable[[Sequence[Item]], Sequence[Answer]], *, cap: int = 256) -> None:
        self._run = run
        self._cap = cap
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batcher")
        # Both fields below belong to the event loop's thread.
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._flusher: asyncio.Task[None] | None = None
        self._closed = False

    async def submit(self, item: Item) -> Answer:
        """The answer to `item`, or what its own single run raised; raises BatcherClosed after `close`."""
        if self._closed:
            raise BatcherClosed("no longer taking requests")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((item, answer))
        if self._flusher is None:
            self._flusher = loop.create_task(self._flush())
        return await answer

    async def close(self) -> None:
        """Refuse new items, answer every one already taken, and end the thread."""
        self._closed = True
        if self._flusher is not None:
            await self._flusher
        self._executor.shutdown(wait=True)

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(self._cap, len(self._waiting)))]
                outcomes = await loop.run_in_executor(
                    self._executor, self._attempt, [item for item, _ in batch]
                )
                for (_, answer), outcome in zip(batch, outcomes, strict=True):
                    _settle(answer, outcome)
        finally:
            self._flusher = None

    def _attempt(self, items: Sequence[Item]) -> list[tuple[Answer] | Exception]:
        try:
            answers = self._run(items)
            if len(answers) != len(items):
                raise RuntimeError("a batch must answer each of its items")  # noqa: TRY301 - retried like any other
        except Exception as error:  # noqa: BLE001 - whatever it was, each caller must get its own verdict
            return [error] if len(items) == 1 else [self._attempt([item])[0] for item in items]
        return [(answer,) for answer in answers]


def _settle[Answer](answer: asyncio.Future[Answer], outcome: tuple[Answer] | Exception) -> None:
    if answer.done():  # the caller was cancelled; its item stays committed
        return
    if isinstance(outcome, Exception):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome[0])
