"""Low digits: whatever is filled in, the value is true to its precision, cut off or rounded, and the bits come back."""

from datetime import datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.errors import UnsuitableCarrier
from consent.marks import tolerance
from consent.marks.carriers import bits_of, carriers_of, read, serve, spellings
from consent.marks.low_digits import DECIMALS, FRACTION, MINUTE, SECOND
from tests.measured import kept, measured
from vault.fields import BUILTIN, Catalogue
from vault.fields.custom import parse
from vault.fields.moment import Precision

DEFINED = """
[x_{precision}]
number = {number}
labels = {{ en = "x", zh-CN = "某" }}
kind = "{kind}"
precision = {written}
bits = 9
"""
PLACES = range(1, 6)
FIELDS = Catalogue(
    [
        *BUILTIN,
        *(
            parse(DEFINED.format(precision=each, number=40 + at, kind="moment", written=f'"{each}"'))[
                0
            ].field()
            for at, each in enumerate(Precision)
        ),
        *(
            parse(
                DEFINED.format(precision=f"places{each}", number=50 + each, kind="coordinates", written=each)
            )[0].field()
            for each in PLACES
        ),
    ]
)
MOMENTS = st.tuples(
    st.sampled_from([f"x_{each}" for each in Precision]),
    st.datetimes(datetime(1801, 1, 1), datetime(2199, 1, 1)).map(lambda at: f"{at.isoformat()}Z"),
)
PLACED = st.tuples(
    st.sampled_from([f"x_places{each}" for each in PLACES]),
    st.tuples(st.decimals(-89, 89, places=7), st.decimals(-179, 179, places=7)).map(
        lambda both: f"{both[0]:f},{both[1]:f}"
    ),
)


def asked_for(field, draw):
    codes = [bit for carrier in carriers_of(field, FIELDS) for bit in bits_of(carrier)]
    return {code: draw(st.integers(0, 1)) for code in codes}


@given(MOMENTS, st.data())
@settings(max_examples=50, deadline=None)
def test_a_moment_is_true_to_its_precision_and_shows_every_bit(one, data):
    field, text = one
    value = FIELDS.field(field).stored(text)
    bits = asked_for(field, data.draw)

    served = serve(field, value, bits, FIELDS)

    late = datetime.fromisoformat(served) - datetime.fromisoformat(value)
    assert timedelta() < late < timedelta(**{f"{field[2:]}s": 0.5})
    assert FIELDS.field(field).canonical(served) == value
    assert read(field, served, FIELDS) == bits
    assert read(field, value, FIELDS) == {}


@given(PLACED, st.data())
@settings(max_examples=50, deadline=None)
def test_a_place_is_true_to_its_precision_cut_off_or_rounded_and_shows_every_bit(one, data):
    field, text = one
    value = FIELDS.field(field).stored(text)
    bits = asked_for(field, data.draw)

    served = serve(field, value, bits, FIELDS)

    step = Decimal(1).scaleb(-int(field[-1]))
    for way in (ROUND_DOWN, ROUND_HALF_UP):
        rounded = [Decimal(number).quantize(step, way) for number in served.split(",")]
        assert rounded == [Decimal(number) for number in value.split(",")]
    assert FIELDS.field(field).canonical(served) == value
    assert read(field, served, FIELDS) == bits
    assert read(field, value, FIELDS) == {}


def test_every_combination_of_a_carriers_bits_is_another_value():
    value = FIELDS.field("x_hour").stored("2026-11-22T14:05:09Z")
    for carrier in (MINUTE, SECOND, FRACTION):
        names = bits_of(carrier)
        forms = {
            serve("x_hour", value, {name: number >> at & 1 for at, name in enumerate(names)}, FIELDS)
            for number in range(2 ** len(names))
        }
        assert len(forms) == 2 ** len(names)
    places = {
        serve("x_places4", "31.2304,121.4737", dict.fromkeys(bits_of(DECIMALS), bit), FIELDS)
        for bit in (0, 1)
    }
    assert places == {"31.230411,121.473711", "31.230448,121.473748"}


@pytest.mark.parametrize(
    ("cells", "lost"),
    [
        (["2026-11-22T22:05:24.357+08:00"], 0),
        (["Li", "2026-11-22 14:05:24.357"], 0),
        (["2026-11-22 22:05:24.357"], 0),
        (["1795356324357"], 0),
        (["1795356324"], 8),
        (["2026-11-22T14:05:24.35Z"], 3),
        (["2026-11-22T14:05:24Z"], 8),
    ],
)
def test_the_second_and_its_parts_are_read_in_every_spelling_of_the_instant(cells, lost):
    field = FIELDS.field("x_minute")
    served = read("x_minute", "2026-11-22T14:05:24.357Z", FIELDS)
    assert len(served) == 12

    seen = [
        read("x_minute", text, FIELDS)
        for text in spellings("x_minute", cells, FIELDS)
        if read("x_minute", text, FIELDS) and field.canonical(_zoned(text)) == "2026-11-22T14:05:00Z"
    ]

    assert seen
    assert all(one.items() <= served.items() and len(one) == 12 - lost for one in seen)


def _zoned(text):
    """Raw times without an offset stand in a file; they are no values, and readers skip them."""
    return text if text[-1] == "Z" or "+" in text else "1900-01-01T00:00:00Z"


def test_coordinates_are_read_from_two_columns_and_a_real_measurement_is_not_taken_for_marks():
    for cells in (["x", "31.230427", "121.473748", "y"], ["121.473748", "31.230427"]):
        read_of = {text: read("x_places4", text, FIELDS) for text in spellings("x_places4", cells, FIELDS)}
        assert len(read_of["31.230427,121.473748"]) == 10
    assert read("x_places4", "31.23040,121.47370", FIELDS) == {}
    assert read("x_places4", "31.2304", FIELDS) == {}


def test_what_a_field_states_cannot_be_allowed_to_vary(world):
    world.vault = measured(world.vault, world.now)

    assert tolerance.allow(world.vault, "account", [FRACTION, SECOND], world.now) == (FRACTION, SECOND)
    for purpose, carrier in (("account", MINUTE), ("payment", SECOND)):
        with pytest.raises(UnsuitableCarrier):
            tolerance.allow(world.vault, purpose, [carrier], world.now)
    assert world.vault.catalogue.field("x_door").canonical(kept(1)["x_door"]) == kept(1)["x_door"]
