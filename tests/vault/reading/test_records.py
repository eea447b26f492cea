"""Values over time: appended, never overwritten."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from tests.vault.people.made_up import change, enrol, erase, permit, phone
from vault.finding.tag_tables import unique_key
from vault.ids import new_subject
from vault.opening import open_vault
from vault.reader import Unreadable, UnreadableCode, open_many
from vault.reading import records
from vault.reading.records import (
    Created,
    NewPerson,
    Refused,
    Updated,
    Window,
    count_people,
    create_many,
    masked,
    update_value,
    windows,
)
from vault.tables import value
from vault.tags import Probe, match


@pytest.fixture
def one(vault, now):
    return enrol(vault, range(1), now)[0]


def test_a_change_appends_a_version_and_closes_the_one_before(vault, one, now):
    assert change(vault, one.subject, "phone", phone(7), now + 10) == Updated(2)
    with vault.data.read() as conn:
        kept = conn.execute(
            select(value.c.version, value.c.valid_from, value.c.valid_to)
            .where(value.c.field == "phone")
            .order_by(value.c.version)
        ).all()
    assert [tuple(row) for row in kept] == [(1, now, now + 10), (2, now + 10, None)]


def test_as_of_any_instant_the_version_of_then_is_read(vault, one, now):
    change(vault, one.subject, "phone", phone(7), now + 10)
    permits = [permit(vault, one, ("phone",), now + at) for at in (0, 9, 10, 500)]
    assert open_many(vault, permits) == [{"phone": phone(n)} for n in (0, 0, 7, 7)]


def test_the_same_value_written_differently_changes_nothing(vault, one, now):
    assert change(vault, one.subject, "phone", "+86 199 0000 0000", now + 10) == Updated(1)
    assert change(vault, one.subject, "email", "USER0@example.com", now + 10) == Updated(1)


def test_a_new_spelling_of_a_name_is_a_new_version(vault, one, now):
    assert change(vault, one.subject, "name", "PERSON A", now + 10) == Updated(2)


def test_a_first_value_for_a_field_is_version_one(vault, now):
    (bare,) = create_many(vault, [NewPerson({"name": "Bare"})], now)
    assert isinstance(bare, Created)
    assert change(vault, bare.subject, "phone", phone(3), now + 1) == Updated(1)
    assert masked(vault, bare.subject, ["phone"]) == {"phone": "199****0003"}


def test_a_change_to_somebody_elses_number_is_refused_and_changes_nothing(vault, one, now):
    enrol(vault, range(1, 2), now)
    assert change(vault, one.subject, "phone", phone(1), now + 10) == Refused("person_exists", "phone")
    assert masked(vault, one.subject, ["phone"]) == {"phone": "199****0000"}


def test_a_number_given_up_can_be_taken_by_another_and_only_then(vault, one, now):
    (other,) = enrol(vault, range(1, 2), now)
    change(vault, one.subject, "phone", phone(7), now + 10)
    assert change(vault, other.subject, "phone", phone(0), now + 20) == Updated(2)
    assert change(vault, one.subject, "phone", phone(0), now + 30) == Refused("person_exists", "phone")


def test_a_person_may_return_to_an_old_number(vault, one, now):
    change(vault, one.subject, "phone", phone(7), now + 10)
    assert change(vault, one.subject, "phone", phone(0), now + 20) == Updated(3)
    with vault.data.read() as conn:
        hits = match(conn, vault.keyring, [Probe("phone", phone(0))])
        assert [hit.version for hit in hits] == [1, 3]
        assert windows(conn, hits) == [Window(now, now + 10), Window(now + 20, None)]


def test_old_values_are_still_found(vault, one, now):
    change(vault, one.subject, "phone", phone(7), now + 10)
    with vault.data.read() as conn:
        old, new = match(conn, vault.keyring, [Probe("phone", phone(0)), Probe("phone", phone(7))])
    assert (old.subject, old.version, new.subject, new.version) == (one.subject, 1, one.subject, 2)


def test_a_person_holds_one_unique_key_per_key_field_after_any_change(vault, one, now):
    for step in range(1, 4):
        change(vault, one.subject, "phone", phone(step), now + step)
    with vault.data.read() as conn:
        assert len(conn.execute(select(unique_key)).all()) == 3


def test_a_clock_that_went_back_makes_no_version_end_before_it_began(vault, one, now):
    change(vault, one.subject, "phone", phone(7), now + 100)
    assert change(vault, one.subject, "phone", phone(8), now + 50) == Updated(3)
    assert open_many(vault, [permit(vault, one, ("phone",), now + 100)]) == [{"phone": phone(8)}]


def test_a_version_begins_at_the_latest_of_now_the_clock_under_the_lock_and_the_version_before(
    vault, one, now
):
    def begins(text, now_ms, clock):
        update_value(vault, one.subject, "phone", text, now_ms, clock=lambda: clock)
        with vault.data.read() as conn:
            newest = select(func.max(value.c.valid_from)).where(value.c.field == "phone")
            return conn.execute(newest).scalar_one()

    assert begins(phone(7), now + 10, now + 30) == now + 30
    assert begins(phone(8), now + 40, now) == now + 40
    assert begins(phone(9), now, now) == now + 40


def test_by_default_a_version_begins_after_the_millisecond_of_the_real_clock(vault, one):
    before = time.time_ns() // 1_000_000
    update_value(vault, one.subject, "phone", phone(7), 0)
    with vault.data.read() as conn:
        newest = conn.execute(
            select(func.max(value.c.valid_from)).where(value.c.field == "phone", value.c.version == 2)
        ).scalar_one()
    assert before < newest


def test_a_bad_change_is_refused_with_its_code(vault, one, now):
    assert change(vault, one.subject, "phone", "1", now) == Refused("phone.invalid", "phone")
    assert change(vault, one.subject, "shoe_size", "42", now) == Refused("field.unknown", "shoe_size")


def test_a_change_for_nobody_is_refused(vault, now):
    assert change(vault, new_subject(), "phone", phone(0), now) == Refused("person_unknown", "")


def test_an_erased_person_cannot_be_changed_even_while_the_key_is_still_cached(
    vault, backend, provider, one, now
):
    late = open_vault(backend.data, backend.keys, provider)
    masked(late, one.subject, ["phone"])
    erase(vault, one, now)
    assert change(late, one.subject, "phone", phone(7), now + 1) == Refused("person_unknown", "")
    assert change(vault, one.subject, "phone", phone(7), now + 1) == Refused("person_unknown", "")
    assert masked(vault, one.subject, ["phone"]) == {}


def test_concurrent_changes_of_one_field_line_up(vault, one, now):
    barrier = threading.Barrier(8)

    def change_one(i: int):
        barrier.wait(timeout=30)
        return change(vault, one.subject, "phone", phone(100 + i), now + i)

    with ThreadPoolExecutor(8) as pool:
        versions = [answer.version for answer in pool.map(change_one, range(8))]
    assert sorted(versions) == list(range(2, 10))


def test_two_people_who_take_one_free_number_at_once_do_not_both_get_it(vault, now):
    people = enrol(vault, range(8), now)
    barrier = threading.Barrier(8)

    def change_one(i: int):
        barrier.wait(timeout=30)
        return change(vault, people[i].subject, "phone", phone(99), now + 1)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(change_one, range(8)))
    assert sum(isinstance(answer, Updated) for answer in answers) == 1
    assert answers.count(Refused("person_exists", "phone")) == 7


def test_counting_and_listing_skip_the_erased(vault, now, monkeypatch):
    monkeypatch.setattr(records, "_PAGE", 4)
    made = enrol(vault, range(10), now)
    erase(vault, made[3], now)
    with vault.data.read() as conn:
        listed = list(records.people(conn))
        assert count_people(conn) == 9
    assert sorted(listed) == sorted((p.bucket, p.subject) for p in made if p != made[3])


def test_the_masked_view_answers_only_what_was_asked_and_exists(vault, now):
    (made,) = create_many(vault, [NewPerson({"name": "Zoe", "phone": phone(4)})], now)
    assert isinstance(made, Created)
    assert masked(vault, made.subject, ["phone", "email", "name"]) == {"phone": "199****0004", "name": "Z***"}
    assert masked(vault, new_subject(), ["phone"]) == {}


def test_a_blob_pasted_from_another_person_shows_nothing(vault, one, now):
    """Someone who can write to the data base can break a value, never make another's appear."""
    (other,) = enrol(vault, range(1, 2), now)
    with vault.data.write() as conn:
        theirs = conn.execute(
            select(value).where(value.c.subject == other.subject, value.c.field == "phone")
        ).one()
        conn.execute(
            value.update()
            .where(value.c.subject == one.subject, value.c.field == "phone")
            .values(valid_to=now + 5)
        )
        pasted = {**theirs._mapping, "bucket": one.bucket, "subject": one.subject, "version": 2}
        conn.execute(value.insert().values(**pasted))
    assert masked(vault, one.subject, ["phone", "name"]) == {"name": "P*** A***"}
    assert open_many(vault, [permit(vault, one, ("phone",), now + 9)]) == [Unreadable(UnreadableCode.DAMAGED)]
