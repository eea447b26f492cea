"""Many writers at once: one order, no gap, no number twice, whatever is rolled back."""

import random
from collections import Counter

from sqlalchemy import select

from consent.ledger.append import Position, append
from consent.ledger.origin import LogId
from consent.ledger.tables import entry
from tests.backends import Backend
from tests.consent.ledger.kit import HOST, NOW, YEAR, an_item, assert_whole
from tests.races.crowd import at_once, dawdling

WRITERS = 8
ROUNDS = 6
BUCKETS = 3


class _Abandoned(Exception):
    pass


def _perhaps_abandon(dice: random.Random) -> None:
    if dice.random() < 0.33:
        raise _Abandoned


def _one_writer(backend: Backend, number: int) -> list[Position]:
    """Random batches over all logs, a third of them rolled back; the positions that were committed."""
    dice = random.Random(number)
    kept: list[Position] = []
    for _ in range(ROUNDS):
        count = dice.choice([1, 2, 17, 60])
        items = [an_item(dice, bucket=dice.randrange(BUCKETS), tag=dice.randrange(6)) for _ in range(count)]
        try:
            with backend.data.write() as conn:
                positions = append(conn, items, NOW, HOST)
                _perhaps_abandon(dice)
        except _Abandoned:
            continue
        kept += positions
    return kept


def test_eight_writers_with_rollbacks_leave_contiguous_indices_and_gapless_chains(backend: Backend):
    with dawdling(1, shortest=0.0, longest=0.001):
        kept = at_once([lambda number=number: _one_writer(backend, number) for number in range(WRITERS)])

    committed = [(at.bucket, at.idx, at.leaf) for positions in kept for at in positions]
    entries = [assert_whole(backend, LogId(bucket, YEAR)) for bucket in range(BUCKETS)]
    assert sum(map(len, entries)) == len(committed)
    with backend.data.read() as conn:
        rows = conn.execute(select(entry.c.bucket, entry.c.idx, entry.c.leaf)).all()
    assert sorted(committed) == sorted(map(tuple, rows))
    for found in entries:
        assert max(Counter((one.tag, one.n) for one in found).values()) == 1


def test_a_log_opened_by_many_at_once_is_opened_once(backend: Backend):
    def open_it(number: int) -> list[int]:
        dice = random.Random(number)
        items = [an_item(dice, bucket=bucket) for bucket in dice.sample(range(BUCKETS), BUCKETS)]
        with backend.data.write() as conn:
            return [at.idx for at in append(conn, items, NOW, HOST)]

    with dawdling(2, shortest=0.0, longest=0.002):
        indices = at_once([lambda number=number: open_it(number) for number in range(WRITERS)])

    assert sorted(index for row in indices for index in row) == sorted(list(range(WRITERS)) * BUCKETS)


def test_the_same_entry_appended_by_many_at_once_stands_there_once(backend: Backend):
    item = an_item(random.Random(0))

    def put() -> Position:
        with backend.data.write() as conn:
            return append(conn, [item], NOW, HOST)[0]

    with dawdling(3, shortest=0.0, longest=0.002):
        positions = at_once([put] * WRITERS)

    assert positions.count(positions[0]) == WRITERS
    assert len(assert_whole(backend)) == 1
