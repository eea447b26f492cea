"""Pinging clients (CIBA §10.2): what is sent, what each answer means, and that nothing of it outlives its use."""

import json
from functools import partial

import pytest
from sqlalchemy import select

from api.jobs.courier import Courier
from api.jobs.ping_queue import PingQueue, attempt
from api.outward.fetching import Answer, FetchFailed, FetchFault, guarded_post
from consent.decoupled import backchannel
from consent.decoupled.backchannel import Wanted
from consent.decoupled.pings import GRACE_MS, Due, Ping
from consent.decoupled.polling import LIFETIME_MS
from consent.delivery.deliveries import Result
from consent.ids import RequestId
from consent.recipients import register as recipients
from consent.schema.backchannel_tables import backchannel_ping
from tests.consent.world import World
from tests.receiver import PATIENT, receiving
from vault.ids import Bucket

DUE = Due(
    bucket=Bucket(0),
    request_id=RequestId(b"r" * 16),
    addressee="app_x",
    uri="https://app.example/answered",
    ping=Ping(auth_req_id="cib_secret", token="t0ken"),
    attempts=1,
    lease=1,
    until=1,
)


@pytest.mark.parametrize(
    ("status", "result", "code"),
    [
        (204, Result.DELIVERED, ""),
        (200, Result.DELIVERED, ""),
        (202, Result.FAILED, "unexpected_status"),
        (302, Result.FAILED, "unexpected_status"),
        (401, Result.FAILED, "unexpected_status"),
        (503, Result.FAILED, "unexpected_status"),
    ],
)
def test_each_answer_means_one_thing(status, result, code):
    def post(url, sent, headers):
        assert (url, json.loads(sent)) == (DUE.uri, {"auth_req_id": "cib_secret"})
        assert headers == {"Authorization": "Bearer t0ken", "Content-Type": "application/json"}
        return Answer(status=status, content_type="", body=b"whatever")

    outcome = attempt(post, DUE)

    assert (outcome.result, outcome.code) == (result, code)


def test_an_address_that_cannot_be_called_is_tried_again():
    def post(*_):
        raise FetchFailed(FetchFault.FORBIDDEN_ADDRESS)

    outcome = attempt(post, DUE)

    assert (outcome.result, outcome.code) == (Result.FAILED, "forbidden_address")


@pytest.fixture
def world(vault, now):
    return World(vault, now)


def asked(world, uri):
    """A request of a client that is pinged at `uri`, for a hint that means nobody."""
    app = world.app()
    wanted = Wanted(hint="nobody", number="42", token="t0ken")
    with world.vault.data.write() as conn:
        recipients.notify_at(conn, app.client.client_id, uri)
        client = recipients.client(conn, app.client.client_id)
        return backchannel.start(conn, world.vault, client, app.details(world.now), wanted, world.now)


def kept(world):
    with world.vault.data.read() as conn:
        return conn.execute(select(backchannel_ping)).one()


def courier_of(world):
    return Courier(
        PingQueue(world.vault, partial(guarded_post, guard=PATIENT)), lambda: world.now, lambda: 0.0
    )


def test_a_ping_reaches_its_client_once(world):
    with receiving(204) as receiver:
        started = asked(world, receiver.uri("/answered"))
        world.tick(LIFETIME_MS)
        courier = courier_of(world)

        assert [courier.deliver_due(), courier.deliver_due()] == [1, 0]

    (got,) = receiver.all()
    assert (got.path, json.loads(got.body)) == ("/answered", {"auth_req_id": started.auth_req_id})
    assert got.headers["Authorization"] == "Bearer t0ken"
    assert got.headers["Content-Type"] == "application/json"
    assert (kept(world).delivered_at, kept(world).sealed) == (world.now, None)


def test_a_client_that_is_down_is_tried_again_and_given_up_without_a_trace_of_its_secrets(world, capsys):
    with receiving(503) as receiver:
        started = asked(world, receiver.uri("/answered"))
        world.tick(LIFETIME_MS)
        courier = courier_of(world)
        assert courier.deliver_due() == 1
        assert kept(world).sealed is not None

        world.tick(GRACE_MS)
        courier.deliver_due()

    assert kept(world).sealed is None
    said = capsys.readouterr().err
    assert json.loads(said)["event"] == "ping_failed"
    assert "t0ken" not in said
    assert started.auth_req_id not in said
