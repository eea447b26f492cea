"""Staff are recipients too: what one of them may read alone, on record like every use, and what of minors (R34)."""

from dataclasses import replace

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError

from consent.accounts.keys import Consumer
from consent.denials import DenialCode, Denied
from consent.dual.control import Question, ask
from consent.errors import BadRequest
from consent.export.rows import staff_row
from consent.grants.timeline import EventKind, timeline
from consent.ids import dual_text, grant_text
from consent.instants import instant
from consent.ledger.entries.entry import Kind
from consent.ledger.tables import entry
from consent.people.honey import plant, sweep
from consent.people.keeping import Enrolled, NewPerson, enrol_people
from consent.permits.issue import staff_permits
from consent.recipients.register import RecipientKind
from consent.schema.staff_tables import staff_read, staff_refusal
from consent.schema.tables import consent_grant, disclosure, use
from consent.staff.history import StaffEventKind, staff_events
from consent.staff.reading import Reading, ReadRequest, read
from consent.staff_members import WINDOW_MS, Basis, DualKind, DualReason, Staffer, Verdict
from consent.tokens.exchange import exchange
from consent.withdrawal.withdraw import withdraw
from tests.consent.dual.office import ASKER, FIRST, SECOND, Office
from tests.consent.tampering import tampering
from tests.vault.people import made_up as people
from vault.families.guardians import Tie, link
from vault.honey.tables import alarm
from vault.ids import new_id, new_subject
from vault.permit import AccessKind, check

ADULT, GIRL = "1990-02-03", "2010-02-03"
CARE = ReadRequest(
    subject=b"", fields=("phone", "name"), reason=DualReason.PERSON_ASKED, basis=Basis.CONTRACT
)


@pytest.fixture
def office(world):
    return Office(world.vault, world.now)


def born(world, day):
    """Somebody with this birth date; None: nobody knows it."""
    values = people.values(40)
    del values["resident_id"]
    given = values if day is None else {**values, "birth_date": day}
    (made,) = enrol_people(world.vault, [NewPerson(given)], world.now)
    assert isinstance(made, Enrolled)
    return Consumer(bucket=made.bucket, subject=made.subject, lang="en")


def wants(person, **changes):
    return replace(CARE, subject=person.subject, **changes)


def reading(office, person, staffer=ASKER, **changes):
    return read(office.vault, staffer, wants(person, **changes), office.now)


def asked_for(office, person, fields=("name", "phone"), reason=DualReason.PERSON_ASKED, staffer=ASKER):
    question = Question(
        kind=DualKind.MINOR_READ,
        reason=reason,
        note="She asks where her parcel is.",
        subject=person.subject,
        fields=fields,
    )
    return ask(office.vault, staffer, question, office.now)


def approved(office, person, **how):
    asked = asked_for(office, person, **how)
    return office.vote(asked.id, FIRST)


def events(office, person):
    with office.vault.data.read() as conn:
        return staff_events(conn, person.bucket, person.subject)


def rows(office, table):
    with office.vault.data.read() as conn:
        return conn.execute(select(table)).all()


def test_a_member_of_staff_reads_named_fields_after_the_ledger_has_who_why_and_what(world, office):
    person = born(world, ADULT)

    done = reading(office, person)

    assert isinstance(done, Reading), done
    assert done.values == {code: people.values(40)[code] for code in ("name", "phone")}
    (step,) = office.entries(Kind.DISCLOSE)
    assert (step.id, step.ts) == (done.id, done.committed_at)
    said = (
        ("step", "read"),
        ("staff", ASKER.name),
        ("basis", "contract"),
        ("reason", "person_asked"),
        ("fields", "name,phone"),
        ("minor", "no"),
    )
    assert office.commits_to(done.id, said)
    (event,) = events(office, person)
    assert (event.kind, event.at, event.staff) == (StaffEventKind.READ, office.now, ASKER.name)
    assert (event.reason, event.basis, event.fields) == ("person_asked", "contract", ("name", "phone"))


def test_the_permit_is_for_exactly_what_was_committed_and_of_a_kind_of_its_own(world, office):
    person = born(world, ADULT)
    done = reading(office, person, fields=("phone",))

    (permit,) = staff_permits(office.vault, [(person.bucket, done.id)])

    assert check(office.vault.keyring, permit, {AccessKind.STAFF})
    assert not check(office.vault.keyring, permit, {AccessKind.EMERGENCY, AccessKind.USE})
    said = permit.statement
    assert (said.subject, said.fields) == (person.subject, ("phone",))
    assert (said.recipient, said.purpose) == (f"staff:{ASKER.name}", "person_asked")


# R34: staff read of data of a person under 18 without approval id -> refused; with approval -> approver, time, fields.


def test_a_read_of_somebody_under_eighteen_without_an_approval_is_refused_and_on_record(world, office):
    girl = born(world, GIRL)

    assert reading(office, girl) == Denied(code=DenialCode.MINOR_UNAPPROVED)
    assert reading(office, girl) == Denied(code=DenialCode.MINOR_UNAPPROVED)

    assert rows(office, staff_read) == []
    (row,) = rows(office, staff_refusal)
    assert (row.code, row.staff, row.attempts) == ("minor_unapproved", ASKER.name, 2)
    (entered,) = office.entries(Kind.REFUSE)
    day = str(office.now // 86_400_000)
    said = (
        ("outcome", "minor_unapproved"),
        ("staff", ASKER.name),
        ("reason", "person_asked"),
        ("fields", "name,phone"),
        ("day", day),
    )
    assert office.commits_to(entered.id, said)
    (event,) = events(office, girl)
    assert (event.kind, event.staff, event.count) == (StaffEventKind.READ_DENIED, ASKER.name, 2)


def test_a_read_of_somebody_under_eighteen_with_an_approval_logs_approver_time_and_fields(world, office):
    girl = born(world, GIRL)
    request = approved(office, girl)
    later = office.at(60_000)

    done = reading(later, girl, approval=request.id)

    assert set(done.values) == {"name", "phone"}
    said = (
        ("step", "read"),
        ("staff", ASKER.name),
        ("basis", "contract"),
        ("reason", "person_asked"),
        ("fields", "name,phone"),
        ("minor", "yes"),
        ("request", dual_text(request.id)),
        ("approver", FIRST.name),
        ("approved_at", str(office.now)),
    )
    assert office.commits_to(done.id, said)
    kinds = [event.kind for event in events(office, girl)]
    assert kinds[0] == StaffEventKind.READ
    assert set(kinds[1:]) == {StaffEventKind.MINOR_ASKED, StaffEventKind.MINOR_APPROVED}
    last = events(office, girl)[0]
    copied = staff_row(last)
    assert (copied["basis"], copied["approved_by"]) == ("contract", FIRST.name)
    assert copied["approved_at"] == instant(office.now)
    assert (last.approver, last.approved_at, last.fields) == (FIRST.name, office.now, ("name", "phone"))


@pytest.mark.parametrize(
    ("day", "asks"),
    [("2008-11-21", False), ("2008-11-22", True), ("2008-11-23", True), (ADULT, False), (None, False)],
)
def test_a_birthday_still_counts_as_under_eighteen_and_an_unknown_age_does_not(world, office, day, asks):
    person = born(world, day)  # the world's day is 2026-11-22 in Beijing, not yet in UTC

    answer = reading(office, person)

    assert (answer == Denied(code=DenialCode.MINOR_UNAPPROVED)) is asks


def test_somebody_of_unknown_age_with_a_parent_counts_as_under_eighteen(world, office):
    ward, parent = born(world, None), world.person()
    link(office.vault, ward.subject, parent.subject, Tie.PARENT, bytes(32), office.now)

    assert reading(office.at(1), ward) == Denied(code=DenialCode.MINOR_UNAPPROVED)


def test_an_approval_is_of_another_person_whatever_key_they_use(world, office):
    girl = born(world, GIRL)
    asked = asked_for(office, girl)

    own = office.vote(asked.id, Staffer(name="auditor/eeeeeeeeeeee", actor=ASKER.actor))

    assert own == Denied(code=DenialCode.OWN_REQUEST)
    assert reading(office, girl, approval=asked.id) == Denied(code=DenialCode.MINOR_UNAPPROVED)


WRONG = {
    "not yet given": lambda office, girl: (asked_for(office, girl), {}),
    "for an emergency": lambda office, girl: (office.approved(girl.subject), {}),
    "for fewer fields": lambda office, girl: (approved(office, girl, fields=("name",)), {}),
    "for another reason": lambda office, girl: (
        approved(office, girl, reason=DualReason.LEAK_INVESTIGATION),
        {},
    ),
    "of somebody else's request": lambda office, girl: (approved(office, girl, staffer=SECOND), {}),
    "used by another key": lambda office, girl: (approved(office, girl), {"staffer": SECOND}),
    "taken back": lambda office, girl: (
        office.vote(approved(office, girl).id, SECOND, Verdict.NO),
        {},
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_an_approval_that_is_not_of_exactly_this_read_opens_nothing(world, office, what):
    girl = born(world, GIRL)
    request, how = WRONG[what](office, girl)

    assert reading(office, girl, approval=request.id, **how) == Denied(code=DenialCode.MINOR_UNAPPROVED)
    assert rows(office, staff_read) == []


def test_an_approval_of_somebody_else_s_data_or_of_nothing_opens_nothing(world, office):
    girl = born(world, GIRL)
    other = world.person()
    request = approved(office, other)

    for approval in (request.id, new_id(girl.bucket, office.now)):
        assert reading(office, girl, approval=approval) == Denied(code=DenialCode.MINOR_UNAPPROVED)


def test_an_approval_is_good_for_fifteen_minutes_and_for_one_read(world, office):
    girl = born(world, GIRL)
    late, once = approved(office, girl), approved(office, girl)

    assert reading(office.at(WINDOW_MS), girl, approval=late.id) == Denied(code=DenialCode.MINOR_UNAPPROVED)
    assert isinstance(reading(office, girl, approval=once.id), Reading)
    assert reading(office.at(1), girl, approval=once.id) == Denied(code=DenialCode.MINOR_UNAPPROVED)
    assert len(rows(office, staff_read)) == 1


# What nobody reads alone.


@pytest.mark.parametrize(
    ("basis", "reason", "fields"),
    [
        (Basis.CONTRACT, DualReason.LIFE_AT_RISK, ("phone",)),
        (Basis.LEGAL_DUTY, DualReason.COURT_ORDER, ("phone",)),
        (Basis.LEGAL_DUTY, DualReason.AUTHORITY_DEMAND, ("phone",)),
        (Basis.CONTRACT, DualReason.LEAK_INVESTIGATION, ("phone",)),
        (Basis.CONTRACT, DualReason.PERSON_ASKED, ("phone", "resident_id")),
        (Basis.CONSENT, DualReason.LIFE_AT_RISK, ("phone",)),
    ],
)
def test_what_basis_and_reason_do_not_allow_takes_two_others(world, office, basis, reason, fields):
    person = world.person()

    answer = reading(office, person, basis=basis, reason=reason, fields=fields)

    assert answer == Denied(code=DenialCode.NEEDS_TWO)
    (row,) = rows(office, staff_refusal)
    assert (row.code, row.reason) == ("needs_two", reason.value)


def test_nobody_and_the_erased_are_unknown_and_no_field_or_an_unknown_one_is_no_request(world, office):
    gone, person = world.person(), world.person()
    people.erase(office.vault, gone, office.now)

    for subject in (new_subject(), gone.subject):
        answer = read(office.vault, ASKER, replace(CARE, subject=subject), office.now)
        assert answer == Denied(code=DenialCode.UNKNOWN_PERSON)
    for fields in ((), ("shoe_size",)):
        with pytest.raises(BadRequest):
            reading(office, person, fields=fields)


# Under the person's consent: the house is a recipient, and a read is a use.


@pytest.fixture
def house(world):
    return world.app("customer_care", "Perusal House", kind=RecipientKind.STAFF)


def consented(world, house, person, uses=2):
    return world.approve(house, person, uses={"max": uses, "ask": "counted"})


def test_under_consent_a_read_spends_a_use_of_the_grant_to_the_house(world, office, house):
    person = born(world, ADULT)
    grant = consented(world, house, person).grant_id

    done = reading(office, person, basis=Basis.CONSENT, fields=("phone",))

    assert set(done.values) == {"phone"}
    (made,) = rows(office, disclosure)
    assert (made.grant_id, made.number, made.recipient_id) == (grant, 1, house.client.recipient.id)
    assert [row.used for row in rows(office, consent_grant)] == [1]
    with office.vault.data.read() as conn:
        told = {one.kind: one for one in timeline(conn, person.bucket, person.subject)}
    assert told[EventKind.USED].recipient == "Perusal House"
    said = (
        ("step", "read"),
        ("staff", ASKER.name),
        ("basis", "consent"),
        ("reason", "person_asked"),
        ("fields", "phone"),
        ("minor", "no"),
        ("grant", grant_text(grant)),
    )
    assert office.commits_to(done.id, said)


def test_a_consent_that_is_used_up_withdrawn_too_narrow_or_not_to_the_house_opens_nothing(
    world, office, house
):
    def by_consent(person, fields=("phone",)):
        return reading(office, person, basis=Basis.CONSENT, fields=fields)

    once, back, stranger = world.people(3)
    consented(world, house, once, uses=2)
    grant = consented(world, house, back).grant_id
    withdraw(world.vault, back.subject, back.bucket, grant, world.now)
    world.approve(world.app("customer_care"), stranger)

    assert by_consent(once, ("phone", "email")) == Denied(code=DenialCode.NO_CONSENT)
    assert isinstance(by_consent(once), Reading)
    assert isinstance(by_consent(once), Reading)
    for person in (once, back, stranger):
        assert by_consent(person) == Denied(code=DenialCode.NO_CONSENT)


def test_a_minor_s_consent_does_not_stand_in_for_the_approval_of_another_member_of_staff(
    world, office, house
):
    boy = born(world, "2009-02-03")
    consented(world, house, boy)

    assert reading(office, boy, basis=Basis.CONSENT) == Denied(code=DenialCode.MINOR_UNAPPROVED)
    assert [row.used for row in rows(office, consent_grant)] == [0]
    assert rows(office, use) == []


def test_the_house_gets_no_token_for_what_people_grant_it(world, office, house):
    code = consented(world, house, born(world, ADULT)).code

    assert exchange(world.vault, world.exchanging(house, code), world.now) == Denied(
        code=DenialCode.STAFF_ONLY
    )
    assert rows(office, use) == []


# What the data base itself refuses, whoever writes.


def raw(office, person, **changes):
    read_id = new_id(person.bucket, office.now)
    return insert(staff_read).values(
        **{
            "bucket": person.bucket,
            "id": read_id,
            "subject": person.subject,
            "staff": ASKER.name,
            "actor": b"a" * 32,
            "basis": "contract",
            "reason": "person_asked",
            "fields": '["name"]',
            "minor": False,
            "committed_at": office.now,
            "ledger_year": 2026,
            **changes,
        }
    )


def refused(office, statement, says=""):
    with pytest.raises(DBAPIError) as error, office.vault.data.write() as conn:
        conn.execute(statement)
    assert says in str(error.value.orig), error.value.orig


def test_the_data_base_takes_no_read_without_entry_approval_or_consent(world, office):
    person = world.person()

    refused(office, raw(office, person))
    refused(office, raw(office, person, minor=True), "minor")
    refused(office, raw(office, person, fields="[]"), "nothing is read")
    refused(office, raw(office, person, approval_id=b"x" * 16), "no open approval")
    refused(office, raw(office, person, basis="consent"), "consent")
    refused(
        office,
        raw(office, person, basis="consent", grant_id=b"g" * 16, use_id=b"u" * 16),
        "no consent of this person",
    )


def test_the_data_base_takes_no_use_of_the_house_but_a_read_s_and_reads_and_refusals_stay(
    world, office, house
):
    person = born(world, ADULT)
    grant = consented(world, house, person).grant_id
    made = reading(office, person, basis=Basis.CONSENT)
    assert isinstance(made, Reading)
    born_use = dict(rows(office, use)[0]._mapping) | {"id": b"n" * 16, "spent": 0, "grant_id": grant}

    refused(office, insert(use).values(**born_use), "holds no tokens")
    refused(office, update(staff_read).values(staff="operator/ffffffffffff"))
    refused(office, staff_read.delete())
    reading(office, person, reason=DualReason.LIFE_AT_RISK)
    refused(office, update(staff_refusal).values(attempts=0))
    refused(office, staff_refusal.delete())


TAMPERED = {
    "other fields": {"fields": '["name","phone","resident_id"]'},
    "another key": {"staff": SECOND.name},
    "another reason": {"reason": "leak_investigation"},
    "of age": {"minor": False, "approval_id": None},
    "another basis": {"basis": "legal_duty"},
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_read_that_somebody_rewrote_with_the_triggers_off_gives_no_permit(world, office, what):
    girl = born(world, GIRL)
    done = reading(office, girl, approval=approved(office, girl).id)

    with tampering(office.vault.data) as conn:
        conn.execute(update(staff_read).values(TAMPERED[what]))

    assert staff_permits(office.vault, [(girl.bucket, done.id)]) == [None]


def test_a_honey_person_read_by_staff_raises_one_alarm_also_after_a_sweep(world, office, house):
    (planted,) = plant(office.vault, [NewPerson({**people.values(41), "birth_date": ADULT})], world.now)
    honey = Consumer(bucket=planted.bucket, subject=planted.subject, lang="en")
    consented(world, house, honey)

    assert isinstance(reading(office, honey, basis=Basis.CONSENT), Reading)
    office.vault.watch.settle()

    (raised,) = rows(office, alarm)
    assert raised.who == f"staff:{ASKER.name}"
    assert sweep(office.vault, 0) == 0


def test_every_entry_of_a_read_under_consent_stands_in_the_person_s_own_chain(world, office, house):
    person = born(world, ADULT)
    consented(world, house, person)
    before = len(rows(office, entry))

    reading(office, person, basis=Basis.CONSENT)

    kinds = [one.kind for one in office.entries()[before:]]
    assert kinds == [Kind.ACCESS, Kind.DISCLOSE]
