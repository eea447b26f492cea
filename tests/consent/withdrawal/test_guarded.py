"""Consents of wards: a guardian's to give, suspended when the guardianship ends, confirmed or withdrawn afterwards."""

from datetime import datetime

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DatabaseError

from consent.approving import approve as approving
from consent.approving.approve import Refused, approve, claim
from consent.delivery import outbox
from consent.denials import DenialCode, Denied
from consent.families.ties import Tie, appoint, dismiss, end_due, release
from consent.grants.history import grant
from consent.ids import grant_text
from consent.rebuild import Divergence, check
from consent.redemption.redeem import Disclosed, redeem_many
from consent.refusals import Refusal, RefusalCode
from consent.schema.grant_states import GrantState
from consent.schema.guardian_tables import guarded_step, guardian_showing
from consent.schema.tables import consent_grant, event_outbox
from consent.tokens.exchange import Issued, exchange
from consent.withdrawal import guarded
from consent.withdrawal.guarded import Confirmed, StepKind
from tests.consent.acts import agree_to_all
from tests.consent.erasure.test_erase import ask, carry_out
from tests.consent.presence import proof_if_needed
from tests.consent.wards import PROOF, enrolled, family
from vault.days import BEIJING
from vault.families.tables import guardianship

NEEDED = Refusal(code=RefusalCode.GUARDIAN_NEEDED)
OVER = Refusal(code=RefusalCode.GUARDIAN_OVER)


def at(*day) -> int:
    return int(datetime(*day, tzinfo=BEIJING).timestamp() * 1000)


def asked(world, app, person, tie=None):
    return claim(world.vault, person, world.push(app).request_uri, app.client.client_id, world.now, tie)


def state(world, who, grant_id):
    with world.vault.data.read() as conn:
        return grant(conn, who.bucket, who.subject, grant_id).state


def token(world, app, approved):
    issued = exchange(world.vault, world.exchanging(app, approved.code), world.now)
    assert isinstance(issued, Issued), issued
    return issued


def events(world):
    with world.vault.data.read() as conn:
        return list(conn.execute(select(event_outbox.c.kind).order_by(event_outbox.c.id)).scalars())


def steps(world, who, grant_id):
    with world.vault.data.read() as conn:
        return [(one.kind, one.guardian) for one in guarded.steps(conn, (who.bucket, who.subject))[grant_id]]


def divergences(world):
    return [one for one in check(world.vault) if isinstance(one, Divergence)]


@pytest.mark.parametrize(
    ("born", "day", "alone"),
    [
        ("2012-11-21", (2026, 11, 21), False),
        ("2012-11-21", (2026, 11, 22), True),
        ("2012-02-29", (2026, 2, 28), False),
        ("2012-02-29", (2026, 3, 1), True),
    ],
)
def test_nobody_under_fourteen_consents_alone_and_the_birthday_itself_still_counts(world, born, day, alone):
    world.now = at(*day)
    (child,) = enrolled(world, {"name": "Kim", "phone": "13800000000", "birth_date": born})

    shown = asked(world, world.app(), child)

    assert (shown == NEEDED) is not alone


def test_where_no_birthday_is_known_a_person_without_guardian_decides_and_a_parents_child_does_not(world):
    app, alone = world.app(), enrolled(world, {"name": "Kim", "phone": "13800000000"})[0]
    house = family(world, born=None)

    assert not isinstance(asked(world, app, alone), Refusal)
    assert asked(world, app, house.ward) == NEEDED
    assert house.approve(app).grant_id


def test_from_fourteen_on_the_ward_decides_and_the_parent_does_not(world):
    app, house = world.app(), family(world, born="2010-06-07")

    assert asked(world, app, house.guardians[0], house.ties[0]) == OVER
    assert not isinstance(asked(world, app, house.ward), Refusal)


def test_an_appointed_guardian_decides_for_a_ward_of_any_age(world):
    app, house = world.app(), family(world, born="1950-01-01", kind=Tie.APPOINTED)

    assert asked(world, app, house.ward) == NEEDED
    assert state(world, house.ward, house.approve(app).grant_id) is GrantState.ACTIVE


def test_a_request_that_takes_a_guardian_is_not_used_up_by_the_ward(world):
    app, house = world.app(), family(world)
    pushed = world.push(app)
    wanted = (pushed.request_uri, app.client.client_id, world.now)

    assert claim(world.vault, house.ward, *wanted) == NEEDED
    assert not isinstance(claim(world.vault, house.guardians[0], *wanted, house.ties[0]), Refusal)


def test_what_a_guardian_was_shown_is_nobody_elses_to_answer(world):
    app, house = world.app(), family(world, guardians=2)
    shown = house.show(app)

    for other in (house.ward, house.guardians[1]):
        answer = approve(world.vault, other, shown.id, None, world.now)
        assert answer == Refusal(code=RefusalCode.SHOWING_UNKNOWN)
    assert isinstance(approving.refuse(world.vault, house.guardians[0], shown.id, world.now), Refused)


def test_the_guardians_own_proof_is_asked_for_and_the_wards_is_none(world):
    app, house = world.app(), family(world)
    shown = house.show(app)
    wards = proof_if_needed(world.vault, house.ward, shown, world.now)

    assert approve(world.vault, house.guardians[0], shown.id, None, world.now) == Refusal(
        code=RefusalCode.STEP_UP_NEEDED
    )
    assert approve(world.vault, house.guardians[0], shown.id, None, world.now, wards) == Refusal(
        code=RefusalCode.STEP_UP_FAILED
    )


def test_whoever_lost_the_guardianship_between_seeing_and_answering_gives_nothing(world):
    app, house = world.app(), family(world)
    shown = house.show(app)
    proof = proof_if_needed(world.vault, house.guardians[0], shown, world.now)
    dismiss(world.vault, house.ward.subject, house.guardians[0].subject, world.now)

    assert approve(world.vault, house.guardians[0], shown.id, None, world.now, proof) == OVER


def test_the_end_of_a_guardianship_suspends_what_stands_by_it_and_tells_the_recipient(world):
    app, house = world.app(), family(world, guardians=2)
    mine = token(world, app, house.approve(app, uses={"max": 2, "batch": 2}))
    others = token(world, app, house.approve(app, 1, uses={"max": 2, "batch": 2}, retention="P40D"))
    assert isinstance(redeem_many(world.vault, [world.request(mine)], world.now)[0], Disclosed)

    dismiss(world.vault, house.ward.subject, house.guardians[0].subject, world.now + 1)

    world.tick(2)
    answers = redeem_many(world.vault, [world.request(mine), world.request(others)], world.now)
    assert answers[0] == Denied(code=DenialCode.GRANT_NOT_ACTIVE)
    assert isinstance(answers[1], Disclosed)
    assert events(world) == ["suspended"]
    assert divergences(world) == []


def test_another_guardian_confirms_and_exactly_what_was_left_is_there_again(world):
    app, house = world.app(), family(world, guardians=2)
    given = house.approve(app, uses={"max": 2, "batch": 2})
    issued = token(world, app, given)
    redeem_many(world.vault, [world.request(issued)], world.now)
    dismiss(world.vault, house.ward.subject, house.guardians[0].subject, world.now + 1)
    who = (house.ward.bucket, house.ward.subject)

    world.tick(5)
    assert guarded.confirm(world.vault, who, given.grant_id, None, world.now) == NEEDED
    assert guarded.confirm(world.vault, who, given.grant_id, house.ties[0], world.now) == OVER
    done = guarded.confirm(world.vault, who, given.grant_id, house.ties[1], world.now)
    again = guarded.confirm(world.vault, who, given.grant_id, house.ties[1], world.now)

    assert (done.repeated, again.repeated) == (False, True)
    answers = redeem_many(world.vault, [world.request(issued), world.request(issued)], world.now)
    assert (answers[0].slot, answers[1]) == (2, Denied(code=DenialCode.SPENT))
    assert events(world) == ["suspended", "resumed"]
    assert steps(world, house.ward, given.grant_id) == [
        (StepKind.APPROVED, house.guardians[0].subject),
        (StepKind.SUSPENDED, house.guardians[0].subject),
        (StepKind.CONFIRMED, house.guardians[1].subject),
    ]
    assert divergences(world) == []


def test_the_guardian_who_confirmed_is_the_one_whose_going_suspends_it_next(world):
    app, house = world.app(), family(world, guardians=2)
    given, who = house.approve(app), (house.ward.bucket, house.ward.subject)
    dismiss(world.vault, house.ward.subject, house.guardians[0].subject, world.now + 1)
    guarded.confirm(world.vault, who, given.grant_id, house.ties[1], world.now + 2)

    appoint(
        world.vault,
        *(one.subject for one in (house.ward, house.guardians[0])),
        Tie.PARENT,
        PROOF,
        world.now + 3,
    )
    dismiss(world.vault, house.ward.subject, house.guardians[0].subject, world.now + 4)
    assert state(world, house.ward, given.grant_id) is GrantState.ACTIVE
    dismiss(world.vault, house.ward.subject, house.guardians[1].subject, world.now + 5)
    assert state(world, house.ward, given.grant_id) is GrantState.SUSPENDED


def test_when_a_ward_comes_of_age_what_the_parent_gave_waits_for_the_persons_own_word(world):
    world.now = at(2026, 11, 20)
    app, house = world.app(), family(world, born="2008-11-20", kind=Tie.APPOINTED)
    parent = enrolled(world, {"name": "Lee", "phone": "13900000009", "birth_date": "1980-01-01"})[0]
    given = house.approve(app, window={"to": "2026-11-23T00:00:00Z"})
    dismiss(world.vault, house.ward.subject, house.guardians[0].subject, at(2026, 11, 21))
    who = (house.ward.bucket, house.ward.subject)

    done = guarded.confirm(world.vault, who, given.grant_id, None, at(2026, 11, 21) + 1)

    assert isinstance(done, Confirmed)
    assert steps(world, house.ward, given.grant_id)[-1] == (StepKind.CONFIRMED, None)
    assert parent.subject != house.ward.subject


def test_a_parents_link_that_ends_by_age_suspends_too(world):
    world.now = at(2026, 11, 1)
    app, house = world.app(), family(world, born="2012-11-10")
    given = house.approve(app, window={"to": "2027-10-01T00:00:00Z"})

    assert end_due(world.vault, at(2026, 11, 12)) == 0
    assert state(world, house.ward, given.grant_id) is GrantState.ACTIVE
    assert end_due(world.vault, house.ties[0].valid_until) == 1
    assert state(world, house.ward, given.grant_id) is GrantState.SUSPENDED


def test_an_erased_guardian_leaves_suspended_what_they_gave(world):
    app, house = world.app(), family(world)
    given = house.approve(app)

    release(world.vault, house.guardians[0].subject, world.now + 1)

    assert state(world, house.ward, given.grant_id) is GrantState.SUSPENDED


def test_what_is_not_suspended_is_not_confirmed(world):
    app, house = world.app(), family(world)
    given = house.approve(app)
    who = (house.ward.bucket, house.ward.subject)
    nothing = Refusal(code=RefusalCode.GRANT_NOT_SUSPENDED)

    assert guarded.confirm(world.vault, who, given.grant_id, house.ties[0], world.now) == nothing
    stranger = (house.guardians[0].bucket, house.guardians[0].subject)
    assert guarded.confirm(world.vault, stranger, given.grant_id, None, world.now) == nothing


def test_what_has_run_out_meanwhile_is_not_confirmed(world):
    app, house = world.app(), family(world, guardians=2)
    given, who = house.approve(app), (house.ward.bucket, house.ward.subject)
    dismiss(world.vault, house.ward.subject, house.guardians[0].subject, world.now + 1)
    world.tick(2 * 86_400_000)

    answer = guarded.confirm(world.vault, who, given.grant_id, house.ties[1], world.now)

    assert answer == Refusal(code=RefusalCode.GRANT_NOT_SUSPENDED)


def test_what_stands_far_below_a_consent_that_is_used_up_is_not_confirmed(world):
    apps, house = [world.app(name=name) for name in ("Bank", "Bureau", "Third")], family(world, guardians=2)
    named = [{"onward": [app.client.recipient.id]} for app in apps[1:]]

    def approved(app, **changes):
        shown, by = house.show(app, **changes), house.guardians[0]
        agree_to_all(world.vault, by, shown, world.now)
        return approve(
            world.vault, by, shown.id, None, world.now, proof_if_needed(world.vault, by, shown, world.now)
        )

    top = approved(apps[0], uses={"max": 2, "batch": 2}, **named[0])
    issued = token(world, apps[0], top)
    middle = approved(apps[1], parent_grant=grant_text(top.grant_id), **named[1])
    bottom = approved(apps[2], parent_grant=grant_text(middle.grant_id))
    dismiss(world.vault, house.ward.subject, house.guardians[0].subject, world.now + 1)
    world.tick(2)
    how = (world.vault, (house.ward.bucket, house.ward.subject))
    for one in (top, middle):
        assert not isinstance(guarded.confirm(*how, one.grant_id, house.ties[1], world.now), Refusal)
    redeem_many(world.vault, [world.request(issued), world.request(issued)], world.now)

    answer = guarded.confirm(*how, bottom.grant_id, house.ties[1], world.now)

    assert answer == Refusal(code=RefusalCode.GRANT_NOT_SUSPENDED)


def step_row(house, grant_id, **changes):
    tie = house.ties[0]
    return {
        "bucket": house.ward.bucket,
        "grant_id": grant_id,
        "number": 1,
        "id": grant_id,
        "subject": house.ward.subject,
        "step": "confirmed",
        "guardian": tie.guardian,
        "guardian_from": tie.valid_from,
        "at": house.world.now,
        "ledger_year": 2026,
        **changes,
    }


def test_the_data_base_takes_no_wards_consent_without_the_guardian_who_was_shown_it(world):
    app, house = world.app(), family(world)
    given = house.approve(app)
    with world.vault.data.read() as conn:
        row = dict(
            conn.execute(select(consent_grant).where(consent_grant.c.id == given.grant_id)).mappings().one()
        )
    (free,) = enrolled(world, {"name": "Lee", "phone": "13900000001"})
    own = world.show(app, free)
    appoint(world.vault, free.subject, house.guardians[0].subject, Tie.APPOINTED, PROOF, world.now)
    forged = {**row, "subject": free.subject, "showing_id": own.id, "consent_kind": "single_occasion"}
    forged |= {"bucket": free.bucket, "id": own.id}

    with pytest.raises(DatabaseError, match="guardian"), world.vault.data.write() as conn:
        conn.execute(insert(consent_grant).values(forged))


def test_the_data_base_ends_no_link_by_which_a_consent_is_active(world):
    house = family(world)
    house.approve(world.app())

    with pytest.raises(DatabaseError, match="still active"), world.vault.data.write() as conn:
        conn.execute(update(guardianship).values(ended_at=world.now))


def test_the_data_base_lets_nothing_suspended_stand_again_unconfirmed(world):
    app, house = world.app(), family(world)
    given = house.approve(app)
    dismiss(world.vault, house.ward.subject, house.guardians[0].subject, world.now)
    active = update(consent_grant).values(state="active")

    for statement in (
        active,
        insert(guarded_step).values(step_row(house, given.grant_id, number=2)),
        insert(guarded_step).values(
            step_row(house, given.grant_id, number=2, step="withdrawn", guardian=None, guardian_from=None)
        ),
        insert(guarded_step).values(
            step_row(house, given.grant_id, number=2, subject=house.guardians[0].subject)
        ),
        update(guarded_step).values(guardian=None, guardian_from=None),
        update(guarded_step).values(step="confirmed"),
        delete(guarded_step),
        delete(guardian_showing),
        update(guardian_showing).values(guardian_from=0),
    ):
        with pytest.raises(DatabaseError), world.vault.data.write() as conn:
            conn.execute(statement)
    assert state(world, house.ward, given.grant_id) is GrantState.SUSPENDED


def test_the_event_of_a_suspension_says_what_to_do_and_whose_it_is_not(world):
    app, house = world.app(), family(world)
    given = house.approve(app)
    dismiss(world.vault, house.ward.subject, house.guardians[0].subject, world.now + 1)

    with world.vault.data.read() as conn:
        told = outbox.standing(conn, house.ward.bucket, [given.grant_id], world.now + 1)
    assert [one.kind for one in told[given.grant_id]] == ["suspended"]


def test_once_the_ward_is_erased_nothing_says_who_the_guardian_was(world):
    app, house = world.app(), family(world)
    house.approve(app)
    ask(world, house.ward)
    carry_out(world)

    with world.vault.data.read() as conn:
        assert conn.execute(select(guarded_step.c.guardian)).scalars().all() == [None]
        assert conn.execute(select(guardian_showing)).all() == []
        assert conn.execute(select(guardianship)).all() == []
    assert divergences(world) == []
