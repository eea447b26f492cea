"""Chinese numerals: by value, digit by digit, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.fields.numerals import to_digits

DIGITS = "零一二三四五六七八九"


def by_value(number: int) -> str:
    """The obvious way to write 1 to 9,999."""
    text, gap = "", False
    for weight, unit in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // weight % 10
        if digit:
            text += ("零" if gap and text else "") + DIGITS[digit] + unit
        gap = digit == 0
    return text.removeprefix("一") if 10 <= number < 20 else text


@given(st.integers(1, 9_999))
def test_a_number_written_by_value_is_read_back(number):
    assert to_digits(by_value(number)) == str(number)


@given(st.integers(1, 9_999))
def test_a_number_written_digit_by_digit_is_read_back(number):
    assert to_digits("".join(DIGITS[int(d)] for d in str(number))) == str(number)


@pytest.mark.parametrize(
    ("text", "number"), [("〇", "0"), ("五〇一", "501"), ("一百零五", "105"), ("十", "10"), ("二十", "20")]
)
def test_examples(text, number):
    assert to_digits(text) == number


@pytest.mark.parametrize("text", ["", "十十", "百千", "三十二百", "abc", "12", "零十"])
def test_what_is_no_number_is_none(text):
    assert to_digits(text) is None
