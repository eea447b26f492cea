"""Guardians: on evidence, of age, in no circle, and over when the ward comes of age."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from tests.vault.people.made_up import enrol, erase
from vault.days import BEIJING
from vault.families import guardians
from vault.families.guardians import Guardianship, Tie, due, forget, guardians_of, link, wards_of
from vault.families.tables import guardianship
from vault.ids import bucket_for, new_subject
from vault.people.drafts import Refused
from vault.reading.records import Created, NewPerson, create_many

PROOF = bytes(range(32))


def born(vault, now, *days):
    answers = create_many(vault, [NewPerson({"name": "Ann", "birth_date": day}) for day in days], now)
    assert all(isinstance(one, Created) for one in answers)
    return answers


def tie(vault, ward, guardian, now, kind=Tie.PARENT):
    return link(vault, ward.subject, guardian.subject, kind, PROOF, now)


def end(vault, ward, guardian, at):
    bucket = bucket_for(ward, vault.installation.buckets)
    with vault.data.write() as conn:
        return guardians.end(conn, bucket, ward, guardian, at)


def instant(*day):
    return int(datetime(*day, tzinfo=BEIJING).timestamp() * 1000)


def test_a_parent_decides_until_the_day_after_the_eighteenth_birthday(vault, now):
    child, leapling, parent = born(vault, now, "2015-03-04", "2016-02-29", "1980-01-01")
    made = tie(vault, child, parent, now)
    assert isinstance(made, Guardianship)
    assert made.valid_until == instant(2033, 3, 5)
    assert tie(vault, leapling, parent, now).valid_until == instant(2034, 3, 1)
    assert [made.holds_at(at) for at in (now - 1, now, made.valid_until - 1, made.valid_until)] == [
        False,
        True,
        True,
        False,
    ]


def test_links_are_listed_from_both_sides_and_end_once(vault, now):
    child, parent, other = born(vault, now, "2015-03-04", "1980-01-01", "1981-01-01")
    tie(vault, child, parent, now)
    second = tie(vault, child, other, now + 1)
    ended = end(vault, child.subject, parent.subject, now + 5)
    assert ended.ended_at == now + 5
    assert end(vault, child.subject, parent.subject, now + 6) is None
    with vault.data.read() as conn:
        assert guardians_of(conn, child.bucket, child.subject) == [ended, second]
        assert wards_of(conn, parent.bucket, parent.subject) == [ended]
    again = tie(vault, child, parent, now + 9)
    assert again.valid_from == now + 9


def test_links_that_make_no_sense_are_refused_with_a_reason(vault, now):
    child, teen, parent, adult = born(vault, now, "2015-03-04", "2010-06-07", "1980-01-01", "1999-09-09")
    assert tie(vault, child, child, now) == Refused("guardian_self", "")
    assert tie(vault, child, teen, now) == Refused("guardian_minor", "")
    assert tie(vault, adult, parent, now) == Refused("ward_adult", "")
    assert link(vault, child.subject, new_subject(), Tie.PARENT, PROOF, now) == Refused("person_unknown", "")
    tie(vault, child, parent, now)
    assert tie(vault, child, parent, now) == Refused("guardian_exists", "")
    with pytest.raises(ValueError, match="32 bytes"):
        link(vault, child.subject, parent.subject, Tie.PARENT, b"short", now)


def test_an_age_is_known_from_the_resident_number_too(vault, now):
    (adult,) = enrol(vault, range(1), now)  # born 1990-01-01, by the number
    child, parent = born(vault, now, "2015-03-04", "1980-01-01")
    assert tie(vault, adult, parent, now) == Refused("ward_adult", "")
    assert isinstance(tie(vault, child, adult, now), Guardianship)


def test_somebody_of_age_is_guarded_by_appointment_and_without_an_end(vault, now):
    adult, other = born(vault, now, "1990-01-01", "1980-01-01")
    assert tie(vault, adult, other, now, Tie.APPOINTED).valid_until is None


def test_guardianship_makes_no_circle_however_long(vault, now):
    a, b, c = born(vault, now, "1970-01-01", "1971-01-01", "1972-01-01")
    tie(vault, a, b, now, Tie.APPOINTED)
    tie(vault, b, c, now, Tie.APPOINTED)
    for ward, guardian in ((b, a), (c, a), (c, b)):
        assert tie(vault, ward, guardian, now, Tie.APPOINTED) == Refused("guardian_circle", "")
    end(vault, b.subject, c.subject, now + 1)
    assert isinstance(tie(vault, c, a, now + 2, Tie.APPOINTED), Guardianship)


def test_two_people_who_link_each_other_at_once_do_not_both_succeed(vault, now):
    a, b = born(vault, now, "1970-01-01", "1971-01-01")
    barrier = threading.Barrier(2)

    def one(pair):
        barrier.wait(timeout=30)
        return tie(vault, *pair, now, Tie.APPOINTED)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(one, [(a, b), (b, a)]))
    assert sorted(isinstance(answer, Guardianship) for answer in answers) == [False, True]
    assert Refused("guardian_circle", "") in answers


def test_links_whose_time_is_over_are_due_until_somebody_ends_them(vault, now):
    child, parent = born(vault, now, "2015-03-04", "1980-01-01")
    until = tie(vault, child, parent, now).valid_until
    with vault.data.read() as conn:
        assert due(conn, until - 1) == []
        assert [one.ward for one in due(conn, until)] == [child.subject]
    end(vault, child.subject, parent.subject, until)
    with vault.data.read() as conn:
        assert due(conn, until) == []


def test_what_is_written_beside_a_link_is_committed_with_it_or_not_at_all(vault, now):
    child, parent = born(vault, now, "2015-03-04", "1980-01-01")

    def fail(_conn, _link):
        raise RuntimeError("no ledger")

    with pytest.raises(RuntimeError):
        link(vault, child.subject, parent.subject, Tie.PARENT, PROOF, now, within=fail)
    with vault.data.read() as conn:
        assert guardians_of(conn, child.bucket, child.subject) == []


def test_the_data_base_lets_a_link_only_end(vault, now):
    child, parent = born(vault, now, "2015-03-04", "1980-01-01")
    tie(vault, child, parent, now)
    wrong = [
        update(guardianship).values(kind="appointed", ended_at=now + 1),
        update(guardianship).values(valid_until=now + 1),
        delete(guardianship),
        guardianship.insert().values(
            bucket=child.bucket,
            ward=child.subject,
            guardian=child.subject,
            guardian_bucket=child.bucket,
            kind="parent",
            evidence_sha256=PROOF,
            valid_from=now,
        ),
    ]
    end(vault, child.subject, parent.subject, now + 5)
    wrong += [update(guardianship).values(ended_at=now + 6), update(guardianship).values(ended_at=None)]
    for statement in wrong:
        with pytest.raises(DBAPIError), vault.data.write() as conn:
            conn.execute(statement)


def test_links_of_an_erased_ward_can_be_forgotten_and_no_others(vault, now):
    child, kept, parent = born(vault, now, "2015-03-04", "2016-03-04", "1980-01-01")
    for ward in (child, kept):
        tie(vault, ward, parent, now)
    erase(vault, child, now + 1)
    with vault.data.write() as conn:
        forget(conn, [(child.bucket, child.subject)])
    with pytest.raises(DBAPIError), vault.data.write() as conn:
        forget(conn, [(kept.bucket, kept.subject)])
    with vault.data.read() as conn:
        assert [one.ward for one in wards_of(conn, parent.bucket, parent.subject)] == [kept.subject]
