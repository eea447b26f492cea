"""Pushing events (RFC 8935): what is sent, what each answer means, and how a queue is worked off."""

import json
import threading
from functools import partial

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import select

from api.jobs.courier import SHARE, TOGETHER, Courier
from api.jobs.event_queue import EventQueue, attempt
from api.outward.fetching import Answer, FetchFailed, FetchFault, guarded_post
from consent.delivery.deliveries import LEASE_MS, Result
from consent.delivery.outbox import Due
from consent.delivery.suspension_events import RESUMED, SUSPENDED
from consent.instants import instant
from consent.recipients import register as recipients
from consent.recipients import suspensions
from consent.schema.tables import event_outbox
from consent.signing.keys import public_keys, rotate
from consent.withdrawal.withdraw import Scope, withdraw_all
from tests.consent.world import World
from tests.receiver import PATIENCE, PATIENT, deaf_port, receiving
from vault.ids import Bucket

DUE = Due(
    bucket=Bucket(0),
    id=b"e" * 16,
    addressee="org_x",
    event_uri="https://app.example/e",
    body="a.b.c",
    attempts=1,
    lease=1,
    since=0,
)


def answering(status, body=b""):
    def post(url, sent, headers):
        assert (url, sent) == (DUE.event_uri, b"a.b.c")
        assert headers["Content-Type"] == "application/secevent+jwt"
        assert headers["Accept"] == "application/json"
        return Answer(status=status, content_type="application/json", body=body)

    return post


ANSWERS = [
    (202, b"", Result.DELIVERED, ""),
    (200, b"", Result.FAILED, "unexpected_status"),
    (204, b"", Result.FAILED, "unexpected_status"),
    (301, b"", Result.FAILED, "unexpected_status"),
    (503, b"", Result.FAILED, "unexpected_status"),
    (400, b'{"err":"invalid_audience","description":"not us"}', Result.REFUSED, "invalid_audience"),
    (400, b'{"err":"<script>alert(1)</script>"}', Result.REFUSED, "refused"),
    (400, b'{"err":["invalid_key"]}', Result.REFUSED, "refused"),
    (400, b"[]", Result.REFUSED, "refused"),
    (400, b"\xff", Result.REFUSED, "refused"),
    (400, b"[" * 50_000, Result.REFUSED, "refused"),
]


@pytest.mark.parametrize(("status", "body", "result", "code"), ANSWERS)
def test_each_answer_means_one_thing(status, body, result, code):
    outcome = attempt(answering(status, body), DUE)

    assert (outcome.result, outcome.code) == (result, code)


def test_an_address_that_cannot_be_called_is_tried_again():
    def post(*_):
        raise FetchFailed(FetchFault.FORBIDDEN_ADDRESS)

    outcome = attempt(post, DUE)

    assert (outcome.result, outcome.code) == (Result.FAILED, "forbidden_address")


@pytest.fixture
def world(vault, now):
    return World(vault, now)


@pytest.fixture
def receiver():
    """A recipient's endpoint on this machine."""
    with receiving() as shown:
        yield shown


def told_at(world, app, uri):
    with world.vault.data.write() as conn:
        recipients.change(conn, app.client.recipient.id, event_uri=uri)


def courier_of(world, post):
    return Courier(EventQueue(world.vault, post), lambda: world.now, lambda: 0.0)


def claims_of(world, received):
    keys = KeySet.import_key_set({"keys": public_keys(world.vault, world.now)})
    return [jwt.decode(one.body.decode(), keys, algorithms=["ES256"]).claims for one in received]


def test_every_withdrawal_reaches_its_recipient_signed_and_is_acknowledged(world, receiver):
    app, person = world.app(), world.person()
    given = [world.token(app, person) for _ in range(SHARE * 2 + 1)]
    told_at(world, app, receiver.uri("/events"))
    withdraw_all(world.vault, person.subject, person.bucket, Scope(), world.now)
    courier = courier_of(world, partial(guarded_post, guard=PATIENT))

    sent = [courier.deliver_due() for _ in range(4)]

    assert sent == [SHARE, SHARE, 1, 0]
    got = receiver.all()
    assert {one.headers["Content-Type"] for one in got} == {"application/secevent+jwt"}
    claims = claims_of(world, got)
    assert {one["aud"] for one in claims} == {app.client.recipient.id}
    assert len({one["jti"] for one in claims}) == len(given)
    with world.vault.data.read() as conn:
        assert set(conn.execute(select(event_outbox.c.delivered_at)).scalars()) == {world.now}


def test_whoever_is_suspended_is_told_so_and_told_when_it_is_over(world, receiver):
    app = world.app()
    told_at(world, app, receiver.uri("/events"))
    client, began = app.client, world.now
    with world.vault.data.write() as conn:
        suspensions.suspend(conn, client.client_id, "claims unpaid", world.now)
        suspensions.suspend(conn, client.recipient.id, "a leak", world.now)
    courier = courier_of(world, partial(guarded_post, guard=PATIENT))
    assert courier.deliver_due() == 2
    world.tick(60_000)
    with world.vault.data.write() as conn:
        suspensions.resume(conn, client.client_id, "paid", world.now)
    assert courier.deliver_due() == 1

    claims = claims_of(world, receiver.all())
    assert {(one["aud"], one["iss"]) for one in claims} == {(client.recipient.id, "ledger.example/perusal")}
    assert [one["toe"] for one in claims] == [began // 1000, began // 1000, world.now // 1000]
    *suspended, resumed = [one["events"] for one in claims]
    one_client, everything = sorted(suspended, key=str)
    at = instant(began)
    assert one_client == {
        SUSPENDED: {"client_id": client.client_id, "suspended_at": at, "reason": "claims unpaid"}
    }
    assert everything == {SUSPENDED: {"suspended_at": at, "reason": "a leak"}}
    assert resumed == {
        RESUMED: {"client_id": client.client_id, "resumed_at": instant(world.now), "reason": "paid"}
    }


def test_an_event_of_a_suspension_is_the_same_text_however_often_it_is_sent(world):
    app, sent = world.app(), []
    told_at(world, app, "https://app.example/e")
    with world.vault.data.write() as conn:
        suspensions.suspend(conn, app.client.client_id, "claims unpaid", world.now)

    def post(_url, body, _headers):
        sent.append(body)
        return Answer(status=503, content_type="", body=b"")

    courier = courier_of(world, post)
    courier.deliver_due()
    world.tick(60_000)
    rotate(world.vault, world.now)
    courier.deliver_due()

    assert len(sent) == 2
    assert len(set(sent)) == 1


def test_a_receiver_that_is_down_costs_an_attempt_and_loses_nothing(world, capsys):
    app, person = world.app(), world.person()
    world.token(app, person)
    withdraw_all(world.vault, person.subject, person.bucket, Scope(), world.now)
    courier = courier_of(world, partial(guarded_post, guard=PATIENT))
    with deaf_port() as port:
        told_at(world, app, f"http://127.0.0.1:{port}/")

        assert courier.deliver_due() == 1
        with world.vault.data.read() as conn:
            row = conn.execute(select(event_outbox)).one()
        assert (row.attempts, row.code, row.delivered_at, row.failed_at) == (1, "unreachable", None, None)
        assert row.next_at > world.now
        world.now = row.created_at + 8 * 86_400_000
        courier.deliver_due()

    assert json.loads(capsys.readouterr().err)["event"] == "event_failed"


@pytest.fixture
def running():
    """Starts couriers, and ends them."""
    started = []

    def start(courier):
        courier.start()
        started.append(courier)

    yield start
    for courier in started:
        courier.stop()


def test_whoever_never_answers_holds_up_nobody_else(world, running):
    person, let_go, done = world.person(), threading.Event(), threading.Event()
    slow, quick = world.app(name="Slow Ltd"), world.app(name="Quick Ltd")
    told_at(world, slow, "https://slow.example/")
    told_at(world, quick, "https://quick.example/")
    for _ in range(TOGETHER + 1):
        world.token(slow, person)
    world.token(quick, person)
    waiting = []

    def post(url, *_):
        if "slow" in url:
            waiting.append(url)
            assert let_go.wait(PATIENCE)
        else:
            done.set()
        return Answer(status=202, content_type="", body=b"")

    withdraw_all(world.vault, person.subject, person.bucket, Scope(), world.now)
    running(courier_of(world, post))

    assert done.wait(PATIENCE)
    assert len(waiting) <= SHARE
    let_go.set()


def test_what_cannot_be_written_down_is_sent_again_and_ends_no_courier(world, running, capsys):
    app, person, twice = world.app(), world.person(), threading.Event()
    told_at(world, app, "https://app.example/e")
    world.token(app, person)
    withdraw_all(world.vault, person.subject, person.bucket, Scope(), world.now)
    queue, sent = EventQueue(world.vault, lambda *_: Answer(status=202, content_type="", body=b"")), []

    def settle(*args):
        sent.append(args)
        first = len(sent) == 1
        world.tick(LEASE_MS)  # from here on another courier may take it
        if first:
            raise OSError("the data base is away")
        twice.set()
        return False

    queue.settle = settle
    running(Courier(queue, lambda: world.now, lambda: 0.0))

    assert twice.wait(PATIENCE)
    assert json.loads(capsys.readouterr().err.splitlines()[0])["event"] == "unexpected_error"
