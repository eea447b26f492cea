"""Calibration figures against their definitions: by brute force over small cases, and on ratios known to be true."""

import math
import random
from itertools import combinations_with_replacement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breach.trace.calibration import calibrate, cllr, cllr_min, most_supported

RATIOS = st.lists(st.integers(-6, 6).map(float), min_size=1, max_size=5)


def gaussian(dice, shift, count):
    """True ln ratios of two normal laws `shift` apart: calibrated by construction."""
    guilty = [shift * (dice.gauss(shift / 2, 1)) for _ in range(count)]
    innocent = [shift * (dice.gauss(-shift / 2, 1)) for _ in range(count)]
    return guilty, innocent


def test_saying_nothing_costs_one_bit_and_being_right_beyond_doubt_none():
    assert cllr([0.0], [0.0, 0.0]) == pytest.approx(1)
    assert cllr([800.0], [-800.0]) == pytest.approx(0, abs=1e-12)
    assert cllr([-10.0], [10.0]) == pytest.approx(10 / math.log(2), rel=1e-4)
    assert cllr_min([3.0, 4.0], [1.0, 2.0]) == 0
    assert cllr_min([0.0], [0.0, 0.0]) == pytest.approx(1)


@given(RATIOS, RATIOS)
def test_no_increasing_function_of_the_ratios_costs_less_than_the_pooled_ones(guilty, innocent):
    """Brute force: every non-decreasing assignment of a grid of ratios to the distinct values."""
    pooled = cllr_min(guilty, innocent)
    values = sorted({*guilty, *innocent})
    assert pooled <= cllr(guilty, innocent) + 1e-9
    assert pooled <= 1 + 1e-9

    for chosen in combinations_with_replacement(
        (-30.0, -1.5, -0.7, 0.0, 0.7, 1.5, 30.0), min(len(values), 4)
    ):
        if len(chosen) == len(values):
            to = dict(zip(values, chosen, strict=True))
            assert pooled <= cllr([to[one] for one in guilty], [to[one] for one in innocent]) + 1e-9


def test_true_ratios_need_no_calibration_and_false_ones_are_mended_by_it():
    guilty, innocent = gaussian(random.Random(1), 2.5, 20_000)

    true = calibrate(guilty, innocent)
    doubled = calibrate([2 * one for one in guilty], [2 * one for one in innocent])

    assert true.cllr - true.cllr_min < 0.01
    assert true.sound
    assert doubled.cllr > true.cllr + 0.02
    assert doubled.cllr_min == pytest.approx(true.cllr_min)
    assert doubled.above[10.0] > true.above[10.0]


@pytest.mark.parametrize("innocents", [10, 1_000, 100_000])
def test_no_more_is_supported_than_the_number_of_innocents_carries(innocents):
    guilty, innocent = [50.0] * 99, [-50.0] * innocents

    assert most_supported(guilty, innocent) == pytest.approx(math.log(0.99 * (innocents + 1)))
    assert most_supported(innocent, guilty) == 0


@given(RATIOS, RATIOS)
def test_the_cap_is_the_first_ratio_that_costs_more_than_saying_nothing(guilty, innocent):
    cap = most_supported(guilty, innocent)

    def loses(at):
        good = sum(one > at for one in guilty) / (len(guilty) + 1)
        bad = (sum(one > at for one in innocent) + 1) / (len(innocent) + 1)
        return bad * math.exp(at) > good + 1e-12

    assert not any(loses(cap * step / 40) for step in range(40)) or cap == 0
    assert loses(cap + 1e-6)


def test_calibration_of_nobody_is_refused():
    with pytest.raises(ValueError, match="guilty and innocent"):
        calibrate([1.0], [])
