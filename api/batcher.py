"""Collects whatever requests are waiting into one call, so that one transaction commits them all.

There is no timer: a request that finds the executor idle goes at once and alone, and everything that arrives
while a batch runs forms the next one (DESIGN section 9; limits.md rule 1). Exactly one batch runs at a time,
on a thread of its own, which is also what one-writer SQLite wants. More than `most` waiting are refused at once.

Contract of the batch function: it answers per item, and it does not raise once it has committed. Only so may
a set that raised be tried again one by one, which keeps one bad item from spoiling its neighbours; where that is
`hopeless`, because nobody's item was to blame, all are told at once instead of waiting for one failure each. A caller
that went away before its batch began is dropped; after that its item is committed, and the ledger says so.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor


class BatcherClosed(RuntimeError):
    """The server is shutting down; nothing was started for this item."""

    code = "shutting_down"


class BatcherFull(RuntimeError):
    """Too many are waiting; nothing was started for this item."""

    code = "overloaded"


class BatcherBroken(RuntimeError):
    """The batch ended without an answer for this item; whether it was committed is not known here."""


class Batcher[Item, Answer]:
    """Runs `run(items) -> answers`, same length and order, at most `cap` at once; at most `most` wait."""

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Sequence[Answer]],
        *,
        cap: int = 256,
        most: int = 4096,
        hopeless: Callable[[Exception], bool] = lambda _error: False,
    ) -> None:
        self._run = run
        self._hopeless = hopeless
        self._cap = cap
        self._most = most
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batcher")
        # All fields below belong to the event loop's thread.
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._flusher: asyncio.Task[None] | None = None
        self._closed = False

    async def submit(self, item: Item) -> Answer:
        """The answer to `item`, or what its own run raised; raises BatcherFull, or BatcherClosed after `close`."""
        if self._closed:
            raise BatcherClosed("no longer taking requests")
        if len(self._waiting) >= self._most:
            raise BatcherFull("too many are waiting")
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
        try:
            while batch := self._next_batch():
                await self._run_batch(batch)
                # One turn of the loop: what has arrived, or was answered and asks again, joins the next batch.
                await asyncio.sleep(0)
        finally:
            self._flusher = None
            # Empty unless this task was ended from outside: then nobody would come back for them.
            for _, answer in self._waiting:
                _settle(answer, BatcherBroken("the batcher was stopped"))
            self._waiting.clear()

    def _next_batch(self) -> list[tuple[Item, asyncio.Future[Answer]]]:
        """The oldest items whose callers still wait."""
        batch: list[tuple[Item, asyncio.Future[Answer]]] = []
        while self._waiting and len(batch) < self._cap:
            waiting = self._waiting.popleft()
            if not waiting[1].done():
                batch.append(waiting)
        return batch

    async def _run_batch(self, batch: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> None:
        loop = asyncio.get_running_loop()
        broken: Exception = BatcherBroken("the batch was stopped")
        try:
            outcomes = await loop.run_in_executor(self._executor, self._attempt, [item for item, _ in batch])
            for (_, answer), outcome in zip(batch, outcomes, strict=True):
                _settle(answer, outcome)
        except Exception as error:  # noqa: BLE001 - its callers are told; those behind them still get their turn
            broken = error
        finally:
            for _, answer in batch:
                _settle(answer, broken)

    def _attempt(self, items: Sequence[Item]) -> list[tuple[Answer] | Exception]:
        try:
            answers = self._run(items)
            if len(answers) != len(items):
                raise RuntimeError("a batch must answer each of its items")  # noqa: TRY301 - retried like any other
        except Exception as error:  # noqa: BLE001 - whatever it was, each caller must get its own verdict
            if len(items) == 1 or self._hopeless(error):
                return [error] * len(items)
            return [self._attempt([item])[0] for item in items]
        return [(answer,) for answer in answers]


def _settle[Answer](answer: asyncio.Future[Answer], outcome: tuple[Answer] | Exception) -> None:
    if answer.done():  # the caller was cancelled; its item stays committed
        return
    if isinstance(outcome, StopIteration):  # a future cannot carry it
        answer.set_exception(BatcherBroken("the batch function ended like an iterator"))
    elif isinstance(outcome, Exception):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome[0])
