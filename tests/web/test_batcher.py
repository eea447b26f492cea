"""The batcher: one transaction over whatever waits, everyone's own answer, nobody's accident shared."""

import asyncio
import threading

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from api.batcher import Batcher, BatcherBroken, BatcherClosed, BatcherFull
from api.edge.problems import affects_all


def test_a_lone_request_goes_at_once_and_alone():
    batches: list[list[int]] = []

    async def scene() -> int:
        batcher = Batcher(lambda items: batches.append(list(items)) or [item * 2 for item in items])
        answer = await batcher.submit(21)
        await batcher.close()
        return answer

    assert asyncio.run(scene()) == 42
    assert batches == [[21]]


def test_what_waits_while_a_batch_runs_forms_the_next_one_and_never_more_than_the_cap():
    batches: list[int] = []
    gate = threading.Event()

    def run(items):
        batches.append(len(items))
        assert gate.wait(60)
        return [item + 1 for item in items]

    async def scene() -> list[int]:
        batcher = Batcher(run, cap=8)
        first = asyncio.create_task(batcher.submit(0))
        while not batches:  # noqa: ASYNC110 - the thread fills it, there is no event to await
            await asyncio.sleep(0)
        rest = [asyncio.create_task(batcher.submit(n)) for n in range(1, 21)]
        await asyncio.sleep(0)
        gate.set()
        answers = await asyncio.gather(first, *rest)
        await batcher.close()
        return answers

    assert asyncio.run(scene()) == list(range(1, 22))
    assert batches == [1, 8, 8, 4]


def test_one_bad_item_fails_alone_when_the_whole_batch_raises():
    def run(items):
        if 13 in items:
            raise ValueError("unlucky")
        return [item * 10 for item in items]

    async def scene():
        batcher = Batcher(run)
        outcomes = await asyncio.gather(
            *(batcher.submit(n) for n in (11, 12, 13, 14)), return_exceptions=True
        )
        await batcher.close()
        return outcomes

    eleven, twelve, thirteen, fourteen = asyncio.run(scene())

    assert (eleven, twelve, fourteen) == (110, 120, 140)
    assert isinstance(thirteen, ValueError)


def test_what_would_fail_for_everybody_is_not_tried_once_for_each():
    calls = []

    def run(items):
        calls.append(len(items))
        if len(items) > 1:
            raise TimeoutError("the data base is gone")
        return items

    async def scene():
        batcher = Batcher(run, hopeless=lambda error: isinstance(error, TimeoutError))
        return await asyncio.gather(*(batcher.submit(n) for n in range(200)), return_exceptions=True)

    outcomes = asyncio.run(scene())

    assert calls == [200]
    assert all(isinstance(outcome, TimeoutError) for outcome in outcomes)


def test_a_deadlock_s_victim_is_tried_again_and_a_lost_data_base_is_not():
    class Refused(psycopg.OperationalError):
        sqlstate = "40P01"

    def raised(orig):
        return DBAPIError.instance(None, None, orig, psycopg.Error)

    assert not affects_all(raised(Refused()))
    assert not affects_all(ValueError("one bad item"))
    assert affects_all(raised(psycopg.OperationalError("connection refused")))
    assert affects_all(PoolTimeout())


def test_a_batch_function_that_loses_an_answer_is_retried_item_by_item():
    def run(items):
        return [1] if len(items) == 1 else []

    async def scene():
        batcher = Batcher(run)
        answers = await asyncio.gather(*(batcher.submit(n) for n in range(3)))
        await batcher.close()
        return answers

    assert asyncio.run(scene()) == [1, 1, 1]


def test_a_caller_cancelled_while_its_batch_runs_does_not_stop_its_item_nor_its_neighbours():
    done: list[int] = []
    gate = threading.Event()

    begun = threading.Event()

    def run(items):
        begun.set()
        assert gate.wait(60)
        done.extend(items)
        return list(items)

    async def scene():
        batcher = Batcher(run)
        tasks = [asyncio.create_task(batcher.submit(n)) for n in (1, 2)]
        while not begun.is_set():  # noqa: ASYNC110 - the thread sets it
            await asyncio.sleep(0)
        tasks[0].cancel()
        gate.set()
        answer = await tasks[1]
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        await batcher.close()
        return answer

    assert asyncio.run(scene()) == 2
    assert done == [1, 2]


def test_closing_answers_what_was_taken_and_refuses_what_comes_later():
    async def scene():
        batcher = Batcher(list)
        taken = asyncio.create_task(batcher.submit(7))
        await asyncio.sleep(0)
        await batcher.close()
        with pytest.raises(BatcherClosed):
            await batcher.submit(8)
        return await taken

    assert asyncio.run(scene()) == 7


def test_a_caller_that_left_before_its_batch_began_is_dropped():
    done: list[int] = []

    def run(items):
        done.extend(items)
        return list(items)

    async def scene():
        batcher = Batcher(run)
        tasks = [asyncio.create_task(batcher.submit(n)) for n in (1, 2)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        answer = await tasks[1]
        await batcher.close()
        return answer

    assert asyncio.run(scene()) == 2
    assert done == [2]


def test_more_than_the_queue_holds_are_refused_at_once_and_the_others_answered():
    gate = threading.Event()

    def run(items):
        assert gate.wait(60)
        return list(items)

    async def scene():
        batcher = Batcher(run, cap=1, most=2)
        tasks = [asyncio.create_task(batcher.submit(n)) for n in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(BatcherFull):
            await batcher.submit(9)
        gate.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        await batcher.close()
        return outcomes

    first, second, third = asyncio.run(scene())

    assert (first, second) == (0, 1)
    assert isinstance(third, BatcherFull)


@pytest.mark.parametrize("error", [StopIteration(), KeyError("x"), RuntimeError()])
def test_whatever_the_batch_function_raises_reaches_its_caller(error):
    def run(_items):
        raise error

    async def scene():
        batcher = Batcher(run)
        with pytest.raises((BatcherBroken, type(error))):
            await batcher.submit(1)
        await batcher.close()

    asyncio.run(scene())


class _TornDown(BaseException):
    """Not an Exception: nothing on the way catches it."""


def test_nobody_hangs_when_the_thread_itself_breaks_off():
    def run(items):
        if 1 in items:
            raise _TornDown
        return list(items)

    async def scene():
        batcher = Batcher(run, cap=1)
        tasks = [asyncio.create_task(batcher.submit(n)) for n in (1, 2)]
        outcomes = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)
        later = await asyncio.wait_for(batcher.submit(3), 60)
        return outcomes, later

    outcomes, later = asyncio.run(scene())

    assert isinstance(outcomes[0], BatcherBroken)
    assert later == 3


def test_nobody_hangs_when_the_flusher_is_cancelled():
    gate = threading.Event()

    def run(items):
        assert gate.wait(60)
        return list(items)

    async def scene():
        batcher = Batcher(run, cap=1)
        tasks = [asyncio.create_task(batcher.submit(n)) for n in (1, 2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        batcher._flusher.cancel()
        gate.set()
        return await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)

    assert all(isinstance(outcome, BatcherBroken) for outcome in asyncio.run(scene()))
