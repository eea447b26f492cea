"""Asking and voting: two other people, in time, each step in the ledger, whatever the data base is."""

import pytest
from sqlalchemy import func, select

from consent.denials import DAY_MS, DenialCode, Denied
from consent.dual.control import LONGEST_NOTE, Question, ask, vote
from consent.dual.requests import approvers, find, note_of, waiting
from consent.errors import BadRequest
from consent.house import house_opening
from consent.ids import DualId, dual_text, parse_dual
from consent.ledger.entries.commitment import commit
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.tables import entry, opening
from consent.permits.scan_runs import ScanScope, scope_text
from consent.schema.dual_tables import dual_request, dual_vote
from consent.schema.tables import denial
from consent.staff_members import (
    ASKING_MS,
    WINDOW_MS,
    DualKind,
    DualReason,
    DualState,
    Staffer,
    Verdict,
    actor_mac,
)
from tests.consent.dual.office import ASKER, FIRST, NOTE, SECOND, THIRD, Office
from vault.ids import new_id, new_subject

SCOPE = scope_text(
    ScanScope(
        field="phone",
        schemes=("md5(md5)",),
        wanted=bytes(32),
        wanted_count=1,
        salts=bytes(32),
        salt_count=0,
    )
)


@pytest.fixture
def office(world):
    return Office(world.vault, world.now)


@pytest.fixture
def person(world):
    return world.person()


def denials(office):
    with office.vault.data.read() as conn:
        return {(row.code, row.grant_id): row.attempts for row in conn.execute(select(denial))}


def test_two_others_open_a_window_of_fifteen_minutes_from_the_second_yes(office, person):
    asked = office.ask(person.subject)
    first = office.at(60_000).vote(asked.id, FIRST)
    second = office.at(120_000).vote(asked.id, SECOND)

    assert (asked.state, first.state, second.state) == (
        DualState.ASKED,
        DualState.ASKED,
        DualState.APPROVED,
    )
    assert second.approved_at == office.now + 120_000
    assert second.window_to == second.approved_at + WINDOW_MS == second.approved_at + 15 * 60 * 1000
    with office.vault.data.read() as conn:
        assert approvers(conn, asked.id) == (FIRST.name, SECOND.name)


def test_whoever_asked_cannot_approve_by_any_key_of_theirs(office, person):
    asked = office.ask(person.subject)
    other_key = Staffer(name="auditor/eeeeeeeeeeee", actor=" ＬＩＮ ")

    for staffer in (ASKER, other_key, Staffer(name=ASKER.name, actor="Somebody")):
        assert office.vote(asked.id, staffer) == Denied(code=DenialCode.OWN_REQUEST)

    assert actor_mac(office.vault, other_key) == actor_mac(office.vault, ASKER)
    assert denials(office) == {("own_request", asked.id): 3}


def test_one_person_with_two_keys_is_one_approver(office, person):
    asked = office.ask(person.subject)
    office.vote(asked.id, FIRST)

    again = office.vote(asked.id, Staffer(name="operator/ffffffffffff", actor=FIRST.actor))

    assert again == Denied(code=DenialCode.ALREADY_VOTED)
    with office.vault.data.read() as conn:
        assert find(conn, asked.id).state is DualState.ASKED


@pytest.mark.parametrize(
    "spelled",
    ["li  wei", "Li\u200bWei", "Li\u00a0Wei", "Li Wei\u200b", "\u2002LI WEI ", "\uff2ci Wei", "Li\u00adWei"],
    ids=ascii,
)
def test_one_person_is_one_person_however_their_name_is_spelled(office, person, spelled):
    one = Staffer(name="operator/eeeeeeeeeeee", actor="Li Wei")
    same = Staffer(name="auditor/ffffffffffff", actor=spelled)
    asked = office.ask(person.subject, staffer=one)

    assert office.vote(asked.id, same) == Denied(code=DenialCode.OWN_REQUEST)


@pytest.mark.parametrize("who", [ASKER, FIRST, THIRD], ids=["asker", "approver", "another"])
@pytest.mark.parametrize("approved", [False, True])
def test_one_no_ends_a_request_also_when_it_was_approved(office, person, who, approved):
    request = office.approved(person.subject) if approved else office.ask(person.subject)

    refused = office.vote(request.id, who, Verdict.NO)

    assert refused.state is DualState.REFUSED
    assert office.vote(request.id, THIRD) == Denied(code=DenialCode.REQUEST_CLOSED)
    assert office.open(request.id) == Denied(code=DenialCode.NOT_APPROVED)


def test_a_request_waits_an_hour_and_no_longer(office, person):
    asked = office.ask(person.subject)
    office.vote(asked.id, FIRST)

    assert office.at(ASKING_MS).vote(asked.id, SECOND) == Denied(code=DenialCode.REQUEST_CLOSED)
    assert office.at(ASKING_MS - 1).vote(asked.id, SECOND).state is DualState.APPROVED


def test_what_waits_is_listed_until_its_window_closes(office, person):
    asked, done = office.ask(person.subject), office.approved(person.subject)
    refused = office.ask(person.subject)
    office.vote(refused.id, FIRST, Verdict.NO)

    def listed(ms):
        with office.vault.data.read() as conn:
            return {one.id for one in waiting(conn, office.now + ms)}

    assert listed(0) == {asked.id, done.id}
    assert listed(WINDOW_MS) == {asked.id}
    assert listed(ASKING_MS) == set()


def test_every_step_is_an_entry_of_the_person_and_says_who_did_what(office, person):
    request = office.approved(person.subject)

    steps = office.entries(Kind.GRANT)

    with office.vault.data.read() as conn:
        votes = conn.execute(select(dual_vote.c.id).order_by(dual_vote.c.place)).scalars().all()
    named, (first, second) = ("request", dual_text(request.id)), votes
    assert {step.id for step in steps} == {request.id, first, second}
    assert len({step.tag for step in steps}) == 1
    assert office.commits_to(first, (("step", "approved"), named, ("staff", FIRST.name)))
    assert office.commits_to(second, (("step", "approved"), named, ("staff", SECOND.name)))
    reason, fields = ("reason", "life_at_risk"), ("fields", "name,phone")
    assert office.commits_to(request.id, (("step", "asked"), named, ("staff", ASKER.name), reason, fields))


def test_the_note_is_sealed_and_dies_with_the_person(office, person):
    asked = office.ask(person.subject)

    with office.vault.data.read() as conn:
        stored = conn.execute(select(dual_request.c.note)).scalar_one()
    assert b"hospital" not in stored
    assert note_of(office.vault, asked) == NOTE
    office.vault.keyring.destroy_many([(person.bucket, person.subject)])
    assert note_of(office.vault, asked) is None


def test_the_data_base_names_nobody_of_the_staff(office, person):
    office.approved(person.subject)

    with office.vault.data.read() as conn:
        rows = [tuple(row) for table in (dual_request, dual_vote) for row in conn.execute(select(table))]

    assert not [value for row in rows for value in row if value in {"Lin", "Wang", "Zhao"}]


def test_a_scan_is_a_request_about_nobody_whose_steps_stand_in_the_chain_of_the_house(office):
    question = Question(
        kind=DualKind.POPULATION_SCAN,
        reason=DualReason.LEAK_INVESTIGATION,
        note="md5 of md5 in the Harbour file",
        fields=("phone",),
        scope=SCOPE,
    )
    asked = ask(office.vault, ASKER, question, office.now)
    vote(office.vault, FIRST, asked.id, Verdict.YES, office.now)
    done = vote(office.vault, SECOND, asked.id, Verdict.YES, office.now)

    assert (asked.subject, done.state) == (None, DualState.APPROVED)
    assert note_of(office.vault, asked) == "md5 of md5 in the Harbour file"
    steps = office.entries()
    assert [step.n for step in steps] == [1, 2, 3]
    assert len({step.tag for step in steps}) == 1
    with office.vault.data.read() as conn:
        row = conn.execute(
            select(opening.c.sealed, entry.c.body)
            .join(entry, (entry.c.bucket == opening.c.bucket) & (entry.c.idx == opening.c.idx))
            .where(entry.c.id == asked.id)
        ).one()
    said = (
        ("step", "asked"),
        ("request", dual_text(asked.id)),
        ("staff", ASKER.name),
        ("reason", "leak_investigation"),
        ("fields", "phone"),
        ("scope", SCOPE),
    )
    found = house_opening(office.vault, asked.id, row.sealed, said)
    assert commit(found.secret, said) == parse(row.body).commitment


def test_attempts_on_nothing_we_know_are_counted_and_never_grow_anybody_s_chain(office, person):
    before = len(office.entries())
    nothing = DualId(new_id(person.bucket, office.now))

    assert office.vote(nothing, FIRST) == Denied(code=DenialCode.UNKNOWN_REQUEST)
    assert office.open(nothing) == Denied(code=DenialCode.UNKNOWN_REQUEST)
    question = Question(
        kind=DualKind.BREAK_GLASS,
        reason=DualReason.LIFE_AT_RISK,
        note="x",
        subject=new_subject(),
        fields=("name",),
    )
    assert ask(office.vault, ASKER, question, office.now) == Denied(code=DenialCode.UNKNOWN_PERSON)
    assert len(office.entries()) == before
    assert denials(office) == {("unknown_request", b""): 2, ("unknown_person", b""): 1}


def test_denied_votes_enter_the_ledger_once_a_day_and_not_for_ever(office, person):
    asked = office.ask(person.subject)

    for ms in (0, 1, DAY_MS, DAY_MS + 1, 3 * DAY_MS):
        office.at(ms).vote(asked.id, ASKER)

    assert len(office.entries(Kind.REFUSE)) == 2
    with office.vault.data.read() as conn:
        assert conn.execute(select(func.sum(denial.c.attempts))).scalar_one() == 5


@pytest.mark.parametrize(
    "change",
    [
        {"note": ""},
        {"note": "x" * (LONGEST_NOTE + 1)},
        {"note": "a\0b"},
        {"fields": ()},
        {"fields": ("nonsense",)},
        {"fields": ("phone", "name")},
        {"fields": ("name", "name")},
        {"subject": None},
        {"kind": DualKind.POPULATION_SCAN, "scope": SCOPE},
    ],
    ids=["empty", "long", "control", "no field", "unknown field", "order", "twice", "nobody", "scan of one"],
)
def test_a_request_that_cannot_be_meant_is_refused_and_leaves_nothing(office, person, change):
    given = {
        "kind": DualKind.BREAK_GLASS,
        "reason": DualReason.LIFE_AT_RISK,
        "note": "why",
        "subject": person.subject,
        "fields": ("name",),
    }
    with pytest.raises(BadRequest):
        ask(office.vault, ASKER, Question(**(given | change)), office.now)
    with office.vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(dual_request)).scalar_one() == 0


def test_a_request_s_name_in_text_leads_back_to_it(office, person):
    asked = office.ask(person.subject)

    assert parse_dual(dual_text(asked.id)) == asked.id
