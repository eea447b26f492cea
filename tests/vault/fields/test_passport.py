"""Passports: one canonical form for every spelling, and no number refused that a state may have issued."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.fields.passport import InvalidPassport, canonical, is_chinese, mask


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("E12345678", "E12345678"),
        (" e 1234-5678 ", "E12345678"),
        ("'E12345678", "E12345678"),
        ("Ｅ１２３４５６７８", "E12345678"),
        ("EI2345678", "E12345678"),
        ("EO1234567", "E01234567"),
        ("C01X00T47", "C01X00T47"),
        ("C01X00T47<<<", "C01X00T47"),
        ("GB0123456", "GB0123456"),
        ("12345", "12345"),
    ],
)
def test_every_spelling_is_one_number(written, expected):
    assert canonical(written) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "passport.invalid"),
        ("E1234*678", "passport.invalid"),
        ("护照123456", "passport.invalid"),
        ("E123", "passport.length"),
        ("1" * 21, "passport.length"),
        ("ABCDEFGH", "passport.digits"),
    ],
)
def test_what_is_no_number_is_refused_with_its_reason_and_not_repeated(text, reason):
    with pytest.raises(InvalidPassport) as refusal:
        canonical(text)
    assert refusal.value.code == reason
    assert str(refusal.value) == "not a passport number"


@pytest.mark.parametrize(
    ("number", "chinese"),
    [
        ("E12345678", True),
        ("EA1234567", True),
        ("G12345678", True),
        ("DE1234567", True),
        ("KJ0123456", True),
        ("141234567", True),
        ("C01X00T47", False),
        ("123456789", False),
    ],
)
def test_chinese_numbers_are_told_by_their_shape(number, chinese):
    assert is_chinese(number) == chinese


@given(st.text(max_size=25) | st.from_regex(r"[A-Za-z0-9 \-<]{4,22}", fullmatch=True))
def test_the_canonical_form_of_a_canonical_form_is_itself(text):
    try:
        once = canonical(text)
    except InvalidPassport:
        return
    assert canonical(once) == once


@given(st.from_regex(r"[A-Z0-9]{4,19}[0-9]", fullmatch=True))
def test_the_mask_shows_one_character_and_three_at_most_and_hides_half(number):
    shown = mask(number)
    assert len(shown) == len(number)
    assert shown.count("*") >= len(number) / 2
    assert set(shown[1:-3]) <= {"*"}
    assert all(a in {b, "*"} for a, b in zip(shown, number, strict=True))
