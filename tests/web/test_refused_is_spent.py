"""What proved a client is used up by a refusal as by an answer (consent.md §2.5), and by nothing a stranger sends."""

import json

import pytest
from joserfc.jwk import ECKey
from sqlalchemy import func, select

from consent.recipients import suspensions
from consent.schema.tables import replay
from tests.flow.installation import open_world

PATHS = (
    "/par",
    "/token",
    "/introspect",
    "/revoke",
    "/device_authorization",
    "/bc-authorize",
    "/v1/deletions",
)


def remembered(world):
    with world.vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(replay)).scalar_one()


def send(app, path, identity, *, proofs=(), **form):
    headers = [("DPoP", text) for text in proofs]
    return app.world.http.post(path, data={**identity, **form}, headers=headers)


@pytest.mark.parametrize("path", PATHS)
def test_an_assertion_of_a_refused_request_is_spent(world, path):
    app = world.app()
    identity, proof = app.identity(), app.proof(path)

    refused = send(app, path, identity, proofs=[proof])

    assert refused.status_code == 400
    assert send(app, "/revoke", identity, token="x").json()["code"] == "client.assertion_replayed"
    assert remembered(world) == 2


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"grant_type": "authorization_code", "code": "cod_x"}, "proof.missing"),
        ({"grant_type": "password"}, "token.grant_type"),
        ({"grant_type": "refresh_token", "authorization_details": "{"}, "proof.missing"),
    ],
)
def test_a_refusal_amid_an_exchange_leaves_the_assertion_spent(world, form, code):
    app = world.app()
    identity = app.identity()

    assert send(app, "/token", identity, **form).json()["code"] == code

    assert send(app, "/revoke", identity, token="x").json()["code"] == "client.assertion_replayed"


def test_details_that_are_no_json_leave_the_code_unspent_and_the_proof_spent(world):
    app = world.app()
    code = world.person().approve(app.authorize_path())
    proof = app.proof("/token")

    refused = app.exchange(code, proofs=[proof], authorization_details="{")
    again = app.exchange(code, proofs=[proof])

    assert refused.json()["code"] == "details.malformed_json"
    assert again.json()["code"] == "proof.replayed"
    assert app.exchange(code).status_code == 200


def test_a_suspended_client_s_assertion_is_worth_nothing_once_it_may_ask_again(world):
    app = world.app()
    identity = app.identity()
    with world.vault.data.write() as conn:
        suspensions.suspend(conn, app.client_id, "unpaid claims", world.clock())
    assert send(app, "/par", identity).json()["code"] == "client.suspended"
    with world.vault.data.write() as conn:
        suspensions.resume(conn, app.client_id, "paid", world.clock())

    assert send(app, "/revoke", identity, token="x").json()["code"] == "client.assertion_replayed"


def test_a_proof_that_is_none_leaves_the_assertion_spent(world):
    app = world.app()
    identity = app.identity()

    assert send(app, "/token", identity, proofs=["e30.e30.e30"]).json()["error"] == "invalid_dpop_proof"

    assert send(app, "/revoke", identity, token="x").json()["code"] == "client.assertion_replayed"


def test_whoever_is_sent_for_a_nonce_comes_back_with_a_new_assertion(vault, tmp_path):
    world = open_world(vault, tmp_path, proof_nonce="all")
    with world.http:
        app = world.app()
        identity = app.identity()

        told = send(app, "/token", identity, proofs=[app.proof("/token")])

        assert told.json()["error"] == "use_dpop_nonce"
        assert send(app, "/revoke", identity, token="x").json()["code"] == "client.assertion_replayed"


def test_strangers_and_those_who_overheard_an_assertion_fill_nothing(world):
    app, thief = world.app(), ECKey.generate_key("P-256")
    heard = app.identity()
    send(app, "/par", heard)
    before = remembered(world)

    for _ in range(3):
        send(app, "/par", app.identity(key=thief), proofs=[app.proof("/par", key=thief)])
        send(app, "/par", heard, proofs=[app.proof("/par", key=thief)])

    assert remembered(world) == before == 1


def test_a_refused_request_that_is_mended_is_taken(world):
    app = world.app()

    assert app.push("[]").status_code == 400

    assert app.push(json.dumps([app.details()])).status_code == 201
