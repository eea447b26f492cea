"""Clients whose keys are at an address of their own: fetched when due, refetched for a new key, never trusted for ever."""

import json
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from itertools import islice
from threading import Barrier

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey
from sqlalchemy import select

from api.oauth.client_keys import MOST_FOR_ONE, ClientKeys
from api.outward.fetching import Guard
from consent.recipients import fetched_keys as fetched
from consent.recipients import register as recipients
from consent.recipients.fetched_keys import BETWEEN_STRANGE_MS, BETWEEN_TRIES_MS, CEILING_MS, FRESH_MS
from consent.schema.tables import fetched_keys
from tests.flow.installation import open_world
from tests.receiver import PATIENCE, PATIENT
from tests.web.key_server import key_server


@pytest.fixture
def world(vault, tmp_path, monkeypatch):
    monkeypatch.setattr("api.settings.Guard", partial(Guard, within_s=PATIENCE))
    made = open_world(vault, tmp_path, internal_hosts="127.0.0.1")
    with made.http:
        yield made


@pytest.fixture
def served(world):
    """An app with a `jwks_uri`, and the server behind it."""
    key = ECKey.generate_key("P-256", {"kid": "k1"})
    with key_server(key) as shown:
        app = world.app(jwks_uri=shown.uri)
        app.key = key
        yield app, shown


def sign(app, key, *, kid=None, **changes):
    claims = jwt.decode(app.assertion(**changes), app.key, algorithms=["ES256"]).claims
    alg = "ES256" if isinstance(key, ECKey) else "Ed25519"
    return jwt.encode({"alg": alg, "kid": kid or key.kid}, claims, key, algorithms=[alg])


def status(app, key=None, **changes):
    return app.push(client_assertion=sign(app, key or app.key, **changes)).status_code


def test_keys_are_fetched_once_and_serve_every_request_for_ten_minutes(world, served):
    app, shown = served

    assert [status(app) for _ in range(3)] == [201, 201, 201]
    assert shown.asked == 1
    world.clock.now_ms += FRESH_MS
    assert (status(app), shown.asked) == (201, 2)


def test_a_new_key_is_asked_for_when_it_is_first_seen_and_the_old_one_goes_with_its_set(world, served):
    app, shown = served
    assert status(app) == 201
    new = OKPKey.generate_key("Ed25519", {"kid": "k2"})
    shown.keys = [new]

    assert (status(app, new), shown.asked) == (201, 2)
    assert status(app, app.key) == 401


def test_a_new_key_exchanges_a_code_that_was_asked_for_under_the_old_one(world, served):
    app, shown = served
    assert status(app) == 201
    code = world.person().approve(app.authorize_path())
    new = OKPKey.generate_key("Ed25519", {"kid": "k2"})
    shown.keys = [app.key, new]

    answer = app.exchange(code, client_assertion=sign(app, new))

    assert answer.status_code == 200, answer.text
    assert shown.asked == 2


def test_unknown_kids_make_us_ask_every_five_seconds_whoever_sends_them(world, served):
    app, shown = served
    assert status(app) == 201
    stranger = ECKey.generate_key("P-256", {"kid": "s"})

    for asked in (2, 3):
        for number in range(20):
            assert status(app, stranger, kid=f"s{number}") == 401
        assert shown.asked == asked
        world.clock.now_ms += BETWEEN_STRANGE_MS


def test_a_stranger_delays_a_change_of_keys_by_five_seconds_and_no_renewal(world, served):
    app, shown = served
    stranger = ECKey.generate_key("P-256", {"kid": "s"})
    assert (status(app), status(app, stranger)) == (201, 401)
    new = ECKey.generate_key("P-256", {"kid": "k2"})
    shown.keys = [app.key, new]

    assert status(app, new) == 401
    world.clock.now_ms += BETWEEN_STRANGE_MS
    assert status(app, new) == 201
    assert status(app, stranger) == 401
    world.clock.now_ms += FRESH_MS - BETWEEN_STRANGE_MS
    shown.keys = [new]
    assert status(app, stranger) == 401
    assert (status(app, new), status(app)) == (201, 401)


def test_a_stranger_who_makes_us_look_does_not_make_us_write(world, served, monkeypatch):
    app, _ = served
    assert status(app) == 201
    stranger = ECKey.generate_key("P-256", {"kid": "s"})
    assert status(app, stranger) == 401
    monkeypatch.setattr(fetched, "claim_try", lambda *_: pytest.fail("wrote"))

    assert status(app, stranger) == 401


def test_a_set_that_cannot_be_had_again_is_trusted_for_an_hour(world, served):
    app, shown = served
    assert status(app) == 201
    shown.status = 500

    world.clock.now_ms += CEILING_MS - 1
    assert (status(app), shown.asked) == (201, 2)
    world.clock.now_ms += BETWEEN_TRIES_MS
    assert (status(app), shown.asked) == (401, 3)
    shown.status = 200
    world.clock.now_ms += BETWEEN_TRIES_MS
    assert (status(app), shown.asked) == (201, 4)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "changes",
    [
        {"status": 302},
        {"status": 404},
        {"status": 206},
        {"kind": "text/html"},
        {"raw": b"{"},
        {"raw": b'{"keys": []}'},
        {"raw": b"\xff"},
        {"raw": b"x" * 70_000},
    ],
)
def test_an_answer_that_is_no_key_set_makes_nobody_known(world, served, changes):
    app, shown = served
    for name, value in changes.items():
        setattr(shown, name, value)

    assert status(app) == 401
    assert shown.asked == 1


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_published_private_key_makes_nobody_known(world, served):
    app, shown = served
    shown.raw = json.dumps({"keys": [app.key.as_dict(private=True)]}).encode()

    assert status(app) == 401


def test_a_host_that_is_not_public_is_never_asked(vault, tmp_path):
    key = ECKey.generate_key("P-256", {"kid": "k1"})
    strict = open_world(vault, tmp_path)
    with strict.http, key_server(key) as shown:
        app = strict.app(jwks_uri=shown.uri)
        app.key = key

        answer = app.push(client_assertion=sign(app, key))

    assert (answer.status_code, answer.json()["code"]) == (401, "client.not_authenticated")
    assert shown.asked == 0


def test_requests_that_come_together_under_a_new_key_ask_once_and_are_all_answered(world, served):
    app, shown = served
    shown.hold = True
    assertions = [sign(app, app.key) for _ in range(6)]

    with ThreadPoolExecutor(6) as threads:
        waiting = [threads.submit(app.push, client_assertion=one) for one in assertions]
        shown.go.set()
        answers = {one.result(PATIENCE).status_code for one in waiting}

    assert answers == {201}
    assert shown.asked == 1


def known_keys(world, app, keys):
    with world.vault.data.read() as conn:
        client = recipients.client(conn, app.client_id)
    return keys.of(world.vault.data, PATIENT, client, app.assertion(), world.clock())


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)
def test_a_client_whose_keys_come_slowly_holds_up_no_other(world, served):
    slow, shown = served
    shown.hold = True
    keys, other_key = ClientKeys(), ECKey.generate_key("P-256", {"kid": "k1"})
    with key_server(other_key) as other, ThreadPoolExecutor(1) as threads:
        app = world.app("Second", jwks_uri=other.uri)
        waiting = threads.submit(known_keys, world, slow, keys)
        assert shown.came.wait(PATIENCE)

        assert len(known_keys(world, app, keys)) == 1
        assert not waiting.done()
        shown.go.set()
        assert len(waiting.result(PATIENCE)) == 1


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_of_one_client_a_few_wait_for_its_keys_and_the_others_go_on_with_what_is_known(world, served):
    slow, shown = served
    shown.hold = True
    keys, start = ClientKeys(), Barrier(MOST_FOR_ONE + 3)

    def ask():
        start.wait(PATIENCE)
        return known_keys(world, slow, keys)

    with ThreadPoolExecutor(MOST_FOR_ONE + 3) as threads:
        waiting = [threads.submit(ask) for _ in range(MOST_FOR_ONE + 3)]
        assert shown.came.wait(PATIENCE)
        early = [one.result(PATIENCE) for one in islice(as_completed(waiting, PATIENCE), 3)]
        shown.go.set()
        answers = [one.result(PATIENCE) for one in waiting]

    assert early == [(), (), ()]
    assert sum(len(answer) for answer in answers) == MOST_FOR_ONE
    assert shown.asked == 1


def test_keys_that_were_replaced_forget_what_was_fetched(world, served):
    app, shown = served
    assert status(app) == 201
    other = ECKey.generate_key("P-256", {"kid": "k9"})

    with world.vault.data.write() as conn:
        recipients.replace_keys(conn, app.client_id, {"keys": [other.as_dict(private=False)]}, None)

    assert (status(app), status(app, other)) == (401, 201)
    assert shown.asked == 1
    with world.vault.data.read() as conn:
        assert conn.execute(select(fetched_keys)).all() == []
