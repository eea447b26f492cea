"""Vehicle plates of the mainland."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.fields.plate import PROVINCES, InvalidPlate, canonical, mask


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("京A12345", "京A12345"),
        ("京A·12345", "京A12345"),
        ("京a-1234 5", "京A12345"),
        (" 京 A 12345 ", "京A12345"),
        ("京Ａ１２３４５", "京A12345"),
        ("京AO123I", "京A01231"),
        ("滬A12345", "沪A12345"),
        ("沪AD12345", "沪AD12345"),
        ("沪A·D12345", "沪AD12345"),
        ("沪A12345D", "沪A12345D"),
        ("沪AFA1234", "沪AFA1234"),
        ("粤Z1234港", "粤Z1234港"),
        ("粵Z·AB12澳", "粤ZAB12澳"),
        ("京A1234警", "京A1234警"),
        ("鲁B1234学", "鲁B1234学"),
        ("鲁B1234挂", "鲁B1234挂"),
        ("川A1234应急", "川A1234应急"),
        ("使123456", "使123456"),
        ("123456使", "123456使"),
    ],
)
def test_every_spelling_is_one_plate(written, expected):
    assert canonical(written) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "plate.invalid"),
        ("京A***45", "plate.invalid"),
        ("京I12345", "plate.invalid"),
        ("京A1234港港", "plate.invalid"),
        ("京AABCDEF", "plate.invalid"),
        ("京A1234", "plate.length"),
        ("京A1234567", "plate.length"),
        ("ABC1234", "plate.region"),
        ("市A12345", "plate.region"),
    ],
)
def test_what_is_no_plate_is_refused_with_its_reason_and_not_repeated(text, reason):
    with pytest.raises(InvalidPlate) as refusal:
        canonical(text)
    assert refusal.value.code == reason
    assert str(refusal.value) == "not a vehicle plate"


PLATES = st.from_regex(f"[{PROVINCES}][A-H][0-9A-HJ-NP-Z]{{5}}", fullmatch=True)


@given(st.text(max_size=12) | PLATES)
def test_the_canonical_form_of_a_canonical_form_is_itself(text):
    try:
        once = canonical(text)
    except InvalidPlate:
        return
    assert canonical(once) == once


@given(PLATES)
def test_the_mask_shows_city_and_last_character_only(plate):
    assert mask(plate) == f"{plate[:2]}****{plate[-1]}"
