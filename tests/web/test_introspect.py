"""`/introspect` over HTTP: JSON, or the signed answer of RFC 9701, read with other people's libraries."""

import json

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, KeySet

from consent.signing import keys as signing_keys
from tests.flow.installation import HIS_PHONE, payload_of

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
SIGNED = "application/token-introspection+jwt"


def ask(app, token, accept=None, proofs=(), **changes):
    form = {**app.identity(), "token": token, **changes}
    form = {name: value for name, value in form.items() if value is not None}
    headers = [("DPoP", one) for one in proofs]
    app.world.http.headers.pop("accept", None)
    if accept is not None:
        headers.append(("Accept", accept))
    return app.world.http.post("/introspect", data=form, headers=headers)


def read(world, answer):
    """Header and payload of a signed answer, verified with the published keys by a library that did not sign it."""
    keys = KeySet.import_key_set(world.http.get("/jwks").json())
    found = jws.deserialize_compact(answer.text, keys, algorithms=["ES256"])
    return found.headers(), json.loads(found.payload)


def test_json_tells_the_client_what_its_token_is_for(world):
    app, person = world.app(), world.person()
    token = app.token_for(person)

    answer = ask(app, token)

    body = answer.json()
    assert answer.headers["content-type"].startswith("application/json")
    assert (body["active"], body["client_id"]) == (True, app.client_id)
    assert body["cnf"] == {"jkt": app.proof_key.thumbprint()}
    assert body["use"] == {"n": 0, "of": 1}
    assert body["authorization_details"][0]["datatypes"] == ["name", "phone"]
    assert body["sub"].startswith("pairwise:")
    assert body["exp"] - body["iat"] == 120
    assert app.disclose(token).status_code == 200


def test_a_signed_answer_is_for_its_caller_and_can_be_taken_for_no_token(world):
    app, person = world.app(), world.person()
    token = app.token_for(person)
    plain = ask(app, token).json()

    answer = ask(app, token, SIGNED)

    head, payload = read(world, answer)
    assert answer.headers["content-type"].startswith(SIGNED)
    assert (head["typ"], head["alg"]) == ("token-introspection+jwt", "ES256")
    assert set(payload) == {"iss", "aud", "iat", "token_introspection"}
    assert (payload["iss"], payload["aud"]) == (world.issuer, app.client_id)
    assert payload["token_introspection"] == plain


def test_a_stranger_s_answer_is_the_same_for_every_token(world):
    app, other, person = world.app(), world.app("Other"), world.person()
    live, spent, gone = (app.token_for(person) for _ in range(3))
    app.disclose(spent)
    grant = ask(app, gone).json()["grant_id"]
    person.withdraw(grant)
    texts = [live, spent, gone, "cut_" + "A" * 51, "x", "x" * 3000]

    plain = {ask(other, text).content for text in texts}
    signed = {json.dumps(read(world, ask(other, text, SIGNED))[1]["token_introspection"]) for text in texts}

    assert plain == {b'{"active":false}'}
    assert signed == {'{"active": false}'}


def test_the_owner_hears_why_in_json_and_nothing_more_than_inactive_in_a_signed_answer(world):
    app, person = world.app(), world.person()
    token = app.token_for(person)
    app.disclose(token)

    plain, (_, payload) = ask(app, token).json(), read(world, ask(app, token, SIGNED))

    assert (plain["active"], plain["reason"], plain["use"]) == (False, "spent", {"n": 1, "of": 1})
    assert payload["token_introspection"] == {"active": False}


def test_a_withdrawal_is_seen_by_the_next_question(world):
    app, person = world.app(), world.person()
    token = app.token_for(person)

    person.withdraw(ask(app, token).json()["grant_id"])

    assert (ask(app, token).json()["active"], ask(app, token).json()["reason"]) == (False, "withdrawn")


def test_a_rotation_between_two_answers_leaves_both_verifiable(world):
    app, person = world.app(), world.person()
    token = app.token_for(person)
    cached = KeySet.import_key_set(world.http.get("/jwks").json())
    before = ask(app, token, SIGNED)

    signing_keys.rotate(world.vault, world.clock())

    after = ask(app, token, SIGNED)
    kids = {read(world, one)[0]["kid"] for one in (before, after)}
    assert len(kids) == 2
    assert jws.deserialize_compact(after.text, cached, algorithms=["ES256"])


def test_asking_takes_a_client_that_proves_itself_once(world):
    app, person = world.app(), world.person()
    token = app.token_for(person)
    assertion, proof = app.assertion(), app.proof("/introspect")

    nobody = ask(app, token, client_assertion=None, client_assertion_type=None)
    forged = ask(app, token, client_assertion=app.assertion(key=ECKey.generate_key("P-256")))
    first = ask(app, token, client_assertion=assertion)
    copy = ask(app, token, client_assertion=assertion)
    proven = [ask(app, token, proofs=[proof]) for _ in range(2)]

    assert [one.status_code for one in (nobody, forged, first, copy)] == [401, 401, 200, 401]
    assert {one.json()["error"] for one in (nobody, forged, copy)} == {"invalid_client"}
    assert [one.status_code for one in proven] == [200, 400]
    assert proven[1].json()["error"] == "invalid_dpop_proof"


def test_an_assertion_used_to_ask_opens_no_other_endpoint(world):
    app = world.app()
    assertion = app.assertion()
    assert ask(app, "x", client_assertion=assertion).status_code == 200

    assert app.push(client_assertion=assertion).json()["error"] == "invalid_client"


def test_without_a_token_there_is_nothing_to_ask(world):
    app = world.app()
    for token in (None, ""):
        answer = ask(app, token)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_nothing_personal_is_in_an_answer(world):
    app, person = world.app(), world.person()
    answer = ask(app, app.token_for(person), SIGNED)
    assert not HIS_PHONE.search(json.dumps(payload_of(answer.text)))
    assert person.created.subject.hex() not in json.dumps(payload_of(answer.text))


def test_a_refresh_token_is_told_to_its_own_client_in_json_and_signed(world):
    app, person, other = world.app(), world.person(), world.app(name="Other Ltd")
    code = person.approve(app.authorize_path(app.details(uses={"max": 3, "ask": "counted"})))
    refresh = app.exchange(code).json()["refresh_token"]

    said, signed = ask(app, refresh).json(), read(world, ask(app, refresh, SIGNED))[1]

    assert (said["active"], said["use"]) == (True, {"n": 0, "of": 3})
    assert said["cnf"] == {"jkt": app.proof_key.thumbprint()}
    assert {"token_type", "status"}.isdisjoint(said)
    assert signed["token_introspection"] == said
    assert ask(other, refresh).json() == {"active": False}


def test_a_management_token_is_told_to_its_own_client_alone(world):
    app, other = world.app(), world.app(name="Other Ltd")
    form = {**app.identity(), "grant_type": "client_credentials", "scope": "grant_management_query"}
    token = world.http.post("/token", data=form, headers={"DPoP": app.proof("/token")}).json()["access_token"]

    said = ask(app, token).json()

    assert (said["active"], said["scope"]) == (True, "grant_management_query")
    assert set(said) == {"active", "client_id", "token_type", "scope", "iat", "exp", "cnf"}
    assert ask(other, token).json() == {"active": False}
    world.clock.pass_seconds(300)
    assert ask(app, token).json() == {"active": False, "reason": "expired"}
