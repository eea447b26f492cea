"""Pings: kept sealed with their request, due at its end or its answer, sent once, and gone when they are worthless."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError

from consent.approving.approve import approve, refuse
from consent.decoupled import backchannel, handles, pings
from consent.decoupled.backchannel import Started, Wanted
from consent.decoupled.pings import GRACE_MS, PACE, Ping
from consent.decoupled.polling import LIFETIME_MS
from consent.delivery.deliveries import LEASE_MS, Outcome, Result, Room
from consent.errors import BadRegistration, UnknownRecipient
from consent.recipients import register as recipients
from consent.recipients import suspensions
from consent.recipients.register import DeliveryMode, Program
from consent.refusals import Refusal, RefusalCode
from consent.schema.backchannel_tables import backchannel_ping
from tests.consent.world import REDIRECT

URI = "https://app.example/answered"
TOKEN = "8d67dc78-7faa-4d41-aabd-67707b374255.A~b+c/d=="
DELIVERED, FAILED = Outcome(result=Result.DELIVERED), Outcome(result=Result.FAILED, code="timeout")


@pytest.fixture
def app(world):
    """A recipient whose client is pinged."""
    return pinged(world, world.app())


def pinged(world, app, uri=URI):
    with world.vault.data.write() as conn:
        recipients.notify_at(conn, app.client.client_id, uri)
        known = recipients.client(conn, app.client.client_id)
    return replace(app, client=known)


def allow(world, app, person):
    with world.vault.data.write() as conn:
        return handles.allow(conn, world.vault, person, app.client.recipient.id, world.now)


def start(world, app, hint, **changes):
    wanted = Wanted(**{"hint": hint, "number": "42", "token": TOKEN, **changes})
    with world.vault.data.write() as conn:
        return backchannel.start(conn, world.vault, app.client, app.details(world.now), wanted, world.now)


def question(world, person):
    with world.vault.data.read() as conn:
        return backchannel.waiting(conn, world.vault, person, world.now)[0]


def picked(world, person, number="42"):
    return backchannel.pick(world.vault, person, question(world, person).id, number, world.now)


def due(world, **room):
    return pings.take(world.vault, world.now, Room(**room))


def row(world):
    with world.vault.data.read() as conn:
        return conn.execute(select(backchannel_ping)).one()


def settle(world, one, outcome):
    return pings.settle(world.vault.data, one, outcome, world.now, 0.0)


@pytest.mark.parametrize("decide", [approve, refuse])
def test_an_answer_makes_the_ping_due_and_it_says_what_to_fetch_and_by_whom(world, app, decide):
    person = world.person()
    started = start(world, app, allow(world, app, person))
    shown = picked(world, person)
    world.tick(1_000)
    assert due(world) == []

    if decide is approve:
        approve(world.vault, person, shown.id, None, world.now)
    else:
        refuse(world.vault, person, shown.id, world.now)

    (one,) = due(world)
    assert (one.addressee, one.uri, one.attempts) == (app.client.client_id, URI, 1)
    assert one.ping == Ping(auth_req_id=started.auth_req_id, token=TOKEN)
    assert due(world) == []


def test_a_wrong_number_ends_the_waiting_and_makes_the_ping_due(world, app):
    person = world.person()
    start(world, app, allow(world, app, person))

    picked(world, person, "41")

    assert len(due(world)) == 1


def test_the_end_of_the_waiting_is_told_whether_the_hint_means_somebody_or_not(world, app):
    person = world.person()
    asked = [start(world, app, hint).auth_req_id for hint in (allow(world, app, person), "nobody")]
    world.tick(LIFETIME_MS - 1)
    assert due(world) == []

    world.tick(1)

    assert {one.ping.auth_req_id for one in due(world)} == set(asked)


def test_a_client_that_waits_for_less_is_told_sooner(world, app):
    start(world, app, "nobody", seconds=60)
    world.tick(60_000)

    assert len(due(world)) == 1


def test_a_client_that_polls_is_not_pinged_whatever_it_sends(world):
    app = world.app()

    assert isinstance(start(world, app, "nobody"), Started)
    assert isinstance(start(world, app, "nobody", token=""), Started)
    with world.vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(backchannel_ping)).scalar_one() == 0


@pytest.mark.parametrize(
    "token", ["", "two words", "ümlaut", "a\r\nb", "=", "a=b", "x" * 1025, "x" * 1024 + "="]
)
def test_a_client_that_is_pinged_must_send_a_token_that_can_be_sent_back(world, app, token):
    refused = start(world, app, "nobody", token=token)

    assert refused == Refusal(code=RefusalCode.REQUEST_NOTIFICATION, at="client_notification_token")


def test_the_longest_token_there_may_be_is_taken(world, app):
    assert isinstance(start(world, app, "nobody", token="x" * 1024), Started)


def test_no_secret_of_a_ping_is_kept_in_clear(world, app):
    started = start(world, app, "nobody")

    kept = row(world)

    assert TOKEN.encode() not in kept.sealed
    assert started.auth_req_id.encode() not in kept.sealed


def test_a_due_ping_shows_its_secrets_to_nobody_who_prints_it(world, app):
    started = start(world, app, "nobody")
    world.tick(LIFETIME_MS)

    (one,) = due(world)

    assert TOKEN not in repr(one)
    assert started.auth_req_id not in repr(one)


@pytest.mark.parametrize("outcome", [DELIVERED, Outcome(result=Result.REFUSED)])
def test_what_is_over_is_wiped_and_not_sent_again(world, app, outcome):
    start(world, app, "nobody")
    world.tick(LIFETIME_MS)
    settle(world, due(world)[0], outcome)

    world.tick(LEASE_MS)

    assert row(world).sealed is None
    assert due(world) == []


def test_a_failed_ping_is_tried_again_soon_and_given_up_when_there_is_nothing_to_fetch(world, app):
    start(world, app, "nobody")
    world.tick(LIFETIME_MS)
    until, waits = world.now + GRACE_MS, []
    while found := due(world):
        if settle(world, found[0], FAILED):
            break
        waits.append(row(world).next_at - world.now)
        world.now = row(world).next_at

    assert waits[:3] == [PACE.first_ms, PACE.first_ms * 2, PACE.first_ms * 4]
    assert world.now <= until
    assert (row(world).failed_at, row(world).code, row(world).sealed) == (world.now, "timeout", None)


def test_what_was_never_sent_is_wiped_when_it_is_worthless(world, app):
    start(world, app, "nobody")
    pinged(world, app, None)
    world.tick(LIFETIME_MS + GRACE_MS - 1)
    assert (due(world), pings.give_up(world.vault.data, world.now)) == ([], 0)

    world.tick(1)

    assert pings.give_up(world.vault.data, world.now) == 1
    assert (row(world).sealed, row(world).code) == (None, pings.TOO_LATE)


def test_a_late_failure_of_one_server_leaves_the_ping_to_the_one_that_holds_it(world, app):
    start(world, app, "nobody")
    world.tick(LIFETIME_MS)
    (slow,) = due(world)
    world.tick(LEASE_MS)
    (fast,) = due(world)
    before = row(world)

    assert not settle(world, slow, FAILED)
    assert row(world) == before
    settle(world, fast, DELIVERED)
    assert row(world).delivered_at == world.now


@pytest.mark.parametrize("whole", [False, True], ids=["client", "recipient"])
def test_whoever_is_suspended_is_pinged_when_that_is_over(world, app, whole):
    name = app.client.recipient.id if whole else app.client.client_id
    start(world, app, "nobody")
    world.tick(LIFETIME_MS)
    with world.vault.data.write() as conn:
        suspensions.suspend(conn, name, "unpaid claims", world.now)
    assert due(world) == []

    with world.vault.data.write() as conn:
        suspensions.resume(conn, name, "paid", world.now)

    assert len(due(world)) == 1


def test_each_client_has_its_share_of_a_round(world, app):
    other = pinged(world, world.app(name="Second Ltd"))
    for _ in range(2):
        start(world, app, "nobody")
        start(world, other, "nobody")
    world.tick(LIFETIME_MS)

    first = due(world, limit=4, share=1)

    assert {one.addressee for one in first} == {app.client.client_id, other.client.client_id}
    assert len(first) == 2


def test_the_data_base_keeps_a_sealed_ping_as_it_is_and_wipes_it_with_its_end(world, app):
    start(world, app, "nobody")
    for change in (
        {"sealed": b"other"},
        {"sealed": None},
        {"delivered_at": world.now},
        {"failed_at": world.now},
        {"until": world.now},
        {"client_id": "app_x"},
        {"lease": 0},
    ):
        with pytest.raises(DBAPIError), world.vault.data.write() as conn:
            conn.execute(update(backchannel_ping).values(change))
    over = {"delivered_at": world.now, "sealed": None}
    with world.vault.data.write() as conn:
        conn.execute(update(backchannel_ping).values(over))
    for change in ({"sealed": b"again"}, {"delivered_at": None, "sealed": b"again"}, {"delivered_at": 1}):
        with pytest.raises(DBAPIError), world.vault.data.write() as conn:
            conn.execute(update(backchannel_ping).values(change))


@pytest.mark.parametrize(
    ("delivery", "uri"),
    [
        (DeliveryMode.PING, None),
        (DeliveryMode.POLL, URI),
        (DeliveryMode.PING, "http://app.example/answered"),
        (DeliveryMode.PING, "https://app.example/a#b"),
        (DeliveryMode.PING, ""),
    ],
)
def test_a_client_is_pinged_at_an_address_of_https_and_at_none_otherwise(world, delivery, uri):
    owner = world.app().client.recipient.id
    program = Program(
        label="staging",
        redirect_uris=[REDIRECT],
        jwks_uri="https://app.example/jwks",
        delivery=delivery,
        notification_uri=uri,
    )
    with pytest.raises(BadRegistration), world.vault.data.write() as conn:
        recipients.add_client(conn, owner, program, world.now)


@pytest.mark.parametrize("name", ["app_nobody", "", "app_\x00"])
def test_nobody_is_pinged_by_an_unknown_name(world, name):
    with pytest.raises(UnknownRecipient), world.vault.data.write() as conn:
        recipients.notify_at(conn, name, URI)
