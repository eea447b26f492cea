"""Bulk creation: an answer each, nobody twice, nothing half done."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from tests.vault.people.made_up import enrol, phone, resident_id, values
from vault.finding.tag_tables import tag, unique_key
from vault.ids import bucket_for
from vault.keys.tables import subject_key
from vault.opening import open_vault
from vault.people import enrol as enrolment
from vault.reading.records import Created, NewPerson, Refused, count_people, create_many, masked
from vault.storage.pause import without_collector
from vault.tables import person, value


def rows(database, table) -> int:
    with database.read() as conn:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()


def test_a_created_person_is_there_in_their_bucket(vault, now):
    (made,) = enrol(vault, range(1), now)
    assert made.bucket == bucket_for(made.subject, vault.installation.buckets)
    assert masked(vault, made.subject, ["name", "phone", "email", "resident_id"]) == {
        "name": "P*** A***",
        "phone": "199****0000",
        "email": "u***@example.com",
        "resident_id": f"110***********{resident_id(0)[-4:]}",
    }


def test_two_thousand_people_take_a_few_seconds_at_most_each_with_an_answer(vault, now):
    people = [NewPerson(values(i)) for i in range(2_000)]
    with without_collector():
        started = time.thread_time()  # processor time: a busy machine must not fail the suite
        answers = create_many(vault, people, now)
        elapsed = time.thread_time() - started
    assert len({answer.subject for answer in answers}) == 2_000
    assert elapsed < 5.0  # about 0.5 s


def test_one_bad_person_never_spoils_another(vault, now):
    answers = create_many(
        vault,
        [
            NewPerson({"phone": phone(1)}),
            NewPerson({"phone": "not a phone"}),
            NewPerson({"shoe_size": "42"}),
            NewPerson({}),
            NewPerson({"name": "Somebody", "email": "nobody"}),
            NewPerson({"name": "x" * 5_000}),
            NewPerson({"phone": phone(2), "name": "Second"}),
        ],
        now,
    )
    assert isinstance(answers[0], Created)
    assert isinstance(answers[6], Created)
    assert answers[1:6] == [
        Refused("phone.invalid", "phone"),
        Refused("field.unknown", "shoe_size"),
        Refused("person_empty", ""),
        Refused("email.invalid", "email"),
        Refused("name.length", "name"),
    ]
    with vault.data.read() as conn:
        assert count_people(conn) == 2


def test_a_key_value_belongs_to_one_person_however_it_is_written(vault, now):
    enrol(vault, range(1), now)
    spelled = {
        "phone": "+86 199-0000-0000",
        "email": "USER0@EXAMPLE.COM",
        "resident_id": resident_id(0).lower(),
    }
    answers = create_many(vault, [NewPerson({field: text}) for field, text in spelled.items()], now)
    assert answers == [Refused("person_exists", field) for field in spelled]


def test_two_people_may_share_a_name(vault, now):
    answers = create_many(vault, [NewPerson({"name": "Li Na"}), NewPerson({"name": "Li Na"})], now)
    assert all(isinstance(answer, Created) for answer in answers)


def test_the_first_of_two_in_one_list_wins(vault, now):
    answers = create_many(
        vault,
        [NewPerson({"phone": phone(1)}), NewPerson({"phone": phone(1), "email": "a@example.com"})],
        now,
    )
    assert isinstance(answers[0], Created)
    assert answers[1] == Refused("person_exists", "phone")


def test_somebody_refused_for_one_key_occupies_no_other(vault, now):
    enrol(vault, range(1), now)
    first = create_many(vault, [NewPerson({"phone": phone(0), "email": "new@example.com"})], now)
    second = create_many(vault, [NewPerson({"email": "new@example.com"})], now)
    assert first == [Refused("person_exists", "phone")]
    assert isinstance(second[0], Created)


def test_somebody_refused_does_not_shadow_the_next_in_the_same_list(vault, now):
    enrol(vault, range(1), now)
    answers = create_many(
        vault,
        [NewPerson({"phone": phone(0), "email": "new@example.com"}), NewPerson({"email": "new@example.com"})],
        now,
    )
    assert answers[0] == Refused("person_exists", "phone")
    assert isinstance(answers[1], Created)


def test_more_people_than_fit_one_chunk_are_created_in_order(vault, now, monkeypatch):
    monkeypatch.setattr(enrolment, "CHUNK", 3)
    made = enrol(vault, range(10), now)
    assert [masked(vault, p.subject, ["phone"])["phone"] for p in made] == [
        f"199****{i:04d}" for i in range(10)
    ]


def test_nobody_to_create_is_no_error(vault, now):
    assert create_many(vault, [], now) == []


def test_a_refused_person_leaves_no_row_and_no_key(vault, backend, now):
    enrol(vault, range(1), now)
    before = [rows(backend.data, table) for table in (person, value, tag, unique_key)]
    keys_before = rows(backend.keys, subject_key)
    create_many(vault, [NewPerson(values(0)), NewPerson({"phone": "1"})], now)
    assert [rows(backend.data, table) for table in (person, value, tag, unique_key)] == before
    assert rows(backend.keys, subject_key) == keys_before


def test_someone_who_loses_the_race_after_the_first_look_leaves_nothing(vault, backend, now, monkeypatch):
    """Both look, both find the number free; the unique key decides, and the loser's traces go."""
    original = enrolment._without_taken

    def look_then_lose(vault_, drafts, answers):
        kept = original(vault_, drafts, answers)
        monkeypatch.setattr(enrolment, "_without_taken", original)
        enrol(vault, range(1), now)
        return kept

    monkeypatch.setattr(enrolment, "_without_taken", look_then_lose)
    late = NewPerson({"email": "late@example.com", "phone": phone(0), "name": "Late"})
    answers = create_many(vault, [late, NewPerson(values(5))], now)
    assert answers[0] == Refused("person_exists", "phone")
    assert isinstance(answers[1], Created)
    assert rows(backend.data, person) == 2
    assert rows(backend.data, unique_key) == 6
    assert rows(backend.keys, subject_key) == 4
    assert isinstance(create_many(vault, [NewPerson({"email": "late@example.com"})], now)[0], Created)


def test_a_crash_between_the_two_data_bases_leaves_no_person_and_no_obstacle(
    vault, backend, now, monkeypatch
):
    with monkeypatch.context() as broken:
        broken.setattr(enrolment, "volley", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            create_many(vault, [NewPerson(values(0))], now)
    assert [rows(backend.data, table) for table in (person, value, tag, unique_key)] == [0, 0, 0, 0]
    enrol(vault, range(1), now)
    assert rows(backend.data, person) == 1


def test_sixty_four_at_once_with_one_number_make_one_person(vault, backend, provider, now):
    barrier = threading.Barrier(64)
    own = [open_vault(backend.data, backend.keys, provider) for _ in range(4)]

    def attempt(worker: int) -> Created | Refused:
        barrier.wait(timeout=60)
        one = NewPerson({"email": f"w{worker}@example.com", "phone": phone(0)})
        return create_many(own[worker % 4], [one], now)[0]

    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(attempt, range(64)))
    assert sum(isinstance(answer, Created) for answer in answers) == 1
    assert answers.count(Refused("person_exists", "phone")) == 63
    with vault.data.read() as conn:
        assert count_people(conn) == 1
    assert rows(backend.data, unique_key) == 2
    assert rows(backend.keys, subject_key) == 2


def test_overlapping_batches_in_opposite_order_neither_deadlock_nor_duplicate(vault, backend, provider, now):
    barrier = threading.Barrier(8)

    def attempt(worker: int) -> list[Created | Refused]:
        mine = open_vault(backend.data, backend.keys, provider)
        order = range(40) if worker % 2 else range(39, -1, -1)
        barrier.wait(timeout=30)
        return create_many(mine, [NewPerson({"phone": phone(i)}) for i in order], now)

    with ThreadPoolExecutor(8) as pool:
        answers = [answer for part in pool.map(attempt, range(8)) for answer in part]
    assert sum(isinstance(answer, Created) for answer in answers) == 40
    with vault.data.read() as conn:
        assert count_people(conn) == 40


def test_nothing_stored_contains_a_value(vault, backend, now):
    enrol(vault, range(20), now)
    planted = [text for i in range(20) for text in values(i).values()]
    with backend.data.read() as conn:
        stored = [
            cell
            for table in (person, value, tag, unique_key)
            for row in conn.execute(select(table))
            for cell in row
        ]
    blob = b"\0".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in stored)
    assert not any(text.encode() in blob for text in planted)
