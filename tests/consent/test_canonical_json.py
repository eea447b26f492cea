"""Canonical JSON against the samples of RFC 8785: what hashes and signatures are over is what anybody else would write."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.ids import canonical_json
from tests.vectors.published import published

SAMPLES = published("jcs")["samples"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def whole(text):
    """A number as ECMAScript has it: one without a fraction is an integer, however it was written."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda one: one["name"])
def test_each_published_sample_gets_its_published_form(sample):
    assert canonical_json(json.loads(sample["input"], parse_float=whole)) == sample["output"]


@given(st.dictionaries(TEXTS, TEXTS | st.integers() | st.lists(st.dictionaries(TEXTS, TEXTS))))
def test_members_stand_in_the_order_of_their_utf_16_units_at_every_depth(document):
    def ordered(found):
        if isinstance(found, list):
            return [ordered(one) for one in found]
        if isinstance(found, dict):
            names = list(found)
            assert names == sorted(names, key=lambda name: name.encode("utf-16-be"))
            return {name: ordered(value) for name, value in found.items()}
        return found

    text = canonical_json(document)

    assert ordered(json.loads(text)) == document
    assert canonical_json(dict(reversed(document.items()))) == text


def test_what_json_has_no_word_for_is_refused():
    with pytest.raises(ValueError):
        canonical_json({"n": float("nan")})
