"""Whoever was refused waits thirty days, and asks sooner only when the person wants to be asked."""

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from consent.approving.approve import Approved, approve, claim, refuse
from consent.asking.ask import Pushed
from consent.asking.beside import standing_beside
from consent.asking.cooling import COOLING_MS, cooling_until, let_ask_again
from consent.asking.showings import Showing
from consent.redemption.redeem import Disclosed, redeem_many
from consent.refusals import Refusal, RefusalCode
from consent.schema.cooling_tables import asking_again

TOO_SOON = Refusal(code=RefusalCode.REQUEST_TOO_SOON)


def ask_and_refuse(world, app, person):
    shown = world.show(app, person)
    refuse(world.vault, person, shown.id, world.now)


def ask_again(world, app, person):
    pushed = world.push(app)
    assert isinstance(pushed, Pushed)
    answer = claim(world.vault, person, pushed.request_uri, app.client.client_id, world.now)
    return pushed, answer


def let(world, app, person):
    with world.vault.data.write() as conn:
        let_ask_again(conn, person, app.client.recipient.id, app.notice.purpose, world.now)


def test_a_recipient_that_was_refused_is_not_shown_again_for_thirty_days(world):
    app, person = world.app(), world.person()
    ask_and_refuse(world, app, person)
    world.tick(COOLING_MS - 1)
    assert ask_again(world, app, person)[1] == TOO_SOON
    world.tick(1)
    assert isinstance(ask_again(world, app, person)[1], Showing)


def test_the_person_is_told_until_when(world):
    app, person = world.app(), world.person()
    ask_and_refuse(world, app, person)
    with world.vault.data.read() as conn:
        told = cooling_until(conn, person, app.client.recipient.id, app.notice.purpose, world.now + 5)
    assert told == world.now + COOLING_MS


def test_another_purpose_another_recipient_and_another_person_are_other_questions(world):
    app, person, neighbour = world.app(), world.person(), world.person()
    ask_and_refuse(world, app, person)
    rival, other = world.app(name="Harbour Bank"), world.app("account")
    assert isinstance(ask_again(world, rival, person)[1], Showing)
    assert isinstance(ask_again(world, other, person)[1], Showing)
    assert isinstance(ask_again(world, app, neighbour)[1], Showing)


def test_of_two_open_pages_the_one_is_not_approved_after_the_other_was_refused(world):
    app, person = world.app(), world.person()
    first, second = world.show(app, person), world.show(app, person)
    elsewhere = world.show(world.app("account"), person)
    refuse(world.vault, person, first.id, world.now)

    assert approve(world.vault, person, second.id, None, world.now) == TOO_SOON
    assert isinstance(approve(world.vault, person, elsewhere.id, None, world.now), Approved)
    let(world, app, person)
    assert isinstance(approve(world.vault, person, second.id, None, world.now), Approved)


def test_what_the_recipient_may_do_already_is_counted_while_it_may(world):
    app, person = world.app(), world.person()
    shown = world.show(app, person)

    def beside(at):
        with world.vault.data.read() as conn:
            return standing_beside(conn, shown, at)

    assert beside(world.now) == (0, 0)
    issued = world.token(app, person, uses=3)
    world.approve(app, person)
    world.approve(world.app("account"), person)
    world.approve(app, world.person())
    assert isinstance(redeem_many(world.vault, [world.request(issued)], world.now)[0], Disclosed)
    assert beside(world.now) == (2, 3)
    assert beside(world.now + COOLING_MS) == (0, 0)


def test_an_approval_makes_nobody_wait(world):
    app, person = world.app(), world.person()
    world.approve(app, person)
    assert isinstance(ask_again(world, app, person)[1], Showing)


def test_a_request_that_came_too_soon_is_not_used_up(world):
    app, person = world.app(), world.person()
    ask_and_refuse(world, app, person)
    pushed, answer = ask_again(world, app, person)
    assert answer == TOO_SOON
    let(world, app, person)
    again = claim(world.vault, person, pushed.request_uri, app.client.client_id, world.now)
    assert isinstance(again, Showing)


def test_wanting_to_be_asked_holds_until_the_next_refusal(world):
    app, person = world.app(), world.person()
    ask_and_refuse(world, app, person)
    world.tick(1)
    let(world, app, person)
    let(world, app, person)
    assert isinstance(ask_again(world, app, person)[1], Showing)
    world.tick(1)
    ask_and_refuse(world, app, person)
    assert ask_again(world, app, person)[1] == TOO_SOON


@pytest.mark.parametrize("change", [update(asking_again).values(allowed_at=1), delete(asking_again)])
def test_what_the_person_wanted_stays_on_record(world, change):
    app, person = world.app(), world.person()
    let(world, app, person)
    with pytest.raises(DBAPIError), world.vault.data.write() as conn:
        conn.execute(change)
