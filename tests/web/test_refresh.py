"""Refreshing over HTTP: what a client with a counted grant sends and is told."""

import json

import pytest
from joserfc.jwk import ECKey
from sqlalchemy import update

from consent.schema.tables import client

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def counted(world):
    """An app and the token reply of a three-use grant."""
    app, person = world.app(), world.person()
    code = person.approve(app.authorize_path(app.details(uses={"max": 3, "ask": "counted"})))
    return app, app.exchange(code).json(), person, code


def again(app, reply, *, proofs=None, details=None, **changes):
    form = {
        **app.identity(),
        "grant_type": "refresh_token",
        "refresh_token": reply["refresh_token"],
        "authorization_details": None if details is None else json.dumps(details),
        **changes,
    }
    form = {name: value for name, value in form.items() if value is not None}
    made = [app.proof("/token")] if proofs is None else proofs
    return app.world.http.post("/token", data=form, headers=[("DPoP", text) for text in made])


def test_a_refresh_keeps_the_details_and_gives_a_token_for_one_more_use(counted):
    app, first, _, _ = counted
    answer = again(app, first)
    body = answer.json()

    assert answer.status_code == 200
    assert (body["token_type"], body["expires_in"]) == ("DPoP", 120)
    assert "refresh_token" not in body
    assert body["grant_id"] == first["grant_id"]
    granted, now = first["authorization_details"][0], body["authorization_details"][0]
    assert granted.pop("use_id") != now.pop("use_id")
    assert granted == now
    for token in (first["access_token"], body["access_token"]):
        assert [app.disclose(token).status_code for _ in range(2)] == [200, 401]


def test_fewer_data_types_are_accepted_and_more_are_refused(counted):
    app, first, _, _ = counted
    fewer = again(app, first, details=[{"type": "pii_use", "datatypes": ["name"]}])
    refusals = [
        again(app, first, details=[{"type": "pii_use", **changed}])
        for changed in (
            {"datatypes": ["name", "phone", "email"]},
            {"purpose": "marketing"},
            {"window": {"to": "2099-01-01T00:00:00Z"}},
        )
    ]
    refusals.append(again(app, first, authorization_details="{"))

    assert list(app.disclose(fewer.json()["access_token"]).json()["data"]) == ["name"]
    assert {(a.status_code, a.json()["error"]) for a in refusals} == {(400, "invalid_authorization_details")}


def test_another_key_another_client_or_no_proof_is_refused(world, counted):
    app, first, _, _ = counted
    thief = world.app("Thief")

    other_key = again(app, first, proofs=[app.proof("/token", key=ECKey.generate_key("P-256"))])
    stolen = again(thief, first)
    unproven = again(app, first, proofs=[])
    nothing = again(app, first, refresh_token=None)

    assert {a.json()["error"] for a in (other_key, stolen, nothing)} == {"invalid_grant"}
    assert len({a.content for a in (other_key, stolen, nothing)}) == 1
    assert unproven.json()["error"] == "invalid_dpop_proof"


def test_a_code_tried_again_takes_the_refresh_token_back(counted):
    app, first, _, code = counted
    assert app.exchange(code).json()["error"] == "invalid_grant"

    assert again(app, first).json()["error"] == "invalid_grant"
    assert app.disclose(first["access_token"]).status_code == 401


def test_a_withdrawal_takes_effect_on_the_next_refresh(counted):
    app, first, person, _ = counted
    person.withdraw(first["grant_id"])

    assert again(app, first).json()["error"] == "invalid_grant"


def test_a_suspended_client_refreshes_nothing(world, counted):
    app, first, _, _ = counted
    with world.vault.data.write() as conn:
        conn.execute(update(client).values(suspended_at=world.clock()))

    assert again(app, first).json()["error"] == "unauthorized_client"


def test_asking_each_time_is_for_one_use_only(world):
    app = world.app()
    answer = app.push(app.details(uses={"max": 2, "ask": "each"}))

    assert answer.json()["code"] == "details.bad_uses"
