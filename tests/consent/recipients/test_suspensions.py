"""A suspended client or recipient gets nothing from the next request on, and everything back when it is let in again."""

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DatabaseError

from consent.asking.showings import claim
from consent.denials import DenialCode, Denied
from consent.errors import BadRegistration, UnknownRecipient
from consent.grants.timeline import timeline
from consent.recipients import register as recipients
from consent.recipients import suspensions
from consent.recipients.register import Program
from consent.redemption.redeem import Disclosed, redeem_many
from consent.refusals import Refusal, RefusalCode
from consent.schema.tables import suspension
from tests.consent.world import REDIRECT


def suspend(world, name, reason="unpaid claims"):
    with world.vault.data.write() as conn:
        return suspensions.suspend(conn, name, reason, world.now)


def resume(world, name, reason="paid"):
    with world.vault.data.write() as conn:
        return suspensions.resume(conn, name, reason, world.now)


def redeem(world, *requests, vault=None):
    return redeem_many(vault or world.vault, requests, world.now)


@pytest.mark.parametrize("whole", [False, True], ids=["client", "recipient"])
def test_the_next_redemption_on_any_worker_is_refused_and_nothing_is_lost_when_it_ends(world, others, whole):
    app = world.app()
    issued = world.token(app, world.person(), uses=2)
    (elsewhere,) = others(1)
    name = app.client.recipient.id if whole else app.client.client_id
    assert isinstance(redeem(world, world.request(issued), vault=elsewhere)[0], Disclosed)

    suspend(world, name)
    refused = redeem(world, world.request(issued), world.request(issued), vault=elsewhere)
    resume(world, name)
    again = redeem(world, world.request(issued), world.request(issued), vault=elsewhere)

    assert refused == [Denied(code=DenialCode.SUSPENDED)] * 2
    assert (again[0].slot, again[1]) == (2, Denied(code=DenialCode.SPENT))


def test_not_even_a_retry_of_what_was_answered_is_answered(world):
    app = world.app()
    issued = world.token(app, world.person())
    (first,) = redeem(world, world.request(issued, key="k"))
    suspend(world, app.client.client_id)

    (refused,) = redeem(world, world.request(issued, key="k"))
    resume(world, app.client.client_id)
    (again,) = redeem(world, world.request(issued, key="k"))

    assert refused == Denied(code=DenialCode.SUSPENDED)
    assert again.disclosure_id == first.disclosure_id


def test_others_in_the_same_batch_are_answered(world):
    stopped, other = world.app(), world.app(name="Other Ltd")
    tokens = [world.token(app, world.person()) for app in (stopped, other)]
    suspend(world, stopped.client.recipient.id)

    answers = redeem(world, *[world.request(one) for one in tokens])

    assert answers[0] == Denied(code=DenialCode.SUSPENDED)
    assert isinstance(answers[1], Disclosed)


def test_a_suspended_clients_sister_goes_on_and_a_suspended_recipients_does_not(world):
    app = world.app()
    program = Program(label="staging", redirect_uris=[REDIRECT], jwks_uri="https://app.example/jwks")
    with world.vault.data.write() as conn:
        sister = recipients.add_client(conn, app.client.recipient.id, program, world.now)
    suspend(world, app.client.client_id)

    def standing():
        with world.vault.data.read() as conn:
            return [recipients.client(conn, name).suspended for name in (app.client.client_id, sister)]

    assert standing() == [True, False]
    suspend(world, app.client.recipient.id)
    assert standing() == [True, True]
    resume(world, app.client.recipient.id)
    assert standing() == [True, False]


def test_what_a_suspended_client_had_asked_is_not_shown(world):
    app, person = world.app(), world.person()
    pushed = world.push(app)
    suspend(world, app.client.recipient.id)

    shown = claim(world.vault, person, pushed.request_uri, app.client.client_id, world.now)

    assert shown == Refusal(code=RefusalCode.REQUEST_URI_UNKNOWN, at="request_uri")


def test_the_person_reads_that_it_was_turned_away(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person)
    suspend(world, app.client.client_id)
    redeem(world, world.request(issued))

    with world.vault.data.read() as conn:
        assert "suspended" in repr(timeline(conn, person.bucket, person.subject))


def test_every_step_is_kept_with_its_reason_and_none_twice(world):
    app = world.app()
    name = app.client.client_id

    assert [suspend(world, name), suspend(world, name), resume(world, name), resume(world, name)] == [
        True,
        False,
        True,
        False,
    ]
    with world.vault.data.read() as conn:
        kept = conn.execute(select(suspension).order_by(suspension.c.at, suspension.c.step.desc())).all()
    assert [(row.client_id, row.step, row.reason) for row in kept] == [
        (name, "suspended", "unpaid claims"),
        (name, "resumed", "paid"),
    ]
    for change in (delete(suspension), update(suspension).values(reason="none")):
        with pytest.raises(DatabaseError), world.vault.data.write() as conn:
            conn.execute(change)


@pytest.mark.parametrize("name", ["app_nobody", "", "org_\x00"])
def test_nobody_is_suspended_by_an_unknown_name(world, name):
    with pytest.raises(UnknownRecipient):
        suspend(world, name)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "two\nlines"])
def test_a_suspension_needs_a_reason(world, reason):
    app = world.app()
    with pytest.raises(BadRegistration):
        suspend(world, app.client.client_id, reason)
