"""Staff's searches: ids only, ledgered before the answer, shown to whoever was found, alarmed for honey persons."""

import hashlib

import pytest
from sqlalchemy import select

from consent.errors import BadRequest
from consent.house import house_opening
from consent.ledger.entries.commitment import commit
from consent.ledger.entries.entry import Kind
from consent.ledger.errors import LedgerAlarm
from consent.ledger.tables import entry as ledger_entry
from consent.ledger.tables import opening
from consent.people.honey import plant, sweep
from consent.people.keeping import Enrolled, NewPerson, Refused, enrol_people
from consent.schema.dual_tables import staff_lookup
from consent.staff.history import StaffEventKind, staff_events
from consent.staff.lookup import MOST_ROWS, find_people
from consent.staff_members import DualReason
from tests.consent.dual.office import ASKER, Office
from tests.vault.people import made_up as people
from vault.finding.naming import Naming
from vault.people.honey import alarms
from vault.tables import person

REASON = DualReason.LEAK_INVESTIGATION


@pytest.fixture
def office(world):
    return Office(world.vault, world.now)


def raised(office):
    office.vault.watch.settle()
    with office.vault.data.read() as conn:
        return alarms(conn)


def test_everybody_who_is_found_has_it_in_their_chain_and_their_history(world, office):
    one, other, _ = world.people(3)
    rows = [
        {"phone": people.phone(0)},
        {"phone": hashlib.md5(people.phone(1).encode()).hexdigest().upper()},
        {"phone": people.phone(99)},
        {"email": "user0@example.com"},
    ]
    before = len(office.entries())

    first, second, third, fourth = find_people(office.vault, ASKER, rows, REASON, office.now)

    assert [[found.subject for found in answer.found] for answer in (first, second, third, fourth)] == [
        [one.subject],
        [other.subject],
        [],
        [one.subject],
    ]
    made = office.entries()[before:] if world.vault.installation.buckets.many == 1 else office.entries()
    assert sum(entry.kind is Kind.DISCLOSE for entry in made) == 3, "two people and the house"
    with office.vault.data.read() as conn:
        rows = {row.subject: row for row in conn.execute(select(staff_lookup))}
        (event,) = staff_events(conn, one.bucket, one.subject)
    assert set(rows) == {one.subject, other.subject}
    assert (event.kind, event.staff, event.fields) == (
        StaffEventKind.LOOKED_UP,
        ASKER.name,
        ("email", "phone"),
    )
    said = (("step", "found"), ("staff", ASKER.name), ("how", "find"), ("reason", REASON.value))
    assert office.commits_to(rows[one.subject].id, (*said, ("fields", "email,phone")))


def test_a_search_that_finds_nobody_is_an_entry_of_the_house(world, office):
    world.person()

    assert find_people(office.vault, ASKER, [{"phone": people.phone(99)}], REASON, office.now) == [
        Naming(("phone",), ())
    ]

    (entry,) = office.entries(Kind.DISCLOSE)
    assert entry.n == 1


def test_nothing_that_is_not_given_whole_changes_what_staff_are_told(world, office):
    one, _ = world.people(2)
    number = people.resident_id(0)
    guesses = [
        {"phone": people.phone(0), "resident_id": "".join(mask)}
        for at in range(18)
        for digit in ("0123456789X" if at == 17 else "0123456789")
        for mask in [["*"] * at + [digit] + ["*"] * (17 - at)]
    ]

    answers = find_people(office.vault, ASKER, guesses, REASON, office.now)

    assert set(answers) == {answers[0]}, f"181 masks over {number} are told apart"
    assert [found.subject for found in answers[0].found] == [one.subject]
    assert answers[0].read == ("phone",)


@pytest.mark.parametrize("right", [True, False], ids=["a right guess", "a wrong guess"])
def test_masks_parts_and_values_that_many_share_find_nobody_however_right_they_are(world, office, right):
    world.people(2)
    at = 0 if right else 5
    phone, number = people.phone(at), people.resident_id(at)
    rows = [
        {"phone": phone[:3] + "****" + phone[7:]},
        {"name": people.values(at)["name"], "phone": phone[:7] + "****"},
        {"resident_id": number[:6] + "********" + number[14:], "phone": phone[:3] + "****" + phone[7:]},
        {"name": people.values(at)["name"], "birth_date": "1990-01-01"},
        {"email": people.values(at)["email"][:2] + "***@example.com"},
    ]

    answers = find_people(office.vault, ASKER, rows, REASON, office.now)

    assert answers == [Naming((), ())] * len(rows)
    with office.vault.data.read() as conn:
        assert conn.execute(select(staff_lookup)).all() == []
    assert raised(office) == []


def test_of_two_whole_values_each_names_its_own_person(world, office):
    one, other = world.people(2)
    row = {"phone": people.phone(0), "email": people.values(1)["email"]}

    (answer,) = find_people(office.vault, ASKER, [row], REASON, office.now)

    assert {(found.field, found.subject) for found in answer.found} == {
        ("phone", one.subject),
        ("email", other.subject),
    }


def test_with_the_ledger_down_nobody_is_found(world, office, monkeypatch):
    world.person()

    def down(*_):
        raise LedgerAlarm("ledger.example/2026/0", "down")

    monkeypatch.setattr("consent.staff.lookup.append", down)
    with pytest.raises(LedgerAlarm):
        find_people(office.vault, ASKER, [{"phone": people.phone(0)}], REASON, office.now)
    monkeypatch.undo()

    with office.vault.data.read() as conn:
        assert conn.execute(select(staff_lookup)).all() == []


@pytest.mark.parametrize(
    "rows", [[], [{}], [{"phone": "1"}] * (MOST_ROWS + 1)], ids=["none", "empty", "many"]
)
def test_a_search_for_nothing_or_for_too_much_is_refused(office, rows):
    with pytest.raises(BadRequest):
        find_people(office.vault, ASKER, rows, REASON, office.now)


def test_a_honey_person_has_everything_that_others_have_and_an_alarm_when_found(world, office):
    (honey,) = plant(office.vault, [NewPerson(people.values(7))], office.now)
    assert isinstance(honey, Enrolled)
    ordinary = world.person()
    rows = [{"phone": people.phone(7)}, {"phone": people.phone(0)}]

    found, other = find_people(office.vault, ASKER, rows, REASON, office.now)

    assert (found.found[0].subject, other.found[0].subject) == (honey.subject, ordinary.subject)
    (alarm,) = raised(office)
    assert (alarm.source, alarm.who) == ("find", f"staff:{ASKER.name}")
    assert len(office.entries(Kind.ENROL)) == 2


def test_an_emergency_and_a_use_of_a_honey_person_raise_one_alarm_each(world, office):
    from consent.accounts.keys import Consumer
    from consent.redemption.disclose import disclose_many

    (honey,) = plant(office.vault, [NewPerson(people.values(7))], office.now)
    office.open(office.approved(honey.subject).id)
    issued = world.token(world.app(), Consumer(bucket=honey.bucket, subject=honey.subject, lang="en"))
    disclose_many(world.vault, [world.request(issued)], world.now)

    told = {alarm.who.partition("/")[0].partition("_")[0] for alarm in raised(office)}

    assert told == {"staff:operator", "org"}


def test_alarms_that_a_process_did_not_live_to_write_are_raised_from_the_ledger(world, office, monkeypatch):
    (honey,) = plant(office.vault, [NewPerson(people.values(7))], office.now)
    monkeypatch.setattr(type(office.vault.watch), "_queue", lambda *_: None)
    office.open(office.approved(honey.subject).id)
    office.open(office.approved(world.person().subject).id)
    assert raised(office) == []

    assert sweep(office.vault, office.now + 1) == 0
    assert sweep(office.vault, office.now) == 1
    assert sweep(office.vault, office.now) == 0
    monkeypatch.undo()

    (alarm,) = raised(office)
    assert alarm.who == f"staff:{ASKER.name}"


def test_an_alarm_and_its_sweep_are_the_same_alarm(world, office):
    (honey,) = plant(office.vault, [NewPerson(people.values(7))], office.now)
    office.open(office.approved(honey.subject).id)
    assert len(raised(office)) == 1

    assert sweep(office.vault, office.now) == 0


def test_a_honey_person_is_watched_from_the_commit_on_that_makes_them_or_is_not_made(office, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vault.people.honey._PLANT", full)
    with pytest.raises(OSError, match="No space"):
        plant(office.vault, [NewPerson(people.values(7))], office.now)

    with office.vault.data.read() as conn:
        assert conn.execute(select(person)).all() == []


def test_searches_whose_alarm_was_never_written_are_swept_and_the_others_raised_no_second_time(
    world, office, monkeypatch
):
    plant(office.vault, [NewPerson(people.values(7))], office.now)
    world.person()
    rows = [{"phone": people.phone(7)}, {"phone": people.phone(0)}]
    with monkeypatch.context() as dead:
        dead.setattr(type(office.vault.watch), "_queue", lambda *_: None)
        find_people(office.vault, ASKER, rows, REASON, office.now)
    assert raised(office) == []
    find_people(office.vault, ASKER, rows, REASON, office.now + 1)
    assert len(raised(office)) == 1

    assert sweep(office.vault, office.now + 2) == 0
    assert sweep(office.vault, office.now) == 1
    assert sweep(office.vault, office.now) == 0

    assert [(alarm.source, alarm.who) for alarm in raised(office)] == [("find", f"staff:{ASKER.name}")] * 2


def test_whoever_asks_by_enrolling_guesses_hears_no_field_and_stands_in_the_chain_of_the_house(world, office):
    plant(office.vault, [NewPerson(people.values(7))], office.now)
    world.person()
    enrol_people(office.vault, [NewPerson({"email": "mine@example.com"})], office.now)
    before = len(office.entries(Kind.REFUSE))
    guesses = [people.phone(0), people.phone(7), people.phone(99)]

    answers = enrol_people(
        office.vault,
        [NewPerson({"phone": guess, "email": "mine@example.com"}) for guess in guesses],
        office.now,
        by=ASKER.name,
    )

    assert answers == [Refused("person_exists", "")] * 3
    entry = office.entries(Kind.REFUSE)[before:]
    assert len(entry) == 1
    (alarm,) = raised(office)
    assert (alarm.source, alarm.who) == ("find", f"staff:{ASKER.name}")
    with office.vault.data.read() as conn:
        row = conn.execute(
            select(opening.c.sealed)
            .join(
                ledger_entry,
                (ledger_entry.c.bucket == opening.c.bucket)
                & (ledger_entry.c.year == opening.c.year)
                & (ledger_entry.c.idx == opening.c.idx),
            )
            .where(ledger_entry.c.id == entry[0].id)
        ).one()
    said = (("step", "person_exists"), ("staff", ASKER.name), ("people", "3"))
    secret = house_opening(office.vault, entry[0].id, row.sealed, said).secret
    assert entry[0].commitment == commit(secret, said)


def test_nobody_who_is_new_raises_an_alarm_or_an_entry_of_refusal(world, office):
    plant(office.vault, [NewPerson(people.values(7)), NewPerson(people.values(7))], office.now)
    before = len(office.entries(Kind.REFUSE))

    enrol_people(office.vault, [NewPerson(people.values(1)), NewPerson({"phone": "none"})], office.now)

    assert len(office.entries(Kind.REFUSE)) == before == 1
    assert raised(office) == []
