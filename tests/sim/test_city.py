"""The simulated city: valid, distinct, repeatable people at benchmark speed."""

from __future__ import annotations

import time

import phonenumbers
import pytest

from api.demo.city import check_digit, citizens, strangers

SEED = 20_261_122


def test_the_same_seed_makes_the_same_people_and_another_seed_makes_others():
    once, again = list(citizens(SEED, 200)), list(citizens(SEED, 200))
    others = list(citizens(SEED + 1, 200))

    assert once == again
    assert {person.phone for person in once}.isdisjoint(person.phone for person in others)


def test_a_range_of_the_city_is_the_same_whether_or_not_the_rest_was_made():
    assert list(citizens(SEED, 20, start=80)) == list(citizens(SEED, 100))[80:]


@pytest.mark.parametrize("field", ["phone", "email", "resident_id"])
def test_no_key_value_occurs_twice_among_citizens_and_strangers(field):
    people = [*citizens(SEED, 20_000), *strangers(SEED, 5_000)]

    assert len({getattr(person, field) for person in people}) == len(people)


def test_every_phone_is_a_valid_mobile_number_of_the_mainland():
    for person in citizens(SEED, 1_000):
        number = phonenumbers.parse(person.phone, "CN")

        assert phonenumbers.is_valid_number(number)
        assert phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE


def test_every_resident_id_has_its_check_digit_and_some_end_in_x():
    people = list(citizens(SEED, 1_000))

    assert all(person.resident_id[17] == check_digit(person.resident_id[:17]) for person in people)
    assert any(person.resident_id.endswith("X") for person in people)


def test_the_check_digit_agrees_with_the_example_of_the_standard():
    assert check_digit("11010519491231002") == "X"


def test_chinese_and_english_names_live_together():
    people = list(citizens(SEED, 1_000))
    english = [person for person in people if person.lang == "en"]

    assert 150 < len(english) < 350
    assert all(person.name.isascii() for person in english)
    assert not any(person.name.isascii() for person in people if person.lang == "zh-CN")


def test_twenty_thousand_people_are_made_per_second_of_work():
    next(iter(citizens(SEED, 1)))
    began = time.process_time()  # whatever else the machine does meanwhile

    made = sum(1 for _ in citizens(SEED, 20_000))

    assert made / (time.process_time() - began) > 20_000
