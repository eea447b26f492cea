"""Resident identity numbers: the check character, the old form, the date."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.fields.resident_id import (
    InvalidResidentId,
    birth,
    canonical,
    check_character,
    mask,
    old_form,
)

FULL = "11010519491231002X"  # the specimen number of the standard itself


@pytest.mark.parametrize(
    "written",
    [
        FULL,
        FULL.lower(),
        f" {FULL} ",
        "110105 19491231 002X",
        "110105-19491231-002x",
        f"'{FULL}",
        "１１０１０５１９４９１２３１００２Ｘ",
        "110105491231002",
    ],
)
def test_every_spelling_is_one_number(written):
    assert canonical(written) == FULL


@pytest.mark.parametrize(
    "text",
    [
        "",
        "110105194912310021",
        "11010519491231002",
        "11010519491231002XX",
        "990105194912310020",
        "X1010519491231002X",
        "110***********002X",
        "13800138000",
        "110105491331002",
        "abc",
    ],
)
def test_what_cannot_have_been_issued_is_refused_without_repeating_it(text):
    with pytest.raises(InvalidResidentId) as refusal:
        canonical(text)
    assert refusal.value.code.startswith("resident_id.")
    assert str(refusal.value) == "not a resident identity number"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("abc", "resident_id.invalid"),
        ("X1010519491231002X", "resident_id.invalid"),
        ("11010519491231002", "resident_id.length"),
        ("11010519491231002XX", "resident_id.invalid"),
        ("990105194912310020", "resident_id.region"),
        ("110105194902290020", "resident_id.date"),
        ("110105491331002", "resident_id.date"),
        ("110105194912310021", "resident_id.check_digit"),
    ],
)
def test_a_refusal_says_what_is_wrong_with_the_number(text, reason):
    with pytest.raises(InvalidResidentId) as refusal:
        canonical(text)
    assert refusal.value.code == reason


def test_the_birthday_and_the_old_form_are_read_from_the_number():
    assert birth(FULL) == date(1949, 12, 31)
    assert old_form(FULL) == "110105491231002"
    assert canonical(old_form(FULL)) == FULL
    assert old_form("110105" + "20100101" + "0021") is None


@pytest.mark.parametrize("day", ["19490229", "19491301", "19490001", "19490631", "00000101"])
def test_a_date_that_never_was_is_refused_even_with_a_right_check_character(day):
    digits = f"110105{day}002"
    with pytest.raises(InvalidResidentId):
        canonical(digits + check_character(digits))


@given(st.integers(0, 17), st.sampled_from("0123456789X"))
def test_one_wrong_character_is_always_noticed(at, other):
    if FULL[at] == other:
        return
    with pytest.raises(InvalidResidentId):
        canonical(FULL[:at] + other + FULL[at + 1 :])


@given(st.integers(0, 16))
def test_two_neighbours_exchanged_are_always_noticed(at):
    swapped = FULL[:at] + FULL[at + 1] + FULL[at] + FULL[at + 2 :]
    if swapped == FULL:
        return
    with pytest.raises(InvalidResidentId):
        canonical(swapped)


@given(st.dates(), st.integers(0, 999), st.sampled_from(["110105", "440301", "810000", "911234"]))
def test_what_is_built_by_the_rule_is_accepted_as_it_is(day, serial, region):
    digits = f"{region}{day:%Y%m%d}".ljust(14, "0")[:14] + f"{serial:03d}"
    if not digits[6:10].isdecimal() or day.year < 1000:
        return
    number = digits + check_character(digits)
    assert canonical(number) == number


@given(st.text(max_size=25))
def test_the_canonical_form_of_a_canonical_form_is_itself(text):
    try:
        once = canonical(text)
    except InvalidResidentId:
        return
    assert canonical(once) == once


def test_the_mask_keeps_region_and_end():
    assert mask(FULL) == "110***********002X"
