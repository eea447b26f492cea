"""Hiding the middle: never more shown than promised, never more than half."""

from hypothesis import given
from hypothesis import strategies as st

from vault.fields.veil import keep_ends


@given(st.text(st.characters(exclude_characters="*"), max_size=40), st.integers(0, 12), st.integers(0, 12))
def test_only_the_ends_are_shown_and_at_least_half_is_hidden(value, first, last):
    shown = keep_ends(value, first, last)

    assert len(shown) == len(value)
    assert shown.count("*") * 2 >= len(value)
    assert shown.count("*") >= len(value) - first - last
    for at, (a, b) in enumerate(zip(shown, value, strict=True)):
        assert a == "*" or (a == b and (at < first or at >= len(value) - last))


def test_examples():
    assert keep_ends("E12345678", 1, 3) == "E*****678"
    assert keep_ends("12345", 1, 3) == "1***5"
    assert keep_ends("1", 1, 3) == "*"
