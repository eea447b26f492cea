"""A report is computed again from the sealed dump, byte for byte; what differs is told."""

import json

import pytest
from sqlalchemy import func, select

from breach.errors import DumpDamaged
from breach.intake.quarantine import receive
from breach.pipeline.replay import replay
from breach.pipeline.report import report_json, stored
from breach.pipeline.run import trace
from breach.tables import trace as trace_table
from breach.tables import trace_item
from tests.breach.leaks import HOUR
from tests.vault.people import made_up as people


@pytest.fixture
def traced(small_town, lost, tmp_path):
    vault, now = small_town.vault, small_town.world.now
    kept = receive(vault, [lost], tmp_path / "q", now_ms=now)
    return vault, kept, trace(vault, kept, now_ms=now), now + HOUR


def rows(vault, table):
    with vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()


def test_a_replay_writes_the_same_bytes_and_leaves_no_rows(traced):
    vault, kept, told, later = traced
    before = rows(vault, trace_item), rows(vault, trace_table)

    again = replay(vault, kept, stored(report_json(told)), now_ms=later)

    assert again.same
    assert again.differences == ()
    assert report_json(again.report) == report_json(told)
    assert (rows(vault, trace_item), rows(vault, trace_table)) == before


def test_a_figure_somebody_changed_is_pointed_at(traced):
    vault, kept, told, later = traced
    forged = json.loads(report_json(told))
    forged["ranking"][0]["ln_e"] += 1
    forged["method"]["code"]["weighing"] = "0" * 64

    again = replay(vault, kept, stored(json.dumps(forged)), now_ms=later)

    assert not again.same
    assert [place for place, _, _ in again.differences] == ["/method/code/weighing", "/ranking/0/ln_e"]


def test_people_who_came_later_change_nothing(traced):
    vault, kept, told, later = traced
    people.enrol(vault, range(200, 203), later)

    assert replay(vault, kept, told, now_ms=later).same


def test_a_report_about_another_file_is_refused(traced):
    vault, kept, told, later = traced
    other = json.loads(report_json(told))
    other["dump"]["sha256"] = "0" * 64

    with pytest.raises(DumpDamaged):
        replay(vault, kept, stored(json.dumps(other)), now_ms=later)
