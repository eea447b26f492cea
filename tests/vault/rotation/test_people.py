"""People's data keys are replaced: the old ones open nothing any more, and nobody notices."""

import hashlib

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from tests.vault.people.made_up import change, erase, phone
from tests.vault.rotation.kit import crowd, data_epochs, ledger_keys, read, rotate, value_epochs
from vault.keys.keyring import SubjectKey
from vault.people.drafts import PROFILE
from vault.reader import Unreadable, UnreadableCode
from vault.reading.records import Updated
from vault.rotation import Kind, rotate_person, run, start, step
from vault.rotation import people as rotation
from vault.sealing.sealed import Place, Unopenable, open_sealed
from vault.tables import value


def key_of(vault, one) -> SubjectKey:
    return vault.keyring.subject_keys([(one.bucket, one.subject)], fresh=True)[one.subject]


def test_everybody_has_a_new_key_and_reads_as_before(vault, others, now):
    people = crowd(vault, 12, now)
    change(vault, people[0].subject, "phone", phone(500), now + 5)
    before = read(vault, people, now + 10)
    old = {one.subject: key_of(vault, one) for one in people}

    job = rotate(vault, Kind.PERSON, now)

    assert (job.done, job.total, job.left_over) == (12, 12, 0)
    assert data_epochs(vault) == {2: 12}
    assert set(value_epochs(vault)) == {2}
    for fresh in (vault, *others(1)):
        assert read(fresh, people, now + 10) == before
        assert read(fresh, people, now) != before
    for one in people:
        key = key_of(vault, one)
        assert key.data != old[one.subject].data
        assert key.ledger == old[one.subject].ledger
        assert key.data_of(1) is None
    assert ledger_keys(vault) == 12


def test_what_was_sealed_before_does_not_open_with_what_is_left(vault, now):
    (one,) = crowd(vault, 1, now)
    with vault.data.read() as conn:
        blob, version, schema = conn.execute(
            select(value.c.blob, value.c.version, value.c.schema).where(value.c.field == "phone")
        ).one()
    assert rotate_person(vault, one.subject)
    place = Place(vault.installation.tenant, one.subject, PROFILE, "phone", schema, version)
    with pytest.raises(Unopenable):
        key_of(vault, one).open(place, blob)
    with pytest.raises(Unopenable):
        open_sealed(key_of(vault, one).data, place, blob)


def test_the_digest_beside_a_version_is_that_of_the_new_blob(vault, now):
    (one,) = crowd(vault, 1, now)
    rotate_person(vault, one.subject)
    with vault.data.read() as conn:
        for row in conn.execute(select(value)):
            assert row.blob_sha256 == hashlib.sha256(row.blob).digest()


def test_a_process_that_holds_the_old_key_reads_on_and_writes_under_the_new_one(vault, others, now):
    (one,) = crowd(vault, 1, now)
    other = others(1)[0]
    assert isinstance(read(other, [one], now)[0], dict)

    rotate_person(vault, one.subject)

    assert isinstance(read(other, [one], now)[0], dict)
    rotate_person(vault, one.subject)
    assert change(other, one.subject, "phone", phone(77), now + 5) == Updated(2)
    assert isinstance(read(vault, [one], now + 5)[0], dict)
    assert set(value_epochs(vault)) == {3}


def test_the_data_base_refuses_a_version_under_an_epoch_that_was_left(vault, now):
    (one,) = crowd(vault, 1, now)
    rotate_person(vault, one.subject)
    with vault.data.read() as conn:
        row = conn.execute(select(value).where(value.c.field == "name")).one()
    late = {**row._mapping, "version": 2, "valid_from": now, "valid_to": now + 1}
    with pytest.raises(DBAPIError), vault.data.write() as conn:
        conn.execute(value.insert().values(**{**late, "epoch": 1}))
    with vault.data.write() as conn:
        conn.execute(value.insert().values(**late))


@pytest.mark.parametrize("stage", ["_move_values", "_destroy_older"])
def test_a_rotation_that_broke_off_is_finished_by_the_next_one(vault, others, now, monkeypatch, stage):
    people = crowd(vault, 4, now)
    before = read(vault, people, now)

    def broken(*_):
        raise RuntimeError("the power went")

    with monkeypatch.context() as breaking:
        breaking.setattr(rotation, stage, broken)
        with pytest.raises(RuntimeError):
            rotation.move_people(vault, [(one.bucket, one.subject) for one in people])

    assert data_epochs(vault) == {1: 4, 2: 4}
    assert read(others(1)[0], people, now) == read(vault, people, now) == before
    rotation.move_people(vault, [(one.bucket, one.subject) for one in people])
    assert len(data_epochs(vault)) == 1
    assert read(others(1)[0], people, now) == read(vault, people, now) == before


def test_somebody_whose_value_does_not_open_keeps_the_old_key_and_is_counted(vault, now):
    people = crowd(vault, 3, now)
    # A damaged store: triggers forbid it, so they are taken away first.
    sick = people[1].subject
    with vault.data.write() as conn:
        on = " ON value" if vault.data.dialect == "postgresql" else ""
        conn.execute(text(f"DROP TRIGGER value_only_close{on}"))
        mine = (value.c.subject == sick) & (value.c.field == "phone")
        conn.execute(update(value).where(mine).values(blob=bytes([1, 1, 0, 0, 0, 1]) + bytes(90)))

    job = rotate(vault, Kind.PERSON, now)

    assert (job.done, job.left_over) == (3, 1)
    assert data_epochs(vault) == {1: 1, 2: 3}
    answers = read(vault, people, now)
    assert isinstance(answers[0], dict)
    assert answers[1] == Unreadable(UnreadableCode.DAMAGED)


def test_the_erased_and_the_unknown_are_passed_over(vault, now):
    people = crowd(vault, 3, now)
    erase(vault, people[0], now)
    assert not rotate_person(vault, people[0].subject)
    assert not rotate_person(vault, type(people[0].subject)(bytes(16)))
    job = rotate(vault, Kind.PERSON, now)
    assert (job.done, job.left_over) == (2, 0)
    assert data_epochs(vault) == {2: 2}


def test_a_struck_version_stays_struck(vault, now):
    (one,) = crowd(vault, 1, now)
    change(vault, one.subject, "phone", phone(9), now + 5)
    with vault.data.write() as conn:
        mine = (value.c.field == "phone") & (value.c.version == 1)
        conn.execute(update(value).where(mine).values(blob=b"", struck_at=now + 6))
    assert rotate_person(vault, one.subject)
    assert value_epochs(vault) == {1: 1, 2: 4}
    assert data_epochs(vault) == {2: 1}


def test_batches_cover_everybody_once(vault, now, monkeypatch):
    monkeypatch.setattr(rotation, "BATCH", 4)
    crowd(vault, 12, now)
    job, seen = start(vault, Kind.PERSON, now), []
    while not job.over:
        job = step(vault, job, now)
        seen.append(job.done)
    assert seen == [4, 8, 12, 12]
    assert data_epochs(vault) == {2: 12}


def test_two_workers_on_the_same_people_lose_nothing(vault, now, monkeypatch):
    monkeypatch.setattr(rotation, "BATCH", 4)
    people = crowd(vault, 10, now)
    job = start(vault, Kind.PERSON, now)
    ahead, behind = step(vault, job, now), step(vault, job, now)
    assert behind == ahead
    run(vault, behind, clock=lambda: now)
    assert all(isinstance(one, dict) for one in read(vault, people, now))
