"""The formula of one e-value, its threshold and the exact limit of the outside rate."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breach.trace.guilt import FRACTIONS, ln_e, ln_sum_exp, threshold, upper_limit


def test_the_grid_has_twelve_fractions_from_a_fifth_of_a_percent_to_nearly_all():
    assert len(FRACTIONS) == 12
    assert (FRACTIONS[0], FRACTIONS[-1]) == (0.002, 0.995)


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.floats(1e-6, 1))
def test_it_is_the_mean_likelihood_ratio_written_out(hits, misses, pi):
    plain = math.fsum((1 + f * (1 - pi) / pi) ** hits * (1 - f) ** misses for f in FRACTIONS) / 12

    assert ln_e(hits, hits + misses, pi) == pytest.approx(math.log(plain), abs=1e-9)


@settings(deadline=None)
@given(st.integers(1, 60), st.floats(1e-4, 0.9))
def test_its_expectation_under_innocence_is_one(held, pi):
    def chance(hits):
        return math.comb(held, hits) * pi**hits * (1 - pi) ** (held - hits)

    expectation = math.fsum(chance(h) * math.exp(ln_e(h, held, pi)) for h in range(held + 1))

    assert expectation == pytest.approx(1, abs=1e-9)


@given(st.integers(0, 50), st.integers(0, 500), st.floats(1e-6, 1))
def test_a_lower_hit_count_never_speaks_louder(hits, misses, pi):
    held = hits + misses + 1

    assert ln_e(hits, held, pi) <= ln_e(hits + 1, held, pi) + 1e-9


def test_records_that_did_not_leak_speak_for_the_recipient():
    assert ln_e(10, 20, 1e-3) > ln_e(10, 2_000, 1e-3) > ln_e(10, 200_000, 1e-3)


def test_nothing_speaks_against_anybody_when_the_outside_may_know_everything():
    assert ln_e(50, 50, 1.0) == pytest.approx(0)


def test_the_threshold_of_the_reference_is_twenty_point_seven():
    assert threshold(1000, 1e-6) == pytest.approx(20.72, abs=0.01)


def test_no_hit_among_a_hundred_thousand_controls_bounds_the_rate_as_published():
    assert upper_limit(0, 100_000, 1e-7) == pytest.approx(1.6e-4, rel=0.01)


@settings(deadline=None)
@given(st.data(), st.integers(1, 80), st.sampled_from([1e-7, 1e-3, 0.025, 0.1]))
def test_the_limit_is_exact_and_never_too_low(data, total, level):
    hits = data.draw(st.integers(0, total))

    limit = upper_limit(hits, total, level)

    if hits == total:
        assert limit == 1
        return
    tail = math.fsum(math.comb(total, k) * limit**k * (1 - limit) ** (total - k) for k in range(hits + 1))
    assert tail == pytest.approx(level, rel=1e-6)


def test_the_limit_holds_for_large_numbers():
    limit = upper_limit(5_000, 100_000, 0.025)

    assert (
        0.05 + 1.95 * math.sqrt(0.05 * 0.95 / 1e5) < limit < 0.05 + 1.99 * math.sqrt(0.05 * 0.95 / 1e5) + 1e-5
    )


@pytest.mark.parametrize("arguments", [(5, 4, 0.1), (-1, 4, 0.1), (1, 4, 0.0), (1, 4, 1.1)])
def test_impossible_counts_are_a_programming_error(arguments):
    with pytest.raises(ValueError, match="hits"):
        ln_e(*arguments)


def test_a_sum_of_exponentials_survives_huge_exponents():
    assert ln_sum_exp([1000.0, 1000.0]) == pytest.approx(1000 + math.log(2))
    assert ln_sum_exp([]) == -math.inf
