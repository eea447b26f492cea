"""The monitor over a log that was given up and the one that carries it on: silent when that is true, and not else."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from consent.ledger.ending.giving_up import give_up
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.policy import Policy
from consent.ledger.monitor import beginnings
from consent.ledger.monitor import store as stores
from consent.ledger.monitor.alerts import Alarm
from consent.ledger.monitor.follow import Round, follow
from consent.ledger.monitor.store import MonitorStore
from consent.ledger.origin import LogId, number_of, origin_of
from consent.ledger.publishing.publish import publish
from tests.backends import Backend
from tests.consent.ledger.kit import HOST, LOG, NOW, YEAR, grow
from tests.consent.ledger.monitor.test_monitor import ORIGIN, SIGNER, Shown, alarms, cosigned, signed
from vault.storage.database import open_database

NEXT = LogId(0, number_of(YEAR, 2))
SUCCESSOR = origin_of(HOST, NEXT)
BOTH = Policy((SIGNER.key(ORIGIN), SIGNER.key(SUCCESSOR)), ())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MonitorStore]:
    stores.create(tmp_path / "monitor.db")
    data = open_database(f"sqlite:///{tmp_path / 'monitor.db'}")
    yield MonitorStore(data)
    data.close()


def first(backend: Backend, store: MonitorStore, note: bytes | None = None, **how) -> Round:
    return follow(Shown(backend, note=note, **how), store, BOTH, ORIGIN, NOW)


def then(backend: Backend, store: MonitorStore) -> Round:
    return follow(Shown(backend, log=NEXT), store, BOTH, SUCCESSOR, NOW)


def given_up(backend: Backend, *known: Checkpoint) -> None:
    give_up(backend.data, SIGNER, LOG, known, "a test", NOW)
    publish(backend.data, SIGNER, NOW)


def test_over_an_honest_end_it_is_silent(backend: Backend, store: MonitorStore):
    signed(backend, 5)
    assert alarms(first(backend, store)) == []
    grow(backend, 3, seed=1)
    given_up(backend)

    assert alarms(then(backend, store)) == []
    assert alarms(first(backend, store)) == []
    assert beginnings.end_of(store, ORIGIN) is not None


def test_whoever_comes_late_reads_the_old_log_to_its_end(backend: Backend, store: MonitorStore):
    signed(backend, 5)
    given_up(backend)

    assert alarms(then(backend, store)) == []
    found = first(backend, store)

    assert alarms(found) == []
    assert found.accepted is not None
    assert found.accepted.head.size == 5


def test_an_end_that_is_known_and_lost_is_no_roll_back(backend: Backend, store: MonitorStore):
    """The monitor has read all of it; the data base was put back to an older state."""
    signed(backend, 5)
    before = Shown(backend).head()
    signed(backend, 4, seed=1)
    seen = first(backend, store).accepted
    assert seen is not None
    given_up(backend, seen.head)

    assert alarms(first(backend, store, before)) == [(Alarm.ROLLED_BACK, 5)]
    assert alarms(then(backend, store)) == []
    assert alarms(first(backend, store, before)) == []


def test_a_history_that_was_cut_names_both_sizes(backend: Backend, store: MonitorStore):
    """What the monitor has seen is more than what the operator says was signed."""
    signed(backend, 5)
    signed(backend, 4, seed=1)
    first(backend, store)
    signed(backend, 6, seed=2)
    given_up(backend)
    store.accept(_later(store))

    (alert,) = then(backend, store).alerts

    assert (alert.alarm, alert.origin, alert.at) == (Alarm.HISTORY_CUT, SUCCESSOR, 0)
    assert ORIGIN in alert.says
    assert "at size 15" in alert.says
    assert "20 entries" in alert.says


def test_another_root_of_the_last_size_is_a_cut_too(backend: Backend, store: MonitorStore):
    signed(backend, 5)
    first(backend, store)
    give_up(backend.data, SIGNER, LOG, [Checkpoint(ORIGIN, 6, bytes(32))], "a test", NOW)
    publish(backend.data, SIGNER, NOW)
    store.accept(_later(store, size=6))

    assert alarms(then(backend, store)) == [(Alarm.HISTORY_CUT, 0)]


def test_a_head_beyond_the_end_is_told_whoever_shows_it(backend: Backend, store: MonitorStore):
    signed(backend, 5)
    first(backend, store)
    given_up(backend)
    then(backend, store)
    beyond = SIGNER.sign(Checkpoint(ORIGIN, 6, bytes(32)))
    other = SIGNER.sign(Checkpoint(ORIGIN, 5, bytes(32)))

    assert alarms(first(backend, store, beyond)) == [(Alarm.AFTER_CLOSING, 6)]
    assert alarms(first(backend, store, heads=(beyond,))) == [(Alarm.AFTER_CLOSING, 6)]
    assert alarms(first(backend, store, other)) == [(Alarm.SPLIT_VIEW, 5)]


def test_a_policy_that_names_the_end_is_enough(backend: Backend, store: MonitorStore):
    signed(backend, 5)
    seen = first(backend, store).accepted
    assert seen is not None
    policy = Policy(BOTH.logs, (), ended=(seen.head,))
    beyond = Shown(backend, note=SIGNER.sign(Checkpoint(ORIGIN, 6, bytes(32))))

    assert alarms(follow(beyond, store, policy, ORIGIN, NOW)) == [(Alarm.AFTER_CLOSING, 6)]
    assert alarms(follow(Shown(backend), store, policy, ORIGIN, NOW)) == []


def test_an_end_that_is_under_no_accepted_head_is_not_believed(backend: Backend, store: MonitorStore):
    signed(backend, 5)
    given_up(backend)
    told = Shown(backend, log=NEXT)
    lying = Shown(backend, log=NEXT, note=SIGNER.sign(Checkpoint(SUCCESSOR, 1, bytes(32))))

    assert alarms(follow(lying, store, BOTH, SUCCESSOR, NOW)) == [(Alarm.INCONSISTENT, 1)]
    assert beginnings.end_of(store, ORIGIN) is None

    follow(told, store, BOTH, SUCCESSOR, NOW)
    assert beginnings.end_of(store, ORIGIN) is not None


def test_a_stranger_s_line_changes_nothing(backend: Backend, store: MonitorStore):
    signed(backend, 5)
    given_up(backend)
    then(backend, store)

    assert alarms(first(backend, store, cosigned(Shown(backend).head(), NOW // 1000))) == []


def _later(store: MonitorStore, size: int = 20):
    """A head that the monitor has accepted, and nobody else remembers."""
    seen = store.newest(ORIGIN)
    assert seen is not None
    return dataclasses.replace(seen, head=Checkpoint(ORIGIN, size, bytes([9] * 32)))
