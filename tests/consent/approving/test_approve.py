"""Showing and deciding: once, by the person it was shown to, in time, with an entry in the ledger."""

import json

import pytest
from sqlalchemy import func, select, update

from consent.accounts.keys import Consumer
from consent.approving import approve as deciding
from consent.approving.approve import Approved, Refused, approve, refuse
from consent.instants import instant
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.tables import entry
from consent.refusals import Refusal, RefusalCode
from consent.schema.tables import auth_code, client, consent_grant, recipient
from tests.consent.wards import family
from tests.consent.world import DAY, REDIRECT
from vault.ids import secret_bucket


def grants(world):
    with world.vault.data.read() as conn:
        return conn.execute(select(consent_grant)).all()


def kinds(world):
    with world.vault.data.read() as conn:
        bodies = conn.execute(select(entry.c.body).order_by(entry.c.bucket, entry.c.idx)).scalars()
        return [parse(body).kind for body in bodies]


def test_the_showing_says_who_asks_for_what_why_how_long_and_what_a_leak_costs(world):
    app, person = world.app("account"), world.person()
    shown = world.show(app, person, optional_datatypes=["email"], uses={"max": 3, "ask": "counted"})

    assert shown.recipient.legal_name == "Swift Parcel Ltd"
    assert shown.recipient.contact == "privacy@app.example"
    assert shown.purpose.code == "account"
    assert (shown.fields, shown.optional_fields) == (("name", "phone"), ("email",))
    assert (shown.max_uses, shown.retention, shown.window) == (3, "P30D", (world.now, world.now + DAY))
    assert (shown.notice, shown.terms) == (app.notice, app.terms)
    assert str(shown.example_sum()) == "500.00"
    with world.vault.data.read() as conn:
        assert deciding.showing(conn, person, shown.id) == shown


def test_a_showing_belongs_to_the_person_it_was_made_to(world):
    app, person, other = world.app(), world.person(), world.person()
    shown = world.show(app, person)
    stranger = Consumer(bucket=person.bucket, subject=other.subject, lang="en")

    with world.vault.data.read() as conn:
        assert deciding.showing(conn, stranger, shown.id) is None
    assert approve(world.vault, stranger, shown.id, None, world.now) == Refusal(
        code=RefusalCode.SHOWING_UNKNOWN
    )
    assert grants(world) == []


def test_a_yes_makes_an_active_grant_a_code_in_the_persons_bucket_and_a_ledger_entry(world):
    app, person = world.app(), world.person()
    shown = world.show(app, person)

    approved = approve(world.vault, person, shown.id, {"name", "phone"}, world.now)

    assert isinstance(approved, Approved)
    assert (approved.redirect_uri, approved.state) == (REDIRECT, "s1")
    assert secret_bucket("cod", approved.code) == person.bucket
    (grant,) = grants(world)
    assert (grant.id, grant.state, grant.used) == (approved.grant_id, "active", 0)
    assert json.loads(grant.fields) == ["name", "phone"]
    assert (grant.notice_hash, grant.terms_hash) == (app.notice.hash, app.terms.hash)
    assert kinds(world) == [Kind.ENROL, Kind.GRANT]


def test_the_kind_of_consent_follows_sensitivity_and_number_of_uses(world):
    person, parcel = world.person(), world.app()
    bank = world.app("identity_check", "Bank Ltd")
    world.approve(parcel, person)
    world.approve(parcel, person, uses={"max": 2})
    world.approve(bank, person, datatypes=["resident_id"])

    assert sorted(g.consent_kind for g in grants(world)) == ["explicit", "separate", "single_occasion"]


def test_a_childs_consent_is_always_one_of_its_own(world):
    family(world).approve(world.app())

    assert [g.consent_kind for g in grants(world)] == ["separate"]


def test_optional_fields_are_taken_only_when_chosen_and_required_ones_only_together(world):
    app, person = world.app("account"), world.person()

    def answer(chosen):
        shown = world.show(app, person, optional_datatypes=["email"])
        return approve(world.vault, person, shown.id, chosen, world.now)

    assert answer(["name"]) == Refusal(code=RefusalCode.CHOICE_INCOMPLETE, at="fields")
    assert answer(["name", "phone", "resident_id"]) == Refusal(code=RefusalCode.CHOICE_EXCESS, at="fields")
    for chosen in (None, ["phone", "name"], ["phone", "name", "email"]):
        assert isinstance(answer(chosen), Approved)
    assert sorted(len(json.loads(g.fields)) for g in grants(world)) == [2, 2, 3]


def test_a_no_is_kept_with_an_entry_of_its_own_and_makes_no_code(world):
    app, person = world.app(), world.person()
    shown = world.show(app, person)

    answer = refuse(world.vault, person, shown.id, world.now)

    assert answer == Refused(redirect_uri=REDIRECT, state="s1")
    assert [g.state for g in grants(world)] == ["refused"]
    assert kinds(world) == [Kind.ENROL, Kind.REFUSE]
    with world.vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(auth_code)).scalar_one() == 0


@pytest.mark.parametrize("whose", [client, recipient])
def test_nothing_is_given_to_a_recipient_that_was_stopped_after_the_page_was_shown(world, whose):
    app, person = world.app(), world.person()
    shown = world.show(app, person)
    with world.vault.data.write() as conn:
        conn.execute(update(whose).values(suspended_at=world.now))

    answer = approve(world.vault, person, shown.id, None, world.now)

    assert answer == Refusal(code=RefusalCode.CLIENT_SUSPENDED)
    assert isinstance(refuse(world.vault, person, shown.id, world.now), Refused)


def test_a_showing_is_decided_once_whatever_the_second_answer(world):
    app, person = world.app(), world.person()
    shown = world.show(app, person)
    approve(world.vault, person, shown.id, None, world.now)

    assert refuse(world.vault, person, shown.id, world.now) == Refusal(code=RefusalCode.SHOWING_DECIDED)
    assert approve(world.vault, person, shown.id, None, world.now) == Refusal(
        code=RefusalCode.SHOWING_DECIDED
    )
    assert len(grants(world)) == 1


def test_two_answers_at_once_leave_one_grant(world, monkeypatch):
    """The loser has read the showing as undecided; the unique constraint decides."""
    app, person = world.app(), world.person()
    shown = world.show(app, person)
    undecided = deciding._open_showing

    def late(*args):
        found = undecided(*args)
        monkeypatch.setattr(deciding, "_open_showing", undecided)
        assert isinstance(approve(world.vault, person, shown.id, None, world.now), Approved)
        return found

    monkeypatch.setattr(deciding, "_open_showing", late)

    assert approve(world.vault, person, shown.id, None, world.now) == Refusal(
        code=RefusalCode.SHOWING_DECIDED
    )
    assert len(grants(world)) == 1
    assert kinds(world) == [Kind.ENROL, Kind.GRANT]


def test_a_showing_lapses_after_ten_minutes_and_with_its_window(world):
    app, person = world.app(), world.person()
    shown = world.show(app, person)
    short = world.show(app, person, window={"to": instant(world.now + 60_000)})

    late = approve(world.vault, person, shown.id, None, world.now + 600_000)
    closed = approve(world.vault, person, short.id, None, short.window[1])

    assert late == Refusal(code=RefusalCode.SHOWING_EXPIRED)
    assert closed == Refusal(code=RefusalCode.WINDOW_CLOSED)
    assert grants(world) == []
