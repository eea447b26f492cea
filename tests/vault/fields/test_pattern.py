"""Patterns of operators' fields: the same answers as the expressions they look like, in bounded time."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.fields.pattern import BadPattern, parse

ITEMS = st.tuples(
    st.sampled_from(["a", "b", r"\d", "[ab]", "[a-c]", "[b0-9]", r"\-", r"\?", "[一-龥]"]),
    st.sampled_from(["", "?", "{2}", "{0,1}", "{1,3}", "{0,4}"]),
).map("".join)
PATTERNS = st.lists(st.lists(ITEMS, min_size=1, max_size=5).map("".join), min_size=1, max_size=3).map(
    "|".join
)


@given(PATTERNS, st.text("abc019-?张", max_size=12))
def test_a_pattern_matches_what_the_regular_expression_of_the_same_spelling_matches(pattern, text):
    as_expression = "|".join(f"(?:{part})" for part in pattern.split("|"))
    assert parse(pattern).matches(text) == (re.fullmatch(as_expression, text, re.ASCII) is not None)


REFUSED = r"""
a* a+ (a) a. ^a a$ [ [] [^a] a{2 a{3,2} a{0} ? a?? a||b |a [b-a] [\d] [\w] [a-] \w a{201} a{100}b{101} a{1}{2}
"""


@pytest.mark.parametrize("text", ["", "a" * 201, *REFUSED.split()])
def test_what_the_rules_do_not_have_is_refused(text):
    with pytest.raises(BadPattern):
        parse(text)


def test_a_pattern_that_would_make_a_backtracking_matcher_hang_is_answered_at_once():
    pattern = parse("a?" * 60 + "a{60}b")
    started = time.process_time()

    assert not pattern.matches("a" * 120)
    assert time.process_time() - started < 1


def test_bits_bound_how_many_values_there_are():
    assert parse(r"\d{4}").bits == pytest.approx(13.29, abs=0.01)
    assert parse("[A-Z]{2}|[A-Z]{2}").bits == pytest.approx(10.4, abs=0.01)
    assert parse("a").bits == 0
    assert parse("a?").bits == 1


def test_ends_are_as_hard_to_guess_as_the_characters_allowed_there():
    assert parse(r"[A-Z]{2}\d{6,10}").end_bits(2, 0) == pytest.approx(9.4, abs=0.01)
    assert parse(r"[A-Z]{2}\d{6,10}").end_bits(1, 4) == pytest.approx(4.7 + 13.29, abs=0.01)
    assert parse(r"\d{4}").end_bits(3, 3) == parse(r"\d{4}").bits
    assert parse(r"A\d|B\d").end_bits(1, 0) == 1
