"""Free text: kept line by line, never shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.fields.note import MAX_NOTE, InvalidNote, canonical, mask


def test_lines_stay_lines_and_each_is_cleaned():
    assert canonical("\n  Rings\u3000twice. \r\n\r\nHas\u200b a dog.\n\n") == "Rings twice.\n\nHas a dog."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "note.empty"),
        (" \n\u200b\n", "note.empty"),
        ("x" * (MAX_NOTE + 1), "note.length"),
        ("\ufdfa" * MAX_NOTE, "note.length"),
    ],
)
def test_nothing_and_too_much_are_refused(text, reason):
    with pytest.raises(InvalidNote) as refusal:
        canonical(text)
    assert refusal.value.code == reason


@given(st.text(max_size=200))
def test_the_canonical_form_of_a_canonical_form_is_itself(text):
    try:
        once = canonical(text)
    except InvalidNote:
        return
    assert canonical(once) == once


@given(st.text(min_size=1, max_size=100))
def test_the_mask_is_the_same_whatever_the_text(text):
    assert mask(text) == "***"
