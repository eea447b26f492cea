"""The catalogue: numbers for ever, and one refusal for what it does not know."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.fields import (
    BUILTIN,
    FIELDS,
    Catalogue,
    InvalidValue,
    Sensitivity,
    canonical,
    sensitivity_of,
)
from vault.fields.catalogue import UnknownField
from vault.masks import mask

SAMPLES = {
    "phone": "+86 138 0013 8000",
    "email": "User@Example.com",
    "resident_id": "11010519491231002x",
    "name": "張 三豐",
    "passport": "e-1234 5678",
    "bank_card": "6222 0200 0000 0000 005",
    "address": "深圳市南山区 科技园路1号三栋501室",
    "birth_date": "1990年1月31日",
    "plate": "京a·12345",
    "note": " Rings twice.\r\nHas a dog. ",
}


def test_the_numbers_of_the_fields_never_change():
    assert {code: field.number for code, field in FIELDS.items()} == {
        "phone": 1,
        "email": 2,
        "resident_id": 3,
        "name": 4,
        "passport": 5,
        "bank_card": 6,
        "address": 7,
        "birth_date": 8,
        "plate": 9,
        "note": 10,
    }


def test_keys_and_sensitive_kinds_are_marked():
    assert {code for code, field in FIELDS.items() if field.unique} == {"phone", "email", "resident_id"}
    assert {code for code, field in FIELDS.items() if field.sensitive} == {
        "resident_id",
        "passport",
        "bank_card",
        "note",
    }


def test_everything_about_a_child_is_sensitive():
    for field in FIELDS.values():
        assert sensitivity_of(field, 13) is Sensitivity.SENSITIVE
        assert sensitivity_of(field, 14) is sensitivity_of(field, None) is field.sensitivity


def test_a_catalogue_refuses_two_fields_with_one_number_or_code():
    phone, email = FIELDS["phone"], FIELDS["email"]
    for other in (replace(email, number=1), replace(phone, number=99)):
        with pytest.raises(ValueError, match="share"):
            Catalogue([phone, other])
    assert Catalogue([email, phone]).codes == ("phone", "email")


@given(st.sampled_from(list(FIELDS)), st.text(max_size=30))
def test_whatever_is_refused_is_refused_for_a_listed_reason(code, text):
    try:
        reason = canonical(code, text) and None
    except InvalidValue as refusal:
        reason = refusal.code
    assert reason is None or reason in FIELDS[code].reasons


def test_every_key_field_is_searchable():
    assert all(field.searchable for field in FIELDS.values() if field.unique)


@pytest.mark.parametrize("code", list(FIELDS))
def test_the_stored_form_has_the_same_canonical_form_as_what_was_given(code):
    stored = FIELDS[code].stored(SAMPLES[code])
    assert canonical(code, stored) == canonical(code, SAMPLES[code])
    assert FIELDS[code].stored(stored) == stored


@pytest.mark.parametrize("code", list(FIELDS))
def test_a_mask_never_shows_the_whole_value(code):
    stored = FIELDS[code].stored(SAMPLES[code])
    assert stored not in mask(code, stored)
    assert "*" in mask(code, stored)


def test_a_name_is_kept_as_its_bearer_writes_it():
    assert FIELDS["name"].stored(" Zhang\u3000San ") == "Zhang San"


@pytest.mark.parametrize(
    "use", [lambda code: canonical(code, "x"), lambda code: mask(code, "x")], ids=["canonical", "mask"]
)
def test_an_unknown_field_is_an_invalid_value(use):
    with pytest.raises(InvalidValue) as refusal:
        use("shoe_size")
    assert isinstance(refusal.value, UnknownField)
    assert refusal.value.code == "field.unknown"


def test_a_slip_is_a_value_of_its_field_whose_check_digit_is_wrong():
    right, wrong = {"bank_card": "4111 1111 1111 1111"}, {"bank_card": "4111 1111 1111 1112"}
    assert BUILTIN.slips({**right, "phone": "13812341234"}) == ()
    assert BUILTIN.slips({**wrong, "phone": "13812341234"}) == ("bank_card",)
    assert BUILTIN.slips({"bank_card": "none", "shoe": "42"}) == ()
    assert BUILTIN.slips({"bank_card": "1" * 10_000}) == ()
