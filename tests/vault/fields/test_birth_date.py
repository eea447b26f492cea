"""Dates of birth: many spellings, one day; and when somebody stops being a child."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.fields.birth_date import InvalidBirthDate, age_on, canonical, day_of, mask


@pytest.mark.parametrize(
    "written",
    [
        "1990-01-31",
        "19900131",
        "19900131.0",
        "1990/1/31",
        "1990.1.31",
        "1990年1月31日",
        "1990年01月31号",
        "1990 年 1 月 31 日",
        "一九九〇年一月三十一日",
        "一九九零年一月三一日",
        "１９９０－０１－３１",
        "1990-01-31 00:00:00",
        "1990-01-31T00:00:00.000Z",
        " '1990-01-31",
    ],
)
def test_every_spelling_is_one_day(written):
    assert canonical(written.strip()) == "1990-01-31"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "birth_date.invalid"),
        ("31/01/1990", "birth_date.invalid"),
        ("900131", "birth_date.invalid"),
        ("1990-**-**", "birth_date.invalid"),
        ("January 1990", "birth_date.invalid"),
        ("1990-02-30", "birth_date.day"),
        ("19901301", "birth_date.day"),
        ("1900-02-29", "birth_date.day"),
        ("0000-01-01", "birth_date.day"),
        ("1799-12-31", "birth_date.year"),
        ("2201-01-01", "birth_date.year"),
        ("一九九〇年十五月一日", "birth_date.day"),
        ("一十九〇年一月一日", "birth_date.invalid"),
    ],
)
def test_what_is_no_day_is_refused_with_its_reason_and_not_repeated(text, reason):
    with pytest.raises(InvalidBirthDate) as refusal:
        canonical(text)
    assert refusal.value.code == reason
    assert str(refusal.value) == "not a date of birth"


DAYS = st.dates(date(1800, 1, 1), date(2200, 12, 31))


@given(
    DAYS,
    st.sampled_from(
        ["{:%Y%m%d}", "{:%Y-%m-%d}", "{0.year}/{0.month}/{0.day}", "{0.year}年{0.month}月{0.day}日"]
    ),
)
def test_every_day_survives_every_spelling(day, written):
    assert day_of(canonical(written.format(day))) == day


@given(st.text(max_size=25) | st.from_regex(r"[0-9]{4}[-/.]?[0-9]{1,2}[-/.]?[0-9]{1,2}", fullmatch=True))
def test_the_canonical_form_of_a_canonical_form_is_itself(text):
    try:
        once = canonical(text)
    except InvalidBirthDate:
        return
    assert canonical(once) == once


@given(DAYS)
def test_the_mask_shows_the_year_only(day):
    assert mask(day.isoformat()) == f"{day.year:04d}-**-**"


@pytest.mark.parametrize(
    ("born", "last_day_of_childhood"),
    [
        (date(2012, 11, 21), date(2026, 11, 21)),
        (date(2012, 2, 29), date(2026, 2, 28)),
        (date(2012, 2, 28), date(2026, 2, 28)),
        (date(2010, 12, 31), date(2024, 12, 31)),
    ],
)
def test_a_child_turns_fourteen_on_the_day_after_the_birthday(born, last_day_of_childhood):
    assert age_on(born, last_day_of_childhood) == 13
    assert age_on(born, last_day_of_childhood + timedelta(days=1)) == 14


@given(DAYS, st.integers(0, 40_000))
def test_age_never_falls_as_days_pass(born, lived):
    today = born + timedelta(days=lived)
    assert age_on(born, today) <= age_on(born, today + timedelta(days=1)) <= age_on(born, today) + 1
