"""Cleaning: what every text goes through first."""

import unicodedata

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


def obvious_clean(text: str) -> str:
    """The rule as it reads, with none of the short cuts."""
    kept = [
        c for c in unicodedata.normalize("NFKC", text) if c.isspace() or unicodedata.category(c)[0] != "C"
    ]
    return " ".join(unicodedata.normalize("NFKC", "".join(kept)).split())


@given(st.text() | st.text("张三丰 \u3000\u200bAé\t", max_size=8))
def test_the_short_cuts_change_nothing(text):
    assert clean(text) == obvious_clean(text)
    assert fold_case(clean(text)) == clean(clean(text).casefold())


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
