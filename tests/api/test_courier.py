"""Pushing events (RFC 8935): what is sent, what each answer means, and how a queue is worked off."""

import json
import socket
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import select, update

from api.fetching import Answer, FetchFailed, FetchFault, Guard, guarded_post
from api.jobs.courier import Courier, attempt
from consent.outbox import Due, Result
from consent.signing_keys import public_keys
from consent.tables import event_outbox, recipient
from consent.withdraw import Scope, withdraw_all
from tests.consent.world import World
from vault.ids import Bucket

DUE = Due(
    bucket=Bucket(0), id=b"e" * 16, event_uri="https://app.example/e", body="a.b.c", attempts=1, created_at=0
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
    """A recipient's endpoint on this machine: it keeps what it was sent, and answers 202."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.headers["Content-Type"], body.decode()))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/events", got
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_withdrawal_reaches_its_recipient_signed_and_is_acknowledged(world, receiver):
    url, got = receiver
    app, person = world.app(), world.person()
    given = [world.token(app, person) for _ in range(10)]
    with world.vault.data.write() as conn:
        conn.execute(update(recipient).values(event_uri=url))
    withdraw_all(world.vault, person.subject, person.bucket, Scope(), world.now)
    post = partial(guarded_post, guard=Guard(hosts=frozenset({"127.0.0.1"})))
    courier = Courier(world.vault.data, lambda: world.now, post, lambda: 0.0)

    sent = [courier.deliver_due(), courier.deliver_due(), courier.deliver_due()]

    assert sent == [8, 2, 0]
    assert {kind for kind, _ in got} == {"application/secevent+jwt"}
    keys = KeySet.import_key_set({"keys": public_keys(world.vault, world.now)})
    claims = [jwt.decode(token, keys, algorithms=["ES256"]).claims for _, token in got]
    assert {one["aud"] for one in claims} == {app.client.recipient.id}
    assert len({one["jti"] for one in claims}) == len(given)
    with world.vault.data.read() as conn:
        assert set(conn.execute(select(event_outbox.c.delivered_at)).scalars()) == {world.now}


def test_a_receiver_that_is_down_costs_an_attempt_and_loses_nothing(world, capsys):
    app, person = world.app(), world.person()
    world.token(app, person)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with world.vault.data.write() as conn:
        conn.execute(update(recipient).values(event_uri=f"http://127.0.0.1:{port}/"))
    withdraw_all(world.vault, person.subject, person.bucket, Scope(), world.now)
    post = partial(guarded_post, guard=Guard(hosts=frozenset({"127.0.0.1"})))
    courier = Courier(world.vault.data, lambda: world.now, post, lambda: 0.0)

    assert courier.deliver_due() == 1

    with world.vault.data.read() as conn:
        row = conn.execute(select(event_outbox)).one()
    assert (row.attempts, row.code, row.delivered_at, row.failed_at) == (1, "unreachable", None, None)
    assert row.next_at > world.now
    world.now = row.created_at + 8 * 86_400_000
    courier.deliver_due()
    assert json.loads(capsys.readouterr().err)["event"] == "event_failed"
