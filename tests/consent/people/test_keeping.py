"""Whoever is taken in and whatever is corrected stands in the ledger, by the same commit."""

import pytest
from sqlalchemy import func, select

from consent.accounts import keys as accounts
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.tables import entry, opening
from consent.people.keeping import Change, Enrolled, NewPerson, Refused, Updated, correct, enrol_people
from consent.people.writes import changed_text, created_text, write_id
from consent.schema.tables import consumer
from tests.vault.people.made_up import phone, values
from vault.reading.records import count_people, masked
from vault.tables import value


def entries(world):
    with world.vault.data.read() as conn:
        rows = conn.execute(
            select(entry.c.body, opening.c.subject)
            .join(opening, (opening.c.bucket == entry.c.bucket) & (opening.c.idx == entry.c.idx))
            .order_by(entry.c.bucket, entry.c.idx)
        )
        return [(parse(row.body), row.subject) for row in rows]


def changes(person, *pairs):
    return [Change(subject=person.subject, field=field, text=text) for field, text in pairs]


def test_each_person_gets_an_account_in_their_language_and_a_refusal_spoils_nobody(world):
    wanted = [NewPerson(values(0)), NewPerson({"phone": "1"}), NewPerson(values(1))]
    first, bad, second = enrol_people(world.vault, wanted, world.now, ["en", "en", "zh-CN"])
    assert isinstance(first, Enrolled)
    assert isinstance(bad, Refused)
    assert isinstance(second, Enrolled)
    with world.vault.data.read() as conn:
        found = [accounts.sign_in(conn, one.key) for one in (first, second)]
    assert [(who.subject, who.lang) for who in found] == [(first.subject, "en"), (second.subject, "zh-CN")]


def test_enrolment_enters_the_ledger_once_per_person_under_the_id_of_what_was_written(world):
    people = world.people(5)
    found = entries(world)
    assert [e.kind for e, _ in found] == [Kind.ENROL] * 5
    assert len({e.tag for e, _ in found}) == 5
    text = created_text(values(0), world.now)
    assert text == f"email=1,name=1,phone=1,resident_id=1@{world.now}"
    assert {e.id for e, _ in found} == {write_id(person.subject, text) for person in people}


def test_a_correction_enters_the_ledger_once_per_new_version(world):
    person = world.person()
    at = world.now + 50
    wanted = changes(person, ("phone", phone(70)), ("email", values(0)["email"]), ("name", "Person Q"))
    answers = correct(world.vault, wanted, at, clock=lambda: at)
    assert answers == [Updated(2), Updated(1), Updated(2)]
    assert {(e.kind, e.id) for e, _ in entries(world)[1:]} == {
        (Kind.CORRECT, write_id(person.subject, changed_text(field, 2, at))) for field in ("phone", "name")
    }


def test_nobody_is_created_whom_the_ledger_does_not_know(world, monkeypatch):
    def fail(*_args, **_more):
        raise RuntimeError("no ledger")

    monkeypatch.setattr("consent.people.keeping.append", fail)
    with pytest.raises(RuntimeError):
        enrol_people(world.vault, [NewPerson(values(0))], world.now)
    with world.vault.data.read() as conn:
        assert count_people(conn) == 0
        assert conn.execute(select(func.count()).select_from(consumer)).scalar_one() == 0


def test_nothing_is_corrected_that_the_ledger_does_not_know(world, monkeypatch):
    person = world.person()

    def fail(*_args, **_more):
        raise RuntimeError("no ledger")

    monkeypatch.setattr("consent.people.keeping.enter", fail)
    with pytest.raises(RuntimeError):
        correct(world.vault, changes(person, ("phone", phone(70))), world.now + 1)
    assert masked(world.vault, person.subject, ["phone"]) == {"phone": "199****0000"}
    with world.vault.data.read() as conn:
        assert conn.execute(select(func.max(value.c.version))).scalar_one() == 1


def test_more_people_than_one_transaction_takes_are_enrolled_with_their_own_language(world, monkeypatch):
    monkeypatch.setattr("vault.people.enrol.CHUNK", 2)
    langs = ["en", "zh-CN", "zh-CN", "en", "zh-CN"]
    answers = enrol_people(world.vault, [NewPerson(values(i)) for i in range(5)], world.now, langs)
    with world.vault.data.read() as conn:
        assert [accounts.sign_in(conn, one.key).lang for one in answers] == langs


def test_enrolling_and_correcting_nobody_is_nothing(world):
    assert enrol_people(world.vault, [], world.now) == []
    assert correct(world.vault, [], world.now) == []
