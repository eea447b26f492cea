"""Signed heads, whatever happens: they only grow, one size has one root, and none is ahead of what is stored."""

import itertools
import random
from collections.abc import Callable
from threading import Event

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from consent.ledger import prove, published
from consent.ledger.append import append
from consent.ledger.errors import LedgerAlarm
from consent.ledger.formats import checkpoint as checkpoints
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.origin import origin_of
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.ledger.tables import checkpoint, head
from consent.ledger.tree import EMPTY, leaf_hash, verify_consistency
from tests.backends import Backend
from tests.consent.ledger.kit import HOST, LOG, NOW, an_item, assert_whole, grow
from tests.races.crowd import at_once, dawdling
from vault.storage.rowset import RowSet

SIGNER = Signer(HOST, bytes(32))
ORIGIN = origin_of(HOST, LOG)
DAY_MS = 86_400_000
UNLOCKED_HEAD = RowSet(
    "WITH {rows} SELECT h.bucket, h.year, h.size, h.root, h.frontier, h.ts, h.closed_at "
    "FROM rows JOIN ledger_head h ON h.bucket = rows.bucket AND h.year = rows.year",
    bucket="int",
    year="int",
)


class _Recorder(Signer):
    """Keeps everything it signs, stored afterwards or not."""

    signed: list[Checkpoint] = []  # noqa: RUF012 - emptied by each test that uses it

    def sign(self, found, generations=(1,)):
        self.signed.append(found)
        return super().sign(found, generations)


class _Lost(Exception):
    """The process ends here."""


def heads(backend: Backend) -> list[Checkpoint]:
    with backend.data.read() as conn:
        notes = conn.execute(select(checkpoint.c.note).order_by(checkpoint.c.size)).scalars().all()
    return [checkpoints.verify(note, [SIGNER.key(ORIGIN)]) for note in notes]


def one_entry(backend: Backend, seed: int, now_ms: int = NOW) -> int:
    with backend.data.write() as conn:
        return append(conn, [an_item(random.Random(seed), tag=seed)], now_ms, HOST)[0].idx


def test_each_pair_of_signed_heads_is_consistent(backend: Backend):
    for seed, count in enumerate((1, 2, 300, 1, 210)):
        grow(backend, count, seed=seed)
        publish(backend.data, SIGNER, NOW)

    found = heads(backend)

    assert [at.size for at in found] == [1, 3, 303, 304, 514]
    with backend.data.read() as conn:
        for old, new in itertools.combinations(found, 2):
            proof = prove.consistency(conn, LOG, old.size, new.size)
            assert verify_consistency(old.size, new.size, old.root, new.root, proof)


def test_of_everything_ever_signed_one_size_has_one_root_also_where_the_process_ended_before_storing(
    backend: Backend, tmp_path, monkeypatch
):
    def lost(*_):
        raise _Lost

    monkeypatch.setattr(_Recorder, "signed", [])
    signer = _Recorder(HOST, bytes(32))
    for seed in range(4):
        grow(backend, 7, seed=seed)
        with monkeypatch.context() as patch:
            patch.setattr("consent.ledger.publishing.publish._store", lost)
            with pytest.raises(_Lost):
                publish(backend.data, signer, NOW, memory=Memory(tmp_path / "heads.json"))
        if seed % 2:
            grow(backend, 3, seed=seed + 100)
        publish(backend.data, signer, NOW, memory=Memory(tmp_path / "heads.json"))

    leaves = [leaf_hash(body) for body in _bodies(backend)]
    assert len(_Recorder.signed) == 8
    assert all(at.root == EMPTY.extend(leaves[: at.size]).root() for at in _Recorder.signed)
    assert len(heads(backend)) == 4


def _bodies(backend: Backend) -> list[bytes]:
    with backend.data.read() as conn:
        size = conn.execute(select(head.c.size)).scalar_one()
        return [body for _, body in prove.entries(conn, LOG, range(size))]


def test_at_no_moment_is_more_signed_than_is_committed(backend: Backend):
    done = Event()

    def writes() -> int:
        for seed in range(12):
            grow(backend, 3, seed=seed + random.getrandbits(40))
        done.set()
        return 36

    def signs() -> int:
        while not done.is_set():
            publish(backend.data, SIGNER, NOW)
        return 0

    def watches() -> int:
        seen = 0
        while not done.is_set():
            with backend.data.read() as conn:
                at = published.newest(conn, LOG)
                committed = conn.execute(select(head.c.size)).scalar() or 0
            size = at.size if at else 0
            assert seen <= size <= committed
            seen = size
        return 0

    assert sum(at_once([writes, signs, watches])) == 36
    publish(backend.data, SIGNER, NOW)
    assert heads(backend)[-1].size == 36


def _tried(work: Callable[[], object]) -> Callable[[], bool]:
    """Whether it was done; False when the data base let somebody else win."""

    def attempt() -> bool:
        try:
            work()
        except (IntegrityError, LedgerAlarm):
            return False
        return True

    return attempt


def test_writers_without_the_lock_make_no_fork(backend: Backend, monkeypatch):
    grow(backend, 3)
    monkeypatch.setattr("consent.ledger.append_rows.LOCK", UNLOCKED_HEAD)

    with dawdling(4, shortest=0.0, longest=0.01):
        won = at_once([_tried(lambda seed=seed: one_entry(backend, seed)) for seed in range(10, 18)])

    assert any(won)
    assert len(assert_whole(backend)) == 3 + sum(won)


def test_publishers_without_the_lock_make_no_fork(backend: Backend, monkeypatch):
    monkeypatch.setattr("consent.ledger.publishing.publish._LOCK_HEADS", lambda *_: None)
    for seed in range(3):
        grow(backend, 5, seed=seed)
        with dawdling(seed, shortest=0.0, longest=0.01):
            at_once([_tried(lambda: publish(backend.data, SIGNER, NOW))] * 4)

    assert [at.size for at in heads(backend)] == [5, 10, 15]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_transaction_that_began_first_and_ends_last_is_not_skipped(backend: Backend):
    """SQLite has one writer: there the order cannot turn round."""
    grow(backend, 2)
    with backend.data.write() as early:
        early.execute(select(head.c.size))  # it has begun and holds nothing yet
        assert one_entry(backend, 11) == 2
        publish(backend.data, SIGNER, NOW)
        idx = append(early, [an_item(random.Random(12), tag=12)], NOW - 1, HOST)[0].idx

    publish(backend.data, SIGNER, NOW)

    assert idx == 3
    assert [at.size for at in heads(backend)] == [3, 4]
    assert_whole(backend)


def test_a_clock_that_jumps_a_day_either_way_turns_no_time_back(backend: Backend):
    for seed, jump in enumerate((0, -DAY_MS, DAY_MS, 0, -DAY_MS)):
        one_entry(backend, seed, NOW + jump)
        publish(backend.data, SIGNER, NOW + jump)

    times = [one.ts for one in assert_whole(backend)]

    assert [at.size for at in heads(backend)] == [1, 2, 3, 4, 5]
    assert times == [NOW, NOW, NOW + DAY_MS, NOW + DAY_MS, NOW + DAY_MS]
