"""The catalogue: numbers for ever, and one refusal for what it does not know."""

import pytest

from vault.fields import FIELDS, InvalidValue, canonical
from vault.fields.catalogue import UnknownField
from vault.masks import mask

SAMPLES = {
    "phone": "+86 138 0013 8000",
    "email": "User@Example.com",
    "resident_id": "11010519491231002x",
    "name": "張 三豐",
}


def test_the_numbers_of_the_fields_never_change():
    assert {code: field.number for code, field in FIELDS.items()} == {
        "phone": 1,
        "email": 2,
        "resident_id": 3,
        "name": 4,
    }


def test_keys_and_sensitive_kinds_are_marked():
    assert {code for code, field in FIELDS.items() if field.unique} == {"phone", "email", "resident_id"}
    assert {code for code, field in FIELDS.items() if field.sensitive} == {"resident_id"}


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
