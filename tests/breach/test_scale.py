"""Words for weights are those of the scale, capped where validation ends."""

import math

import pytest

from breach.trace.scale import MOST_STATED, support


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (1.0, "no support"),
        (2.0, "weak support"),
        (10.0, "moderate support"),
        (99.0, "moderate support"),
        (100.0, "moderately strong support"),
        (1e3, "strong support"),
        (1e4, "very strong support"),
    ],
)
def test_a_ratio_has_its_word(ratio, words):
    said = support(math.log(ratio))

    assert said["words"]["en"] == words
    assert not said["capped"]


@pytest.mark.parametrize("ln_ratio", [25.0, 20_000.0])
def test_no_more_is_stated_than_validation_carries(ln_ratio):
    assert support(ln_ratio) == {**support(math.log(MOST_STATED)), "capped": True}


def test_what_speaks_for_innocence_supports_nothing():
    assert support(-900.0)["words"]["en"] == "no support"
