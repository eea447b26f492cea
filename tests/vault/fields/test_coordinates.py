"""Coordinates: every spelling of a place is one value, rounded to the decimals that are stated."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.fields.coordinates import InvalidCoordinates, bits, canonical, mask


@pytest.mark.parametrize(
    "text",
    [
        "31.2304,121.4737",
        "31.23041, 121.47374",
        "(31.2304 121.4737)",
        "geo:31.2304,121.4737",
        "31.2304°N 121.4737°E",
        "31.2304 n; 121.4737 e",
        "北纬31.2304°，东经121.4737°",
        "+３１.２３０４０００ +121.473700",
    ],
)
def test_every_spelling_of_a_place_is_one_value(text):
    assert canonical(text, 4) == "31.2304,121.4737"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("33.8688S 151.2093E", "-33.9,151.2"),
        ("南纬33.8688 西经70.66", "-33.9,-70.7"),
        ("-0.04 0.04", "0.0,0.0"),
        ("-0.05,-180", "0.0,180.0"),
        ("90 179.99", "90.0,180.0"),
    ],
)
def test_directions_zero_and_the_last_meridian_have_one_form(text, said):
    assert canonical(text, 1) == said
    assert canonical(said, 1) == said


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "coordinates.invalid"),
        ("31.2304", "coordinates.invalid"),
        ("31°13'49\"N 121°28'25\"E", "coordinates.invalid"),
        ("-31.2N 121.4E", "coordinates.invalid"),
        ("121.4737,31.2304", "coordinates.range"),
        ("31.2304,180.1", "coordinates.range"),
    ],
)
def test_what_is_no_place_is_refused_for_its_reason(text, reason):
    with pytest.raises(InvalidCoordinates) as refusal:
        canonical(text, 4)
    assert refusal.value.code == reason


@given(
    st.decimals(-90, 90, places=8),
    st.decimals(Decimal("-179.9"), Decimal("179.9"), places=8),
    st.integers(1, 5),
)
def test_a_place_is_true_to_half_a_unit_of_its_last_decimal(north, east, decimals):
    value = canonical(f"{north:f},{east:f}", decimals)

    assert canonical(value, decimals) == value
    half = Decimal(5).scaleb(-decimals - 1)
    for given_, kept in zip((north, east), map(Decimal, value.split(",")), strict=True):
        assert abs(given_ - kept) <= half
        assert kept.as_tuple().exponent == -decimals


def test_a_mask_shows_whole_degrees_and_bits_grow_with_precision():
    assert mask("-33.8688,151.2093") == "-33.****,151.****"
    assert bits(5) == pytest.approx(49.2, abs=0.01) == bits(1) + 8 * 3.321928
