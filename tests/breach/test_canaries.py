"""Planted persons and aliases as evidence: planning exactly, and never more than one in the mean for an innocent."""

import math
from fractions import Fraction
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breach.trace.canaries import (
    HALF,
    Planted,
    Shared,
    Tags,
    against_store,
    detection,
    needed,
    of_shared,
    of_tags,
    planned,
    weigh,
)

_ROUNDING = 1e-9


@pytest.mark.parametrize(
    ("held", "planted"), [(0, 20), (4_000, 20), (4_001, 21), (50_000, 250), (10**6, 250)]
)
def test_half_a_percent_is_planted_within_bounds(held: int, planted: int) -> None:
    """tracing.md §2.3: clip(0.5 % of |R|, 20, 250)."""
    assert planned(held) == planted


@given(people=st.integers(1, 60), data=st.data())
def test_the_chance_of_showing_is_hypergeometric(people: int, data: st.DataObject) -> None:
    """Against the definition, in whole numbers."""
    planted, leaked = data.draw(st.integers(0, people)), data.draw(st.integers(0, people))

    exact = 1 - Fraction(math.comb(people - planted, leaked), math.comb(people, leaked))

    assert detection(planted, people, leaked) == pytest.approx(float(exact), abs=1e-9)


@pytest.mark.parametrize(
    ("fraction", "k"), [(0.01, 459), (0.02, 228), (0.05, 90), (0.1, 44), (0.2, 21), (0.5, 7)]
)
def test_the_known_numbers_for_99_percent(fraction: float, k: int) -> None:
    """tracing.md §2.3 gives them for a leak drawn with replacement; of many people the exact ones come within one."""
    assert needed(1_000_000, fraction, 0.99) == pytest.approx(k, abs=1)


def test_chance_shows_no_more_than_one_in_the_mean() -> None:
    """Every assignment of an innocent's tags in a small space, against any file: the mean e-value is at most 1."""
    for space, issued, tried in ((5, 2, 2), (8, 3, 2), (4, 2, 4), (6, 1, 3)):
        file = set(range(tried))
        means = [
            math.fsum(
                math.exp(of_tags(len(file & set(tags)), issued, tried, math.log(space))) for tags in each
            )
            / len(each)
            for each in (list(product(range(space), repeat=issued)), list(combinations(range(space), issued)))
        ]

        assert max(means) <= 1 + _ROUNDING


@given(delivered=st.integers(1, 12), dark=st.integers(0, 12), data=st.data())
def test_a_copy_of_the_store_speaks_against_nobody(delivered: int, dark: int, data: st.DataObject) -> None:
    """Drawn from delivered and dark alike, however many are drawn, the mean e-value is at most 1."""
    drawn = data.draw(st.integers(0, delivered + dark))
    ways = math.comb(delivered + dark, drawn)

    mean = math.fsum(
        math.comb(delivered, found)
        * math.comb(dark, drawn - found)
        / ways
        * math.exp(against_store(found, delivered, drawn - found, dark))
        for found in range(max(0, drawn - dark), min(drawn, delivered) + 1)
    )

    assert mean <= 1 + _ROUNDING


@given(st.lists(st.booleans(), min_size=1, max_size=7))
def test_shared_persons_have_mean_one_whatever_is_found(present: list[bool]) -> None:
    """Over every way in which an innocent can have been given them."""
    mean = math.fsum(
        HALF ** len(present) * math.exp(of_shared(present, held))
        for held in product((False, True), repeat=len(present))
    )

    assert mean == pytest.approx(1, abs=1e-9)


def test_one_alias_row_is_enough() -> None:
    """tracing.md §4.4: of a million aliases of 64 bits one is found, beside a thousand forged ones."""
    bar = math.log(1_000 / 1e-6)
    tags = Tags(ln_space=64 * math.log(2), issued=(1_000, 1_000), hits=(1, 0), tried=1)

    found = weigh([tags]).aliases

    assert found[0] > bar
    assert -0.1 < found[1] < 0


def test_planted_persons_count_against_our_own_store() -> None:
    """One found may be a copy of the store's; ten and no dark one is not; with dark ones it is our store."""
    bits = 64 * math.log(2)

    def seen(found: int, dark_found: int) -> Planted:
        return Planted(
            delivered=(50, 50),
            found=(found, 0),
            dark=1_000,
            dark_found=dark_found,
            tags=(Tags(ln_space=bits, issued=(50, 50), hits=(found, 0), tried=found),),
            dark_tags=(Tags(ln_space=bits, issued=(1_000,), hits=(dark_found,), tried=found + dark_found),),
        )

    assert 2 < weigh([], seen(1, 0)).planted[0] < 4
    assert weigh([], seen(10, 0)).planted[0] > 25
    assert weigh([], seen(10, 5)).planted[0] < 0
    assert weigh([], seen(10, 5)).own_store > 25


def test_those_who_drop_what_only_one_has_are_seen_by_what_two_have() -> None:
    """tracing.md §2.3: two colluders who publish only common rows, f = 30 %, of 1,024 shared persons."""
    size = 1_024
    held = tuple(tuple(bool((x >> i) & 1) for x in range(size)) for i in range(3))
    both = [x for x in range(size) if held[0][x] and held[1][x]]
    shown = set(both[:: 10 // 3])

    found = weigh([], None, Shared(present=tuple(x in shown for x in range(size)), held=held)).planted

    assert min(found[0], found[1]) > math.log(1_000 / 1e-6)
    assert found[2] < 0
