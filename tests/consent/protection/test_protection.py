"""Protected mode: accepted by somebody trusted, who looks twice at what is hard to take back, and a day from its end."""

from decimal import Decimal

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DatabaseError

from consent.approving import approve as approving
from consent.approving import grant_drafts
from consent.approving.approve import Approved, Deferred, approve
from consent.asking.ask import Via
from consent.decoupled import devices
from consent.decoupled.polling import Poll, Waiting, poll
from consent.families.ties import Refused, Tie, appoint, merge
from consent.grants.history import grant
from consent.grants.timeline import EventKind, timeline
from consent.protection import deferral
from consent.protection import mode as protection
from consent.protection.deferral import Collected, Decision
from consent.protection.ending import Scope, end_all
from consent.protection.mode import Protection, Step
from consent.rebuild import Divergence, check
from consent.refusals import Refusal, RefusalCode
from consent.schema.grant_states import GrantState
from consent.schema.protection_tables import protection as protection_table
from consent.schema.protection_tables import protection_step
from consent.schema.step_up_tables import step_up
from consent.schema.tables import client, consent_grant
from consent.tokens.exchange import Issued, exchange
from tests.consent.erasure.test_erase import ask as order_erasure
from tests.consent.erasure.test_erase import carry_out
from tests.consent.presence import proof_if_needed, signed, with_passkey
from tests.consent.wards import PROOF
from tests.consent.world import JKT
from vault.ids import new_id

DAY = 86_400_000
STATE = Refusal(code=RefusalCode.PROTECTION_STATE)
CLOSED = Refusal(code=RefusalCode.DEFERRAL_CLOSED)


def who(person):
    return person.bucket, person.subject


def asked(world, person, trusted, most="100000"):
    return protection.ask(world.vault, who(person), who(trusted), Decimal(most), "CNY", world.now)


@pytest.fixture
def pair(world):
    """A protected person, the one they trust, and the protection between them."""
    person, trusted = world.people(2)
    one = asked(world, person, trusted)
    world.tick(1)
    done = protection.accept(world.vault, who(trusted), one.id, world.now)
    assert isinstance(done, Protection)
    return person, trusted, done


def sensitive(world, app, person):
    shown = world.show(app, person, datatypes=["name", "resident_id"])
    proof = proof_if_needed(world.vault, person, shown, world.now)
    return shown, approve(world.vault, person, shown.id, None, world.now, proof)


def answered(world, trusted, given, decision=Decision.YES):
    return deferral.answer(world.vault, who(trusted), given.grant_id, decision, world.now)


def state(world, person, given):
    with world.vault.data.read() as conn:
        return grant(conn, person.bucket, person.subject, given.grant_id).state


def told(world, person):
    with world.vault.data.read() as conn:
        return [event.kind for event in timeline(conn, person.bucket, person.subject)]


def stop(world, app):
    with world.vault.data.write() as conn:
        conn.execute(
            update(client).values(suspended_at=world.now).where(client.c.client_id == app.client.client_id)
        )


def steps(world, one):
    with world.vault.data.read() as conn:
        return [line.step for line in protection.log(conn, one)]


def divergences(world):
    return [one for one in check(world.vault) if isinstance(one, Divergence)]


def test_what_is_sensitive_waits_and_has_no_code_until_the_trusted_person_agrees(world, pair):
    person, trusted, one = pair
    app = world.app("identity_check")
    shown, given = sensitive(world, app, person)

    assert isinstance(given, Deferred)
    assert given.expires_at == world.now + DAY
    assert state(world, person, given) is GrantState.DEFERRED
    assert deferral.collect(world.vault, person, shown.id, world.now) == CLOSED
    assert divergences(world) == []

    world.tick(1)
    assert answered(world, trusted, given) is GrantState.ACTIVE
    got = deferral.collect(world.vault, person, shown.id, world.now)
    assert isinstance(got, Collected)
    assert deferral.collect(world.vault, person, shown.id, world.now) == CLOSED
    assert isinstance(exchange(world.vault, world.exchanging(app, got.code), world.now), Issued)
    assert steps(world, one) == [Step.ASKED, Step.ACCEPTED, Step.AGREED]
    assert divergences(world) == []


def test_what_law_wants_in_writing_waits_although_it_is_signed(world, pair):
    person, _, _ = pair
    shown = world.show(world.app("credit_check"), person)
    proof = signed(world.vault, shown, with_passkey(world.vault, person, world.now), world.now)

    given = approve(world.vault, person, shown.id, None, world.now, proof)

    assert isinstance(given, Deferred)
    assert state(world, person, given) is GrantState.DEFERRED


def test_what_is_ordinary_is_approved_as_before(world, pair):
    person, _, _ = pair

    assert isinstance(world.approve(world.app(), person), Approved)


def test_a_liability_beyond_the_agreed_sum_waits(world):
    person, trusted = world.people(2)
    one = asked(world, person, trusted, most="499.99")
    protection.accept(world.vault, who(trusted), one.id, world.now)
    shown = world.show(world.app(), person)

    assert isinstance(approve(world.vault, person, shown.id, None, world.now), Deferred)


def test_until_it_is_accepted_nothing_waits(world):
    person, trusted = world.people(2)
    asked(world, person, trusted, most="0")
    shown = world.show(world.app(), person)

    assert isinstance(approve(world.vault, person, shown.id, None, world.now), Approved)


def test_a_no_refuses_it_and_counts_as_the_persons_refusal(world, pair):
    person, trusted, one = pair
    _, given = sensitive(world, world.app("identity_check"), person)
    world.tick(1)

    assert answered(world, trusted, given, Decision.NO) is GrantState.REFUSED
    assert answered(world, trusted, given) == CLOSED
    assert steps(world, one)[-1] is Step.DISAGREED
    assert divergences(world) == []


def test_a_yes_to_a_recipient_that_was_stopped_meanwhile_is_refused_and_a_no_is_taken(world, pair):
    person, trusted, _ = pair
    app = world.app("identity_check")
    _, given = sensitive(world, app, person)
    stop(world, app)
    world.tick(1)

    assert answered(world, trusted, given) == Refusal(code=RefusalCode.CLIENT_SUSPENDED)
    assert state(world, person, given) is GrantState.DEFERRED
    assert answered(world, trusted, given, Decision.NO) is GrantState.REFUSED


def test_the_timeline_does_not_tell_what_waits_or_lapsed_as_approved(world, pair):
    person, *_ = pair
    _, given = sensitive(world, world.app("identity_check"), person)

    assert told(world, person) == [EventKind.WAITING]
    world.tick(DAY)
    assert deferral.lapse(world.vault, world.now) == 1
    assert state(world, person, given) is GrantState.LAPSED
    assert told(world, person) == [EventKind.LAPSED]


def test_ending_everything_ends_what_waits_too_and_no_yes_brings_it_back(world, pair):
    person, trusted, one = pair
    standing = world.approve(world.app(), person)
    _, given = sensitive(world, world.app("identity_check", "Second"), person)
    world.tick(1)

    done = end_all(world.vault, who(person), Scope(), world.now)

    assert [ended.grant_id for ended in done.withdrawn] == [standing.grant_id]
    assert done.taken_back == [given.grant_id]
    assert answered(world, trusted, given) == CLOSED
    assert state(world, person, given) is GrantState.REFUSED
    assert steps(world, one)[-1] is Step.TAKEN_BACK
    assert divergences(world) == []


def test_ending_what_one_recipient_has_leaves_what_waits_for_another(world, pair):
    person, trusted, _ = pair
    first, second = world.app("identity_check"), world.app("identity_check", "Second")
    (_, here), (_, there) = sensitive(world, first, person), sensitive(world, second, person)
    world.tick(1)

    done = end_all(world.vault, who(person), Scope(recipient_id=first.client.recipient.id), world.now)

    assert (done.withdrawn, done.taken_back) == ([], [here.grant_id])
    assert answered(world, trusted, there) is GrantState.ACTIVE


def test_after_a_day_without_an_answer_it_has_lapsed(world, pair):
    person, trusted, one = pair
    app = world.app("identity_check")
    _, given = sensitive(world, app, person)
    world.tick(DAY - 1)
    assert deferral.lapse(world.vault, world.now) == 0
    world.tick(1)

    assert answered(world, trusted, given) == CLOSED
    assert deferral.lapse(world.vault, world.now) == 1
    assert deferral.lapse(world.vault, world.now) == 0
    assert state(world, person, given) is GrantState.LAPSED
    assert steps(world, one)[-1] is Step.LAPSED
    assert divergences(world) == []


def test_the_person_takes_it_back_while_it_waits_and_nobody_else_does(world, pair):
    person, trusted, _ = pair
    _, given = sensitive(world, world.app("identity_check"), person)

    assert deferral.take_back(world.vault, who(trusted), given.grant_id, world.now) == CLOSED
    assert deferral.take_back(world.vault, who(person), given.grant_id, world.now) is GrantState.REFUSED
    assert answered(world, trusted, given) == CLOSED
    assert divergences(world) == []


def test_nobody_but_the_trusted_person_answers(world, pair):
    person, _, _ = pair
    stranger = world.person()
    _, given = sensitive(world, world.app("identity_check"), person)

    for other in (person, stranger):
        assert answered(world, other, given) == CLOSED
    assert state(world, person, given) is GrantState.DEFERRED


def test_a_refusal_waits_for_nobody(world, pair):
    person, _, _ = pair
    shown = world.show(world.app("identity_check"), person, datatypes=["name", "resident_id"])

    assert isinstance(approving.refuse(world.vault, person, shown.id, world.now), approving.Refused)


def test_what_is_typed_as_a_code_waits_too_and_no_longer_than_its_recipient_polls(world, pair):
    person, trusted, _ = pair
    app = world.app("identity_check")
    details = app.details(world.now, datatypes=["name", "resident_id"])
    with world.vault.data.write() as conn:
        started = devices.start(conn, world.vault, app.client, details, None, world.now)
    shown = devices.enter(world.vault, person, started.user_code, world.now)
    proof = proof_if_needed(world.vault, person, shown, world.now)
    given = approve(world.vault, person, shown.id, None, world.now, proof)
    asking = Poll(via=Via.DEVICE, client_id=app.client.client_id, secret=started.device_code, jkt=JKT)

    def polled():
        world.tick(10_000)
        with world.vault.data.write() as conn:
            return poll(conn, world.vault, asking, world.now)

    assert given.expires_at <= world.now + started.expires_in * 1000
    assert polled() is Waiting.PENDING
    assert answered(world, trusted, given) is GrantState.ACTIVE
    assert isinstance(polled(), Issued)


def test_turning_it_off_takes_a_day_in_which_it_still_holds_and_can_be_kept(world, pair):
    person, trusted, one = pair
    ending = protection.turn_off(world.vault, who(person), one.id, world.now)
    assert ending.off_at == world.now + DAY
    world.tick(DAY - 1)
    _, given = sensitive(world, world.app("identity_check"), person)
    assert isinstance(given, Deferred)

    kept = protection.keep(world.vault, who(person), one.id, world.now)
    assert kept.off_at is None
    protection.turn_off(world.vault, who(person), one.id, world.now)
    world.tick(DAY)
    _, free = sensitive(world, world.app("identity_check", "Second"), person)

    assert isinstance(free, Approved)
    assert protection.keep(world.vault, who(person), one.id, world.now) == STATE
    assert isinstance(asked(world, person, trusted), Protection)


def test_only_the_two_move_it_and_each_only_what_is_theirs(world, pair):
    person, trusted, one = pair
    stranger = world.person()

    assert protection.turn_off(world.vault, who(trusted), one.id, world.now) == STATE
    assert protection.resign(world.vault, who(person), one.id, world.now) == STATE
    assert protection.accept(world.vault, who(trusted), one.id, world.now) == STATE
    assert protection.decline(world.vault, who(trusted), one.id, world.now) == STATE
    assert protection.turn_off(world.vault, who(stranger), one.id, world.now) == STATE
    assert protection.resign(world.vault, who(trusted), one.id, world.now).off_at == world.now + DAY


def test_what_nobody_accepted_is_cancelled_at_once_and_declined_at_once(world):
    person, trusted = world.people(2)
    first = asked(world, person, trusted)
    assert asked(world, person, trusted) == STATE
    assert protection.accept(world.vault, who(person), first.id, world.now) == STATE
    assert protection.turn_off(world.vault, who(person), first.id, world.now).off_at == world.now

    second = asked(world, person, trusted)
    assert protection.decline(world.vault, who(trusted), second.id, world.now).off_at == world.now
    with world.vault.data.read() as conn:
        assert protection.current(conn, who(person), world.now) is None


def test_nobody_is_asked_like_anybody_and_nobody_asks_themselves(world):
    person = world.person()

    assert asked(world, person, person) == Refusal(code=RefusalCode.PROTECTION_SELF)
    made = protection.ask(world.vault, who(person), None, Decimal(1), "CNY", world.now)
    assert isinstance(made, Protection)


def test_whoever_has_a_guardian_asks_nobody_and_what_waits_for_them_is_not_agreed_to(world, pair):
    person, trusted, _ = pair
    guardian, ward = world.people(2)
    _, given = sensitive(world, world.app("identity_check"), person)
    for one in (ward, person):
        appoint(world.vault, one.subject, guardian.subject, Tie.APPOINTED, PROOF, world.now)

    needed = Refusal(code=RefusalCode.GUARDIAN_NEEDED)
    assert asked(world, ward, guardian) == needed
    assert answered(world, trusted, given) == needed


def test_a_protection_turned_on_during_an_approval_asks_for_the_approval_again(world, monkeypatch):
    person, trusted = world.people(2)
    app = world.app("identity_check")
    shown = world.show(app, person, datatypes=["name", "resident_id"])
    proof = proof_if_needed(world.vault, person, shown, world.now)
    one, seen = asked(world, person, trusted), []
    looked = deferral.protecting

    def first_then_accepted(conn, showing, now_ms):
        found = looked(conn, showing, now_ms)
        if not seen:
            seen.append(found)
        return found

    monkeypatch.setattr(approving, "protecting", first_then_accepted)
    monkeypatch.setattr(
        grant_drafts, "promised", _accepting_first(world, trusted, one, grant_drafts.promised)
    )

    answer = approve(world.vault, person, shown.id, None, world.now, proof)

    assert answer == Refusal(code=RefusalCode.PROTECTION_CHANGED)


def _accepting_first(world, trusted, one, promised):
    def accept_then_promise(*args):
        protection.accept(world.vault, who(trusted), one.id, world.now)
        return promised(*args)

    return accept_then_promise


def test_whoever_is_protected_or_trusted_is_not_merged_away(world, pair):
    person, trusted, _ = pair
    keep = world.person()

    for drop in (person, trusted):
        answer = merge(world.vault, keep.subject, drop.subject, world.now, clock=lambda: world.now)
        assert answer == Refused("merge_protected", "")


def test_what_waits_ends_with_its_person(world, pair):
    person, _, _ = pair
    _, given = sensitive(world, world.app("identity_check"), person)
    order_erasure(world, person)
    carry_out(world)

    with world.vault.data.read() as conn:
        own = select(consent_grant.c.state).where(consent_grant.c.id == given.grant_id)
        assert conn.execute(own).scalar_one() == "lapsed"
    assert divergences(world) == []


def test_the_data_base_lets_nothing_round_the_trusted_person(world, pair):
    person, _, one = pair
    _, given = sensitive(world, world.app("identity_check"), person)
    with world.vault.data.read() as conn:
        own = conn.execute(select(protection_step)).mappings().first()
    moves = update(consent_grant).where(consent_grant.c.id == given.grant_id)
    for statement in (
        moves.values(state="active"),
        moves.values(state="refused"),
        moves.values(state="lapsed"),
        update(protection_table).values(off_at=world.now),
        update(protection_table).values(off_asked_at=world.now, off_at=world.now + DAY - 1),
        update(protection_table).values(accepted_at=world.now + 1),
        update(protection_table).values(most="1"),
        update(protection_step).values(step="declined"),
        insert(protection_table).values(
            bucket=one.bucket,
            id=new_id(one.bucket, world.now),
            subject=one.subject,
            trusted_bucket=one.trusted_bucket,
            trusted=one.trusted,
            most="1",
            currency="CNY",
            asked_at=world.now,
        ),
        insert(protection_step).values(**{**own, "id": new_id(one.bucket, world.now), "step": "agreed"}),
        text("DELETE FROM deferral"),
    ):
        with pytest.raises(DatabaseError), world.vault.data.write() as conn:
            conn.execute(statement)
    assert state(world, person, given) is GrantState.DEFERRED


@pytest.mark.parametrize("kind", ["separate", "written"])
def test_the_data_base_takes_no_active_sensitive_consent_of_a_protected_person(world, pair, kind):
    person, _, _ = pair
    app = world.app("identity_check")
    _, given = sensitive(world, app, person)
    other = world.show(app, person, datatypes=["name", "resident_id"])
    with world.vault.data.read() as conn:
        own = select(consent_grant).where(consent_grant.c.id == given.grant_id)
        row = dict(conn.execute(own).mappings().one())
        proof = dict(conn.execute(select(step_up)).mappings().one())
    forged = {**row, "id": other.id, "showing_id": other.id, "state": "active", "consent_kind": kind}
    if kind == "written":
        forged |= {"written_by": "passkey", "written_lang": "en", "written_hash": "0" * 43}
        signed_with = ("credential_id", "public_key", "authenticator_data", "signature")
        proof |= {"how": "passkey", "client_data": "{}"} | dict.fromkeys(signed_with, b"-")

    with world.vault.data.write() as conn:
        conn.execute(insert(step_up).values({**proof, "showing_id": other.id}))
        with pytest.raises(DatabaseError, match="waits for the trusted person"), conn.begin_nested():
            conn.execute(insert(consent_grant).values(forged))
