"""Honey persons in an uploaded file, when the process that found them did not live to say so."""

import pytest

from breach.honey import sweep
from breach.pipeline.run import trace
from tests.breach.leaks import row, write
from tests.breach.test_pipeline import take
from vault.honey.watch import HoneyWatch
from vault.people.honey import alarms, watch_over


@pytest.fixture
def silent(small_town, lost, tmp_path, monkeypatch):
    """A file in which two honey persons are shown was traced, a third is not in it, and no alarm was written."""
    vault, now = small_town.vault, small_town.world.now
    honey = [small_town.people[at] for at in (45, 50, 3)]
    watch_over(vault, [(one.bucket, one.subject) for one in honey], now)
    with monkeypatch.context() as dead:
        dead.setattr(HoneyWatch, "_queue", lambda *_: None)
        dump = take(vault, lost, tmp_path, now)
        trace(vault, dump, now_ms=now)
    return dump


def raised(vault):
    vault.watch.settle()
    with vault.data.read() as conn:
        return alarms(conn)


def test_alarms_of_a_file_that_were_never_written_are_swept_from_what_the_trace_found(small_town, silent):
    vault, now = small_town.vault, small_town.world.now
    assert raised(vault) == []

    assert sweep(vault, now + 1) == 0
    assert sweep(vault, now) == 2
    assert sweep(vault, now) == 0

    told = raised(vault)
    assert {(one.source, one.who, one.place) for one in told} == {("dump", "trace", silent.name)}
    assert len({one.honey for one in told}) == 2


def test_another_spelling_of_a_honey_persons_mailbox_rings_as_well(small_town, tmp_path):
    vault, now = small_town.vault, small_town.world.now
    honey = small_town.people[45]
    watch_over(vault, [(honey.bucket, honey.subject)], now)
    name, phone, mail = row(41)
    spelt = row(45)[2].replace("@", "+shop@")

    trace(
        vault,
        take(vault, write(tmp_path / "spelt.csv", [[name, phone, mail], ["谁", "", spelt]]), tmp_path, now),
        now_ms=now,
    )

    assert len(raised(vault)) == 1


def test_what_a_trace_has_rung_for_is_not_rung_for_again(small_town, lost, tmp_path):
    vault, now = small_town.vault, small_town.world.now
    honey = small_town.people[45]
    watch_over(vault, [(honey.bucket, honey.subject)], now)
    trace(vault, take(vault, lost, tmp_path, now), now_ms=now)
    (rung,) = raised(vault)

    assert sweep(vault, now) == 0
    assert raised(vault) == [rung]
