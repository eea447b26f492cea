"""When a copy was taken: exact between deliveries, unmoved by stale rows, as wide as what is known."""

import random
from argparse import Namespace
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breach.pipeline.run import trace
from breach.trace.dating import Timeline, date_leak
from tests.bench import dating
from tests.bench.dating import HOUR, leaked
from tests.breach.leaks import row
from tests.breach.test_pipeline import take
from tests.consent.world import DAY
from tests.vault.people.made_up import change


def timeline(changes, rows, until=100):
    return Timeline(changes=changes, rows=rows, since=min(changes, default=0), until=until)


def test_rows_that_were_never_delivered_anew_date_nothing_but_their_delivery():
    dated = date_leak(timeline({20: 50}, 50))

    assert (dated.low, dated.median, dated.high) == (24, 60, 96)
    assert dated.fitting == dated.rows == 50


def test_the_copy_lies_between_what_it_shows_and_what_it_does_not_show_yet():
    dated = date_leak(timeline({0: 60, 40: 20, 80: -60}, 80))

    assert (dated.low, dated.median, dated.high) == (42, 60, 78)


def test_stale_rows_move_nothing_however_far_they_lie():
    """Of a thousand rows ten are older than the rest: the span that all of them allow is empty."""
    dated = date_leak(timeline({0: 500 + 10, 10: -10, 40: 490, 80: -400}, 1_000))

    assert (dated.low, dated.median, dated.high) == (42, 60, 78)
    assert dated.fitting == 990


def test_a_row_delivered_after_the_copy_can_only_be_damage():
    dated = date_leak(timeline({0: 100, 50: -20, 90: 1}, 101))

    assert dated.high <= 50


@pytest.mark.parametrize("nothing", [timeline({}, 0), timeline({100: 3}, 3), timeline({120: 3}, 3)])
def test_without_rows_or_without_time_there_is_no_date(nothing):
    assert date_leak(nothing) is None


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.integers(0, 99), st.integers(0, 40), min_size=1))
def test_the_middle_lies_inside_and_all_of_it_between_delivery_and_arrival(changes):
    rows = sum(changes.values())
    dated = date_leak(timeline(changes, rows))

    assert (dated is None) == (rows == 0)
    if dated is not None:
        assert min(changes) <= dated.low <= dated.median <= dated.high <= 100


def test_simulated_leaks_are_dated_within_hours_and_the_interval_holds_what_it_promises():
    """A fifth of the rows of the bar, each four times as lively; the bar itself is `tests.bench dating`."""
    dice = random.Random(3)
    errors, inside = [], 0
    for _ in range(24):
        tau, known = leaked(dice, 2_000, 0.2, 0.01)
        dated = date_leak(known)
        errors.append(abs(dated.median - tau) / HOUR)
        inside += dated.low <= tau <= dated.high

    assert median(errors) <= 15
    assert inside >= 18


def test_the_benchmark_says_which_size_misses_its_bar():
    result = dating.run(Namespace(corrupt=0.01, files=2, most_rows=1_000))

    assert [(case["rows"], case["files"]) for case in result["cases"]] == [(1_000, 2)]
    assert list(dating.failures(result)) == []
    result["cases"][0] |= {"most_hours": 12.0, "median_error_hours": 12.5}
    assert list(dating.failures(result)) == ["1,000 rows are dated 12.5 h off"]


def test_a_report_dates_the_copy_of_whoever_chance_does_not_explain(small_town, tmp_path):
    """The shop reads again on the tenth day and on the twentieth; what turns up was copied in between."""
    vault, world = small_town.vault, small_town.world
    start = world.now
    for numbers in (range(40, 60), range(60, 80)):
        world.tick(10 * DAY)
        for n in numbers:
            change(vault, small_town.people[n].subject, "phone", f"177{n:08d}", world.now)
        world.tick(HOUR)
        small_town.give("shop", list(numbers), ["name", "phone"])
    world.tick(10 * DAY)
    lines = [f"177{n:08d}" for n in range(40, 60)] + [row(n)[1] for n in range(60, 88)]

    report = trace(vault, take(vault, "\n".join(lines).encode(), tmp_path, world.now), now_ms=world.now)

    (dated,) = report.body["dating"]
    assert dated["recipient"] == small_town.recipient("shop")
    assert start + 10 * DAY < dated["from"] < dated["median"] < dated["until"] < start + 20 * DAY + 2 * HOUR
    assert abs(dated["median"] - start - 15 * DAY) < DAY
    assert (dated["values_held"], dated["values_held_then"]) == (48, 48)
    assert any("its copy was taken between" in sentence for sentence in report.body["statement"]["en"])
    assert any("副本取自" in sentence for sentence in report.body["statement"]["zh-CN"])
