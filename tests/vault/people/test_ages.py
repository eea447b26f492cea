"""What follows from somebody's age, and nothing else, leaves the vault."""

from dataclasses import replace
from datetime import datetime

import pytest

from tests.vault.people.made_up import erase
from vault.days import BEIJING, zone_of
from vault.ids import new_subject
from vault.people.ages import sensitive_fields
from vault.reading.records import Created, NewPerson, create_many, update_value

CODES = ("name", "phone", "resident_id", "unheard_of")
TURNS_14 = int(datetime(2027, 3, 5, tzinfo=BEIJING).timestamp() * 1000)


def made(vault, now, **values):
    (one,) = create_many(vault, [NewPerson({"name": "Ann", **values})], now)
    assert isinstance(one, Created)
    return one


@pytest.mark.parametrize(
    "known", [{"birth_date": "2013-03-04"}, {"resident_id": "11010120130304001X"}], ids=["date", "number"]
)
def test_everything_about_a_child_is_sensitive_until_the_day_after_the_fourteenth_birthday(vault, now, known):
    from vault.fields import resident_id

    if "resident_id" in known:
        digits = known["resident_id"][:17]
        known = {"resident_id": digits + resident_id.check_character(digits)}
    child = made(vault, now, **known)

    assert sensitive_fields(vault, child.subject, CODES, TURNS_14 - 1) == {"name", "phone", "resident_id"}
    assert sensitive_fields(vault, child.subject, CODES, TURNS_14) == {"resident_id"}


def test_a_birthday_turns_over_by_the_clock_of_the_installation(vault, now):
    child = made(vault, now, birth_date="2013-03-04")
    elsewhere = replace(vault, zone=zone_of("UTC"))

    assert "name" not in sensitive_fields(vault, child.subject, CODES, TURNS_14)
    assert "name" in sensitive_fields(elsewhere, child.subject, CODES, TURNS_14 + 8 * 3_600_000 - 1)
    assert "name" not in sensitive_fields(elsewhere, child.subject, CODES, TURNS_14 + 8 * 3_600_000)


def test_of_adults_and_of_people_of_no_known_age_only_the_sensitive_kinds_are(vault, now):
    for subject in (
        made(vault, now, birth_date="1990-01-01").subject,
        made(vault, now).subject,
        new_subject(),
    ):
        assert sensitive_fields(vault, subject, CODES, now) == {"resident_id"}


def test_a_corrected_birthday_counts_and_an_erased_persons_does_not(vault, now):
    child = made(vault, now, birth_date="1990-01-01")
    update_value(vault, child.subject, "birth_date", "2020-01-01", now)
    assert "name" in sensitive_fields(vault, child.subject, CODES, now)
    erase(vault, child, now + 1)
    assert sensitive_fields(vault, child.subject, CODES, now) == {"resident_id"}
