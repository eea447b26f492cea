"""Bank cards: digits only, the check digit as a flag, and four digits of the mask."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.fields.bank_card import InvalidBankCard, canonical, mask, passes

EXAMPLE = "4111111111111111"  # the test number every payment provider documents


@pytest.mark.parametrize(
    "written",
    [
        EXAMPLE,
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        f"'{EXAMPLE}",
        "４１１１１１１１１１１１１１１１",
    ],
)
def test_every_spelling_is_one_number(written):
    assert canonical(written) == EXAMPLE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "bank_card.invalid"),
        ("4111 **** **** 1111", "bank_card.invalid"),
        ("card", "bank_card.invalid"),
        ("41111111111", "bank_card.length"),
        ("4" * 20, "bank_card.length"),
    ],
)
def test_what_is_no_number_is_refused_with_its_reason_and_not_repeated(text, reason):
    with pytest.raises(InvalidBankCard) as refusal:
        canonical(text)
    assert refusal.value.code == reason
    assert str(refusal.value) == "not a bank card number"


def test_a_number_with_a_wrong_check_digit_is_taken_and_flagged():
    assert passes(EXAMPLE)
    wrong = EXAMPLE[:-1] + "2"
    assert canonical(wrong) == wrong
    assert not passes(wrong)


@given(st.from_regex(r"[0-9]{11,18}", fullmatch=True), st.data())
def test_exactly_one_last_digit_passes_and_any_single_slip_is_flagged(digits, data):
    right = [digits + str(last) for last in range(10) if passes(digits + str(last))]
    assert len(right) == 1
    at = data.draw(st.integers(0, len(digits) - 1))
    slip = data.draw(st.sampled_from([d for d in "0123456789" if d != right[0][at]]))
    assert not passes(right[0][:at] + slip + right[0][at + 1 :])


@given(st.text(max_size=25) | st.from_regex(r"[0-9 \-]{10,25}", fullmatch=True))
def test_the_canonical_form_of_a_canonical_form_is_itself(text):
    try:
        once = canonical(text)
    except InvalidBankCard:
        return
    assert canonical(once) == once


@given(st.from_regex(r"[0-9]{12,19}", fullmatch=True))
def test_the_mask_shows_the_last_four_digits_only(number):
    assert mask(number) == "*" * (len(number) - 4) + number[-4:]
