"""A few callers in a closed loop against one batch function, as the server's batcher would serve them.

Each caller sends its next item when its answer has arrived; what waits meanwhile forms the next batch. One
process: the callers cost what they cost, as the issue's bars demand.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from api.batcher import Batcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Served[Answer]:
    """What `serve` saw: answers in order of arrival, seconds of the whole, latencies in milliseconds."""

    answers: list[Answer]
    seconds: float
    latencies: list[float]

    @property
    def per_second(self) -> float:
        return len(self.answers) / self.seconds


def serve[Item, Answer](
    run: Callable[[Sequence[Item]], Sequence[Answer]], items: Sequence[Item], *, callers: int
) -> Served[Answer]:
    """Have `callers` put every item through one batcher over `run`."""
    return asyncio.run(_serve(run, items, callers))


async def _serve[Item, Answer](
    run: Callable[[Sequence[Item]], Sequence[Answer]], items: Sequence[Item], callers: int
) -> Served[Answer]:
    batcher: Batcher[Item, Answer] = Batcher(run)
    feed, answers, latencies = iter(items), [], []

    async def caller(mine: Iterator[Item]) -> None:
        for item in mine:
            sent = time.perf_counter()
            answers.append(await batcher.submit(item))
            latencies.append((time.perf_counter() - sent) * 1e3)

    begun = time.perf_counter()
    await asyncio.gather(*(caller(feed) for _ in range(callers)))
    seconds = time.perf_counter() - begun
    await batcher.close()
    return Served(answers=answers, seconds=seconds, latencies=latencies)
