"""A person with a value of every built-in field: taken in, masked, found, refused for the right reason."""

import pytest

from tests.vault.people.made_up import change
from vault.fields import BUILTIN
from vault.finding.find import find
from vault.people.enrol import Created, NewPerson, create_many
from vault.reading.history import masked
from vault.reading.records import Refused, Updated

VALUES = {
    "phone": "+86 138 0013 8000",
    "email": "User@Example.com",
    "resident_id": "11010519491231002x",
    "name": "張三豐",
    "passport": "e-1234 5678",
    "bank_card": "6222 0200 0000 0000 005",
    "address": "深圳市南山区 科技园路1号三栋501室",
    "birth_date": "1949年12月31日",
    "plate": "京a·12345",
    "note": "Rings twice.\nHas a dog.",
}
SHOWN = {
    "phone": "138****8000",
    "email": "u***@example.com",
    "resident_id": "110***********002X",
    "name": "張*豐",
    "passport": "E*****678",
    "bank_card": "***************0005",
    "address": "广东省深圳市南山区****",
    "birth_date": "1949-**-**",
    "plate": "京A****5",
    "note": "***",
}


@pytest.fixture
def one(vault, now) -> Created:
    (made,) = create_many(vault, [NewPerson(VALUES)], now)
    assert isinstance(made, Created)
    return made


def test_the_samples_cover_the_catalogue():
    assert set(VALUES) == set(SHOWN) == set(BUILTIN.codes)


def test_every_value_is_shown_masked(vault, one):
    shown = masked(vault, one.subject, list(BUILTIN.codes))
    assert shown == {code: SHOWN[code] for code in BUILTIN.codes}


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ("passport", "Ｅ１２３４５６７８"),
        ("bank_card", "6222020000000000005"),
        ("address", "广东省深圳市南山区科技园路一号3-501"),
        ("plate", "京A12345"),
    ],
)
def test_another_spelling_of_a_searchable_value_finds_its_person(vault, one, field, written):
    assert {found.subject for found in find(vault, {field: written})} == {one.subject}


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("resident_id", "110105194912310021", "resident_id.check_digit"),
        ("bank_card", "1234", "bank_card.length"),
        ("birth_date", "1990-02-30", "birth_date.day"),
        ("plate", "ABC1234", "plate.region"),
        ("note", "\u200b", "note.empty"),
    ],
)
def test_a_refused_change_says_why_and_changes_nothing(vault, one, now, field, text, reason):
    assert change(vault, one.subject, field, text, now + 1) == Refused(reason, field)
    assert masked(vault, one.subject, [field]) == {field: SHOWN[field]}


def test_two_people_may_share_a_plate_and_a_card_but_not_a_resident_id(vault, one, now):
    shared = {field: VALUES[field] for field in ("plate", "bank_card", "address", "passport")}
    (other, taken) = create_many(
        vault,
        [NewPerson({"name": "李四", **shared}), NewPerson({"resident_id": VALUES["resident_id"]})],
        now,
    )
    assert isinstance(other, Created)
    assert taken == Refused("person_exists", "resident_id")


def test_a_long_note_is_kept_whole(vault, one, now):
    assert change(vault, one.subject, "note", "x" * 10_000, now + 1) == Updated(2)


@pytest.mark.parametrize("code", BUILTIN.codes)
def test_whatever_is_far_too_long_is_refused_for_a_reason_of_its_field(vault, one, now, code):
    answer = change(vault, one.subject, code, "1" * 20_000, now + 2)
    assert isinstance(answer, Refused)
    assert answer.code in BUILTIN.field(code).reasons
    assert answer.code.endswith(".length") or code == "birth_date"
