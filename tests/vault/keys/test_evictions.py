"""Evictions: what one process destroys, every other one forgets or stops answering."""

import threading

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from tests.faults.breakage import unreachable
from vault.ids import Bucket, SubjectId, TenantId, new_subject
from vault.keys import evictions
from vault.keys.evictions import KEEP_MS, LEASE_MS, RENEW_MS, SKEW_MS, announce, is_clear, members
from vault.keys.keyring import Keyring
from vault.keys.tables import cache_member, eviction

TENANT = TenantId(b"tenant of leases")
NEIGHBOUR = TenantId(b"another one's id")


class Time:
    """A monotonic clock in seconds and a wall clock in ms that move together."""

    def __init__(self, start_ms: int = 1_000_000_000) -> None:
        self.ms = start_ms

    def clock(self) -> float:
        return self.ms / 1000

    def wall(self) -> int:
        return self.ms


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def ring(backend, provider, now, time):
    return Keyring.create(backend.keys, provider, TENANT, now, clock=time.clock, wall=time.wall)


@pytest.fixture
def second(ring, backend, provider, time):
    """Another process of the same tenant."""
    return Keyring.open(backend.keys, provider, TENANT, clock=time.clock, wall=time.wall)


def someone(ring, now) -> tuple[Bucket, SubjectId]:
    who = (Bucket(0), new_subject())
    ring.create_many([who], now)
    return who


def test_a_destroyed_key_is_clear_once_every_process_has_heard_of_it(ring, second, now, time):
    who = someone(ring, now)
    assert second.subject_keys([who])
    seq = ring.destroy_many([who])
    assert not ring.is_clear(seq)
    assert second.subject_keys([who])  # within its lease it need not ask
    time.ms += RENEW_MS
    assert second.subject_keys([who]) == {}
    assert ring.is_clear(seq)


def test_a_process_that_stands_still_is_waited_for_until_its_lease_has_ended(ring, second, now, time):
    who = someone(ring, now)
    second.subject_keys([who])
    seq = ring.destroy_many([who])
    time.ms += LEASE_MS + SKEW_MS
    assert not ring.is_clear(seq)
    time.ms += 1
    assert ring.is_clear(seq)


def test_whoever_wakes_up_after_being_counted_out_hears_of_it_before_answering(
    ring, second, now, time, monkeypatch, backend
):
    who = someone(ring, now)
    second.subject_keys([who])
    time.ms += LEASE_MS + SKEW_MS + 1
    follow, seqs = evictions.Membership._follow, []

    def overtaken(self, conn, until):
        if backend.name == "sqlite":  # its one writer lets nobody in between: the news come just before
            seqs.append(announce(conn, TENANT, [who[1]], time.ms))
            return self._seen
        seen = follow(self, conn, until)
        with backend.keys.write() as other:
            seqs.append(announce(other, TENANT, [who[1]], time.ms))
        with backend.keys.read() as other:
            assert is_clear(other, TENANT, seqs[0], time.ms)
        return seen

    with monkeypatch.context() as racing:
        racing.setattr(evictions.Membership, "_follow", overtaken)
        second.service_key("permit")
    assert seqs == [1]
    assert second._people._cache.take([who[1]]) == {}


def test_whoever_slept_longer_than_news_are_kept_has_forgotten_everything(ring, second, now, time, backend):
    who, other = someone(ring, now), someone(ring, now)
    second.subject_keys([who, other])
    ring.destroy_many([who])
    with backend.keys.write() as conn:
        conn.execute(eviction.delete())
    time.ms += KEEP_MS // 2
    assert set(second.subject_keys([who, other])) == {other[1]}


def test_a_process_that_was_cleared_away_joins_again_and_has_forgotten_everything(
    ring, second, now, time, backend
):
    who = someone(ring, now)
    second.subject_keys([who])
    with backend.keys.write() as conn:
        conn.execute(cache_member.delete())
    seq = ring.destroy_many([who])
    time.ms += RENEW_MS
    assert second.subject_keys([who]) == {}
    assert ring.is_clear(seq)
    with backend.keys.read() as conn:
        assert members(conn, TENANT, time.ms) == 2


def test_a_process_that_left_is_not_waited_for_and_keeps_nothing(ring, second, now):
    who = someone(ring, now)
    second.subject_keys([who])
    second.close()
    seq = ring.destroy_many([who])
    assert ring.is_clear(seq)
    assert second.subject_keys([who]) == {}


def test_waiting_gives_up_after_its_patience(ring, second, now, time):
    who = someone(ring, now)
    second.subject_keys([who])
    seq = ring.destroy_many([who])
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        time.ms += 1_000

    assert not ring.wait_clear(seq, patience=5.0, pause=pause)
    assert ring.wait_clear(seq, patience=30.0, pause=pause)
    assert 12 <= len(pauses) <= 14


def test_a_key_read_before_its_destruction_is_not_kept_after_it(ring, second, now, time, monkeypatch):
    who = someone(ring, now)
    second.service_key("permit")
    unwrap = second._people.unwrap

    def destroyed_meanwhile(rows):
        ring.destroy_many([who])
        time.ms += RENEW_MS
        second.service_key("permit")  # another thread of that process renews the lease
        return unwrap(rows)

    monkeypatch.setattr(second._people, "unwrap", destroyed_meanwhile)
    assert second.subject_keys([who])
    monkeypatch.undo()
    assert second.subject_keys([who]) == {}


def test_numbers_grow_and_are_each_tenants_own(ring, backend, now):
    with backend.keys.write() as conn:
        assert [announce(conn, TENANT, [new_subject()], now) for _ in range(3)] == [1, 2, 3]
        assert announce(conn, NEIGHBOUR, [new_subject()], now) == 1
        assert is_clear(conn, TENANT, 3, now)


def test_numbers_appear_in_their_order_however_many_announce_at_once(ring, backend, now):
    """A reader that has seen a number has seen all smaller ones."""
    seen: list[list[int]] = []
    done = threading.Event()

    def watch() -> None:
        while True:
            last = done.is_set()  # looked at before, so that there is always a look at everything
            with backend.keys.read() as conn:
                seen.append(sorted(conn.execute(select(eviction.c.seq).distinct()).scalars()))
            if last:
                return

    def call() -> None:
        for _ in range(15):
            with backend.keys.write() as conn:
                announce(conn, TENANT, [new_subject()], now)

    watcher, callers = threading.Thread(target=watch), [threading.Thread(target=call) for _ in range(4)]
    for thread in (watcher, *callers):
        thread.start()
    for thread in callers:
        thread.join()
    done.set()
    watcher.join()
    assert len(seen[-1]) == 4 * 15
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seen)


def test_old_news_and_long_lost_members_are_cleared_away(ring, second, backend, now, time):
    second.service_key("permit")
    ring.evict([new_subject()])
    time.ms += KEEP_MS + LEASE_MS + 1
    ring.evict([new_subject()])
    with backend.keys.read() as conn:
        assert list(conn.execute(select(eviction.c.seq)).scalars()) == [2]
        assert conn.execute(select(cache_member)).all() == []


def test_a_lease_outlives_a_short_failure_of_the_key_data_base_and_no_longer_one(ring, second, now, time):
    who = someone(ring, now)
    second.subject_keys([who])
    time.ms += RENEW_MS
    with unreachable(second.database.engine):
        assert second.subject_keys([who])
        time.ms += LEASE_MS - RENEW_MS - 1
        assert second.subject_keys([who])
        time.ms += 1
        with pytest.raises(DBAPIError):
            second.subject_keys([who])
    assert second.subject_keys([who])


def test_only_one_thread_renews_while_the_others_go_on(ring, second, now, time, monkeypatch):
    who = someone(ring, now)
    second.subject_keys([who])
    time.ms += RENEW_MS
    renewing, go_on = threading.Event(), threading.Event()
    follow = evictions.Membership._follow

    def slow(self, conn, until):
        renewing.set()
        assert go_on.wait(30)
        return follow(self, conn, until)

    monkeypatch.setattr(evictions.Membership, "_follow", slow)
    thread = threading.Thread(target=lambda: second.subject_keys([who]))
    thread.start()
    assert renewing.wait(30)
    assert second.subject_keys([who])
    go_on.set()
    thread.join()
