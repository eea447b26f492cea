"""Sixteen processes append to the same logs and roll back at random: what was committed stands there, once,
without a gap.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import pytest
from sqlalchemy import select

from consent.ledger.origin import LogId
from consent.ledger.tables import entry
from tests.backends import Backend
from tests.consent.ledger.kit import YEAR, assert_whole
from tests.races.appending_process import BUCKETS, write

PROCESSES = 16


def test_sixteen_processes_with_rollbacks_leave_exactly_what_they_committed(backend: Backend):
    append_from_everywhere(backend, rounds=4)


@pytest.mark.heavy
def test_sixteen_processes_with_a_hundred_rounds_leave_exactly_what_they_committed(backend: Backend):
    append_from_everywhere(backend, rounds=100)


def append_from_everywhere(backend: Backend, rounds: int) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.races.appending_process"])
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        kept = pool.map(partial(write, backend.data_url, rounds=rounds), range(PROCESSES))
        committed = [at for positions in kept for at in positions]

    assert sum(len(assert_whole(backend, LogId(bucket, YEAR))) for bucket in range(BUCKETS)) == len(committed)
    with backend.data.read() as conn:
        rows = conn.execute(select(entry.c.bucket, entry.c.idx, entry.c.leaf)).all()
    assert sorted(committed) == sorted(map(tuple, rows))
