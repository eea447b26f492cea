"""Cleaning: what every text goes through first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.fields.text import ascii_digits, clean, fold_case


@given(st.text())
def test_cleaning_twice_changes_nothing(text):
    assert clean(clean(text)) == clean(text)


@given(st.text())
def test_folding_case_twice_changes_nothing(text):
    once = fold_case(clean(text))
    assert fold_case(once) == once


@given(st.text())
def test_nothing_invisible_and_no_double_blank_survives(text):
    result = clean(text)
    assert result == result.strip()
    assert "  " not in result
    assert all(c.isprintable() or not c.isascii() for c in result)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  a\t b\n", "a b"),
        ("ａｂｃ", "abc"),
        ("a\u200bb\ufeffc\u2060d", "abcd"),
        ("a\u3000b\u00a0c", "a b c"),
        ("e\u200d\u0301", "é"),
        ("\x00a\x7f", "a"),
        ("\u202eabc", "abc"),
        ("", ""),
    ],
)
def test_examples(text, expected):
    """What is invisible goes, blanks collapse, compatibility forms become plain."""
    assert clean(text) == expected


def test_digits_of_any_script_become_ascii():
    assert ascii_digits("١٢٣४५६") == "123456"
