"""Blind codes of a whole vault: made when asked for, never old, sealed, and gone with the person and the epoch."""

import pytest
from sqlalchemy import delete, select, text, update

from tests.vault.people.made_up import change, erase
from tests.vault.rotation.kit import rotate
from vault.linkage import choice, filling
from vault.linkage.suggesting import MOST, suggest
from vault.linkage.tables import linkage_choice, linkage_code
from vault.reading.records import Created, NewPerson, create_many
from vault.rotation import Kind
from vault.sealing.sealed import Unopenable
from vault.tables import value

NAMES = ("欧阳文博", "林静", "Anne-Marie Leclerc", "诸葛瑾瑜", "John Q. Doe")


def record(at: int) -> dict[str, str]:
    return {
        "name": NAMES[at],
        "birth_date": f"19{50 + 7 * at}-0{at + 1}-1{at}",
        "address": f"广东省深圳市南山区科技园路{at * 11 + 3}号{at + 1}栋{at + 2}0{at}室",
    }


@pytest.fixture
def crowd(vault, now) -> list[Created]:
    made = create_many(vault, [NewPerson(record(at)) for at in range(len(NAMES))], now)
    return [one for one in made if isinstance(one, Created)]


@pytest.fixture
def coded(vault, crowd, now) -> list[Created]:
    choice.turn_on(vault, "operator", now)
    assert filling.fill(vault) == len(NAMES)
    return crowd


def suggested(vault, record: dict[str, str]) -> list[bytes]:
    return [one.person[1] for one in suggest(vault, [record]).found]


def codes(vault) -> dict[bytes, int]:
    with vault.data.read() as conn:
        return {row.subject: row.epoch for row in conn.execute(select(linkage_code))}


def test_until_an_operator_turns_them_on_no_code_is_made(vault, crowd, now):
    assert filling.fill(vault) == 0
    choice.turn_on(vault, "operator", now)
    told: list[tuple[int, int]] = []
    assert filling.fill(vault, report=lambda *done: told.append(done)) == len(crowd)
    assert told == [(5, 5)]
    assert choice.turn_off(vault, "operator", now + 1) == len(crowd)
    assert (filling.fill(vault), codes(vault)) == (0, {})
    with vault.data.read() as conn:
        turned = conn.execute(select(linkage_choice.c.choice).order_by(linkage_choice.c.at)).scalars().all()
    assert turned == ["blind", "off"]


def test_a_row_with_slips_suggests_its_person_and_a_stranger_nobody(vault, coded):
    slipped = record(0) | {"name": "歐陽文搏", "address": "深圳市南山区科技园路3号1幢200"}
    stranger = {"name": "邓小婉", "birth_date": "2001-12-30", "address": "四川省成都市武侯区人民南路7号"}

    found = suggest(vault, [stranger, slipped, record(3)])

    assert [(one.row, one.person) for one in found.found] == [
        (1, (coded[0].bucket, coded[0].subject)),
        (2, (coded[3].bucket, coded[3].subject)),
    ]
    assert 0.68 <= found.found[0].likeness < found.found[1].likeness == 1.0
    assert not found.crowded


def test_a_change_takes_the_code_away_and_the_old_address_is_found_in_the_new_one(vault, coded, now):
    change(vault, coded[1].subject, "address", "四川省成都市武侯区人民南路7号2栋302室", now + 5)
    assert coded[1].subject not in codes(vault)

    assert filling.fill(vault) == 1

    assert suggested(vault, record(1)) == [coded[1].subject]
    assert suggested(vault, record(1) | {"address": "成都市武侯区人民南路7号2幢302"}) == [coded[1].subject]


def test_a_field_first_given_later_takes_the_code_away_as_well(vault, coded, now):
    change(vault, coded[2].subject, "email", "anne.leclerc@example.com", now + 5)

    assert coded[2].subject not in codes(vault)


def test_an_erased_person_is_suggested_to_nobody_and_has_no_code_left(vault, coded, now):
    with vault.data.write() as conn:
        conn.execute(update_state(coded[4]))
    assert suggested(vault, record(4)) == []

    erase(vault, coded[3], now + 5)
    assert suggested(vault, record(3)) == []
    with vault.data.write() as conn:
        conn.execute(delete(value).where(value.c.subject == coded[3].subject))

    assert coded[3].subject not in codes(vault)
    assert filling.fill(vault) == 0
    assert suggested(vault, record(3)) == []


def test_a_new_epoch_needs_new_codes_and_leaves_none_of_the_old(vault, coded, now):
    rotate(vault, Kind.INDEX, now + 5)

    assert codes(vault) == {}
    assert suggested(vault, record(0)) == []
    assert filling.fill(vault) == len(coded)
    assert suggested(vault, record(0)) == [coded[0].subject]
    assert set(codes(vault).values()) == {2}


def test_a_code_opens_at_its_own_place_only(vault, coded):
    with vault.data.write() as conn:
        rows = {row.subject: row.sealed for row in conn.execute(select(linkage_code))}
        mine = linkage_code.c.subject == coded[0].subject
        conn.execute(update(linkage_code).where(mine).values(sealed=rows[coded[1].subject]))

    with pytest.raises(Unopenable):
        suggest(vault, [record(0)])


def test_a_row_that_fits_too_many_suggests_nobody(vault, coded, now):
    twin = {"name": "王伟", "birth_date": "1990-01-01"}
    create_many(vault, [NewPerson(twin)] * (MOST + 1), now)
    filling.fill(vault)

    found = suggest(vault, [record(0), twin])

    assert found.crowded == {1}
    assert [one.row for one in found.found] == [0]


def update_state(person: Created):
    return text("UPDATE person SET state = 'erased', erased_at = 1 WHERE subject = :who").bindparams(
        who=person.subject
    )
