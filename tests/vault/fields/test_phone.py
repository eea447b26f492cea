"""Phone numbers: many spellings, one canonical form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.fields.phone import InvalidPhone, canonical, mask

MOBILE = "13800138000"


@pytest.mark.parametrize(
    "written",
    [
        "13800138000",
        " 13800138000 ",
        "138 0013 8000",
        "138-0013-8000",
        "138.0013.8000",
        "+86 138 0013 8000",
        "+8613800138000",
        "8613800138000",
        "008613800138000",
        "0086 138-0013-8000",
        "(+86)13800138000",
        "(86) 138 0013 8000",
        "１３８００１３８０００",
        "+８６ １３８ ００１３ ８０００",
        "138\u200b00138000",
        "138\u00a00013\u00a08000",
        "138–0013–8000",
        "13800138000.0",
        "'13800138000",
        "١٣٨٠٠١٣٨٠٠٠",
    ],
)
def test_every_spelling_of_a_mobile_is_one_number(written):
    assert canonical(written) == MOBILE


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("+1 415-555-2671", "+14155552671"),
        ("001 415 555 2671", "+14155552671"),
        ("+44 20 7946 0018", "+442079460018"),
        ("+852 5123 4567", "+85251234567"),
        ("010-62345678", "+861062345678"),
        ("+86 10 6234 5678", "+861062345678"),
        ("(021) 6234-5678", "+862162345678"),
    ],
)
def test_other_numbers_become_e164(written, expected):
    assert canonical(written) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "abc",
        "1380013800",
        "12800138000",
        "138001380001",
        "1.38E+10",
        "138****8000",
        "13800138000/13900139000",
        "13800138000 ext 5",
        "user@example.com",
        "110105194912310021",
        "+999 12345678",
        "+",
        "86",
        "\u202e",
        "1" * 500,
    ],
)
def test_what_is_no_number_is_refused_without_repeating_it(text):
    with pytest.raises(InvalidPhone) as refusal:
        canonical(text)
    assert refusal.value.code.startswith("phone.")
    assert str(refusal.value) == "not a phone number"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("abc", "phone.invalid"),
        ("138****8000", "phone.invalid"),
        ("+1 202 555", "phone.length"),
        ("+1 202 555 01234567", "phone.length"),
        ("+999 12345678", "phone.country"),
        ("12800138000", "phone.range"),
        ("+1 000 555 0123", "phone.range"),
    ],
)
def test_a_refusal_says_what_is_wrong_with_the_number(text, reason):
    with pytest.raises(InvalidPhone) as refusal:
        canonical(text)
    assert refusal.value.code == reason


@given(st.from_regex(r"\+?[0-9 ()\-.]{5,20}", fullmatch=True) | st.text(max_size=30))
def test_the_canonical_form_of_a_canonical_form_is_itself(text):
    try:
        once = canonical(text)
    except InvalidPhone:
        return
    assert canonical(once) == once


@given(
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    st.sampled_from(["", "+86", "86", "0086", "+86 ", "86-"]),
)
def test_a_mobile_keeps_its_digits_under_any_prefix(number, prefix):
    assert canonical(prefix + number) == number


@pytest.mark.parametrize(
    ("value", "shown"),
    [("13800138000", "138****8000"), ("+14155552671", "+14*****2671"), ("+85251234567", "+85*****4567")],
)
def test_the_mask_keeps_the_ends(value, shown):
    assert mask(value) == shown
