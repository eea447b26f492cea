"""Emergency reads: the ledger first, then the permit, then the values; and whoever may not, is on record."""

import pytest
from sqlalchemy import select, update

from consent.accounts.notify import mark_seen, notices_of
from consent.denials import DenialCode, Denied
from consent.ids import dual_text
from consent.ledger.entries.entry import Kind
from consent.ledger.tables import entry
from consent.permits.issue import emergency_permits
from consent.schema.dual_tables import dual_request, dual_vote, emergency_read
from consent.schema.tables import denial
from consent.staff.emergency import Opened
from consent.staff_members import WINDOW_MS, Staffer
from tests.consent.dual.office import ASKER, FIRST, SECOND, THIRD, Office
from tests.consent.tampering import tampering
from tests.vault.people import made_up as people
from vault.permit import AccessKind, check
from vault.reader import Unreadable, open_many


@pytest.fixture
def office(world):
    return Office(world.vault, world.now)


@pytest.fixture
def person(world):
    return world.person()


def count(office, table):
    with office.vault.data.read() as conn:
        return len(conn.execute(select(table)).all())


def notices(office, person, **how):
    with office.vault.data.read() as conn:
        return notices_of(conn, person.bucket, person.subject, **how)


def test_an_approved_emergency_gives_the_values_after_the_ledger_has_it(office, person):
    request = office.approved(person.subject)

    opened = office.open(request.id)

    assert isinstance(opened, Opened)
    assert opened.values == {code: people.values(0)[code] for code in ("name", "phone")}
    (step,) = office.entries(Kind.DISCLOSE)
    said = (
        ("step", "opened"),
        ("request", dual_text(request.id)),
        ("staff", ASKER.name),
        ("reason", "life_at_risk"),
        ("approvers", f"{FIRST.name},{SECOND.name}"),
        ("fields", "name,phone"),
    )
    assert (step.id, step.ts) == (opened.read_id, opened.committed_at)
    assert office.commits_to(opened.read_id, said)


def test_the_person_is_told_in_the_same_transaction_and_what_was_seen_stays_seen(office, person):
    request = office.approved(person.subject)
    assert notices(office, person) == []

    office.open(request.id, fields=("phone",))

    (told,) = notices(office, person, unseen=True)
    assert told.kind == "emergency_read"
    assert told.about == {"fields": ["phone"], "reason": "life_at_risk", "request": dual_text(request.id)}
    with office.vault.data.write() as conn:
        assert mark_seen(conn, person.bucket, person.subject, office.now - 1) == 0
        assert mark_seen(conn, person.bucket, person.subject, office.now) == 1
        assert mark_seen(conn, person.bucket, person.subject, office.now + 9) == 0
    assert notices(office, person, unseen=True) == []
    assert [one.seen_at for one in notices(office, person)] == [office.now]


def test_asking_again_inside_the_window_gives_the_same_values_and_is_counted(office, person):
    request = office.approved(person.subject)
    first = office.open(request.id)
    people.change(office.vault, person.subject, "phone", people.phone(77), office.now + 1_000)

    again = office.at(WINDOW_MS - 1).open(request.id)

    assert (again.values, again.read_id, again.times) == (first.values, first.read_id, 2)
    assert len(office.entries(Kind.DISCLOSE)) == 1
    assert len(notices(office, person)) == 1
    assert office.at(WINDOW_MS).open(request.id) == Denied(code=DenialCode.WINDOW)


def test_fewer_fields_than_asked_for_may_be_opened_and_never_more(office, person):
    request = office.approved(person.subject)

    assert office.open(request.id, fields=("name", "resident_id")) == Denied(
        code=DenialCode.FIELD_NOT_REQUESTED
    )
    assert office.open(request.id, fields=()) == Denied(code=DenialCode.FIELD_NOT_REQUESTED)
    assert set(office.open(request.id, fields=("name",)).values) == {"name"}
    assert office.open(request.id, fields=("phone",)) == Denied(code=DenialCode.FIELD_NOT_REQUESTED)


@pytest.mark.parametrize("votes", [0, 1])
def test_with_fewer_than_two_approvals_nothing_is_opened_and_the_attempt_is_in_the_ledger(
    office, person, votes
):
    asked = office.ask(person.subject)
    for staffer in (FIRST, SECOND)[:votes]:
        office.vote(asked.id, staffer)

    answer = office.open(asked.id)

    assert answer == Denied(code=DenialCode.NOT_APPROVED)
    assert count(office, emergency_read) == 0
    assert notices(office, person) == []
    (refusal,) = office.entries(Kind.REFUSE)
    day = str(office.now // 86_400_000)
    named = (("request", dual_text(asked.id)), ("staff", ASKER.name))
    assert office.commits_to(refusal.id, (("outcome", "not_approved"), *named, ("day", day)))


@pytest.mark.parametrize("who", [FIRST, SECOND, THIRD, Staffer(name=ASKER.name, actor="Sun")])
def test_only_who_asked_may_open_and_everybody_else_s_attempt_is_denied_on_record(office, person, who):
    request = office.approved(person.subject)

    assert office.open(request.id, who) == Denied(code=DenialCode.NOT_REQUESTER)
    assert office.open(request.id, who) == Denied(code=DenialCode.NOT_REQUESTER)

    assert len(office.entries(Kind.REFUSE)) == 1
    with office.vault.data.read() as conn:
        (row,) = conn.execute(select(denial)).all()
    assert (row.code, row.grant_id, row.attempts) == ("not_requester", request.id, 2)


def test_the_permit_is_issued_for_exactly_what_was_committed(office, person):
    request = office.approved(person.subject)
    opened = office.open(request.id, fields=("phone",))

    (permit,) = emergency_permits(office.vault, [(person.bucket, opened.read_id)])

    assert check(office.vault.keyring, permit, {AccessKind.EMERGENCY})
    said = permit.statement
    assert (said.subject, said.fields) == (person.subject, ("phone",))
    assert (said.recipient, said.purpose) == (f"staff:{ASKER.name}", "life_at_risk")
    with office.vault.data.read() as conn:
        row = conn.execute(entry.select().where(entry.c.id == opened.read_id)).one()
    assert (said.entry_index, said.leaf_hash) == (row.idx, row.leaf)
    assert emergency_permits(office.vault, [(person.bucket, request.id)]) == [None]


def test_an_emergency_read_is_no_use_and_a_use_is_no_emergency(world, office, person):
    from consent.permits.issue import permits
    from consent.redemption.disclose import disclose_many

    issued = world.token(world.app(), person)
    (use,) = disclose_many(world.vault, [world.request(issued)], world.now)
    opened = office.open(office.approved(person.subject).id)

    assert permits(office.vault, [(person.bucket, opened.read_id)]) == [None]
    assert emergency_permits(office.vault, [(person.bucket, use.disclosed.disclosure_id)]) == [None]


TAMPERED = {
    "other fields": lambda: update(emergency_read).values(fields='["name","phone","resident_id"]'),
    "another reason": lambda: update(dual_request).values(reason="court_order"),
    "another approver": lambda: update(dual_vote).where(dual_vote.c.place == 1).values(staff=THIRD.name),
    "no second vote": lambda: dual_vote.delete().where(dual_vote.c.place == 2),
    "an approver who asked": lambda: (
        update(dual_vote)
        .where(dual_vote.c.place == 2)
        .values(actor=select(dual_request.c.actor).scalar_subquery())
    ),
    "read after the window": lambda: update(emergency_read).values(
        committed_at=emergency_read.c.committed_at + WINDOW_MS,
        last_at=emergency_read.c.last_at + WINDOW_MS,
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_rows_that_somebody_rewrote_with_the_triggers_off_give_no_permit(office, person, what):
    opened = office.open(office.approved(person.subject).id)

    with tampering(office.vault.data) as conn:
        conn.execute(TAMPERED[what]())

    assert emergency_permits(office.vault, [(person.bucket, opened.read_id)]) == [None]


def test_an_erased_person_cannot_be_opened_and_the_attempt_stands_in_the_house_s_chain(office, person):
    request = office.approved(person.subject)
    people.erase(office.vault, person, office.now)

    assert office.open(request.id) == Denied(code=DenialCode.PERSON_ERASED)

    assert count(office, emergency_read) == 0
    (refusal,) = office.entries(Kind.REFUSE)
    assert refusal.n == 1


def test_a_read_that_breaks_after_the_commit_is_told_to_the_person_and_to_nobody_else(
    office, person, monkeypatch
):
    request = office.approved(person.subject)
    monkeypatch.setattr("consent.staff.emergency.emergency_permits", lambda *_: [None])

    assert office.open(request.id) == Denied(code=DenialCode.UNREADABLE)

    assert len(notices(office, person)) == 1
    assert len(office.entries(Kind.DISCLOSE)) == 1
    monkeypatch.undo()
    assert office.open(request.id).times == 2


def test_a_damaged_value_is_no_answer(office, person, monkeypatch):
    request = office.approved(person.subject)
    monkeypatch.setattr("consent.staff.emergency.open_many", _damaged)

    assert office.open(request.id) == Denied(code=DenialCode.UNREADABLE)


def _damaged(vault, permits):
    from vault.reader import UnreadableCode

    assert len(open_many(vault, permits)) == 1
    return [Unreadable(UnreadableCode.DAMAGED)]
