"""Pinging a client over HTTP: it asks with a token, the person answers, the server calls, and the client fetches."""

import json
from functools import partial

import pytest

from api.jobs.courier import Courier
from api.jobs.ping_queue import PingQueue
from api.outward.fetching import guarded_post
from consent.recipients.register import DeliveryMode
from tests.receiver import PATIENT, receiving
from tests.web.backchannel import let_ask, picked, polled, started


@pytest.fixture
def pinged(world):
    """A recipient whose client is pinged, and the server behind its endpoint."""
    with receiving(204) as receiver:
        uri = receiver.uri("/answered")
        yield world.app(delivery=DeliveryMode.PING, notification_uri=uri), receiver


def ping_all(world):
    post = partial(guarded_post, guard=PATIENT)
    return Courier(PingQueue(world.vault, post), world.clock, lambda: 0.0).deliver_due()


@pytest.mark.parametrize("decision", ["approve", "refuse"])
def test_a_client_is_pinged_when_the_person_has_answered_and_fetches_the_answer(world, pinged, decision):
    (app, receiver), person = pinged, world.person()
    app.token_for(person)
    given = started(app, let_ask(person, app), client_notification_token="t0ken").json()
    assert (given["interval"], ping_all(world)) == (5, 0)
    assert polled(app, given).json()["error"] == "authorization_pending", "polling works all the same"

    path = picked(person, "42").headers["location"]
    person.post(path, {"csrf": person.csrf(person.get(path)), "decision": decision})
    assert ping_all(world) == 1

    (ping,) = receiver.all()
    assert ping.headers["Authorization"] == "Bearer t0ken"
    assert json.loads(ping.body) == {"auth_req_id": given["auth_req_id"]}
    answer = polled(app, json.loads(ping.body)).json()
    if decision == "approve":
        assert app.disclose(answer["access_token"]).status_code == 200
    else:
        assert answer["error"] == "access_denied"
    assert ping_all(world) == 0


def test_a_client_is_pinged_when_the_waiting_is_over(world, pinged):
    app, receiver = pinged
    given = started(app, "nobody", client_notification_token="t0ken").json()
    world.clock.pass_seconds(300)

    assert ping_all(world) == 1

    (ping,) = receiver.all()
    assert json.loads(ping.body) == {"auth_req_id": given["auth_req_id"]}
    assert polled(app, given).json()["error"] == "expired_token"


@pytest.mark.parametrize("token", [None, "two words", "x" * 1025])
def test_without_a_token_to_be_pinged_with_nothing_is_asked(pinged, token):
    app, _ = pinged

    answer = started(app, "nobody", client_notification_token=token)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.json()["code"] == "request.client_notification_token"
