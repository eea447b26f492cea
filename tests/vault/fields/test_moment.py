"""Moments: every spelling of one instant is one value, cut off at the precision that is stated."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.fields.moment import InvalidMoment, Precision, bits, canonical, mask

MINUTE = Precision.MINUTE


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T14:05:37.512Z",
        "2026-11-22 22:05:00+08:00",
        "２０２６/11/22 22:05 +08",
        "'2026-11-22t09:35:01-0430",
        "2026-11-22 14:05:59.999999 UTC",
    ],
)
def test_every_spelling_of_an_instant_is_one_value(text):
    assert canonical(text, MINUTE) == "2026-11-22T14:05:00Z"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("22/11/2026 14:05Z", "moment.invalid"),
        ("2026-11-22", "moment.invalid"),
        ("2026-11-22T14:05:37", "moment.offset"),
        ("2026-02-30T14:05:37Z", "moment.time"),
        ("2026-11-22T24:00:00Z", "moment.time"),
        ("2016-12-31T23:59:60Z", "moment.time"),
        ("2026-11-22T14:05:37+24:00", "moment.time"),
        ("1799-12-31T14:05:37Z", "moment.year"),
        ("2200-12-31T23:30:00-01:00", "moment.year"),
        ("0001-01-01T00:00:00+01:00", "moment.year"),
    ],
)
def test_what_is_no_moment_is_refused_for_its_reason(text, reason):
    with pytest.raises(InvalidMoment) as refusal:
        canonical(text, MINUTE)
    assert refusal.value.code == reason


@given(
    st.datetimes(datetime(1801, 1, 1), datetime(2199, 12, 31)),  # the offset comes beside it
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(list(Precision)),
)
def test_a_moment_is_what_the_clock_of_utc_showed_then(local, minutes, precision):
    told = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    value = canonical(told.isoformat(), precision)

    assert canonical(value, precision) == value
    late = told - datetime.fromisoformat(value)
    assert timedelta() <= late < timedelta(**{f"{precision}s": 1})
    assert value.startswith(told.astimezone(UTC).isoformat()[:13])


def test_a_mask_shows_the_year_and_bits_grow_with_precision():
    assert mask("2026-11-22T14:05:00Z") == "2026-**-**T**:**:**Z"
    assert bits(Precision.HOUR) < bits(MINUTE) < bits(Precision.SECOND) == pytest.approx(33.56, abs=0.01)
