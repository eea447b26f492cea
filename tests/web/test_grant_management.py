"""`/grants/{id}` over HTTP: a recipient sees and ends its own consents with a bound token, and nobody else's."""

import pytest
from joserfc.jwk import ECKey

from consent.recipients import suspensions

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def managing(app, *, scope=None, proofs=None, **changes):
    form = {**app.identity(), "grant_type": "client_credentials", "scope": scope, **changes}
    form = {name: value for name, value in form.items() if value is not None}
    made = [app.proof("/token")] if proofs is None else proofs
    return app.world.http.post("/token", data=form, headers=[("DPoP", one) for one in made])


def call(app, method, grant, token, *, proofs=None, scheme="DPoP", **bent):
    path = f"/grants/{grant}"
    made = [app.proof(path, **{"method": method, "token": token, **bent})] if proofs is None else proofs
    sent = [("Authorization", f"{scheme} {token}"), *[("DPoP", one) for one in made]]
    return app.world.http.request(method, path, headers=sent)


@pytest.fixture
def ready(world):
    """An app, its use token, the grant's id and a management token."""
    app, person = world.app(), world.person()
    code = person.approve(app.authorize_path())
    issued = app.exchange(code).json()
    return app, issued["access_token"], issued["grant_id"], managing(app).json()["access_token"]


def test_a_client_gets_a_short_bound_token_to_manage_its_consents(world):
    answer = managing(world.app())

    body = answer.json()
    assert answer.status_code == 200, answer.text
    assert (body["token_type"], body["expires_in"]) == ("DPoP", 300)
    assert body["scope"] == "grant_management_query grant_management_revoke"
    assert "refresh_token" not in body


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": "openid"}, "invalid_scope"),
        ({"proofs": []}, "invalid_dpop_proof"),
        ({"client_assertion": None}, "invalid_client"),
        ({"authorization_details": "[]"}, "invalid_authorization_details"),
    ],
)
def test_a_management_token_is_for_these_scopes_a_proof_and_a_client(world, changes, error):
    assert managing(world.app(), **changes).json()["error"] == error


def test_a_consent_can_be_looked_at_and_looking_spends_nothing(ready):
    app, use_token, grant, token = ready

    answer = call(app, "GET", grant, token)

    body = answer.json()
    assert answer.status_code == 200, answer.text
    assert (body["grant_id"], body["state"], body["use"]) == (grant, "active", {"n": 0, "of": 1})
    assert body["authorization_details"][0]["datatypes"] == ["name", "phone"]
    assert app.disclose(use_token).status_code == 200
    assert call(app, "GET", grant, token).json()["use"] == {"n": 1, "of": 1}


def test_a_consent_that_is_ended_is_gone_for_its_recipient_and_its_token_is_dead(world, ready):
    app, use_token, grant, token = ready

    answer = call(app, "DELETE", grant, token)

    assert (answer.status_code, answer.content) == (204, b"")
    assert app.disclose(use_token).status_code == 401
    for method in ("GET", "DELETE"):
        again = call(app, method, grant, token)
        assert (again.status_code, again.json()["code"]) == (404, "not_found")


def test_the_person_sees_the_end_and_can_still_withdraw(world):
    app, person = world.app(), world.person()
    issued = app.exchange(person.approve(app.authorize_path())).json()
    call(app, "DELETE", issued["grant_id"], managing(app).json()["access_token"])

    page = person.get("/en/grants")

    assert "Ended" in page.text
    assert person.withdraw(issued["grant_id"]).status_code == 303


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_unknown_is_404_another_client_s_403_and_no_credentials_401(world, ready, method):
    app, use_token, grant, token = ready
    other = world.app("Other")
    theirs = managing(other).json()["access_token"]
    unknown = "gr_" + "a" * 26

    assert call(app, method, unknown, token).status_code == 404
    assert call(app, method, "gr_x", token).status_code == 404
    assert call(other, method, grant, theirs).status_code == 403
    for answer in (
        world.http.request(method, f"/grants/{grant}"),
        call(app, method, grant, token, scheme="Bearer"),
        call(app, method, grant, "gmt_x"),
        call(app, method, grant, use_token),
        call(app, method, unknown, "gmt_x"),
    ):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("DPoP")
    assert app.disclose(use_token).status_code == 200


def test_a_stolen_token_is_worth_nothing_without_its_key_and_each_proof_counts_once(world, ready):
    app, use_token, grant, token = ready
    stolen = app.proof(f"/grants/{grant}", method="DELETE", token=token, key=ECKey.generate_key("P-256"))
    good = app.proof(f"/grants/{grant}", method="GET", token=token)

    assert call(app, "DELETE", grant, token, proofs=[stolen]).json()["code"] == "invalid_token"
    assert call(app, "GET", grant, token, proofs=[good]).status_code == 200
    for proofs in ([good], [], [good, good]):
        answer = call(app, "GET", grant, token, proofs=proofs)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_dpop_proof")
    assert app.disclose(use_token).status_code == 200


@pytest.mark.parametrize(
    "bent", [{"url": "http://testserver.local/grants/gr_x"}, {"method": "POST"}, {"ath": "x"}, {"iat": 1}]
)
def test_a_proof_for_something_else_ends_nothing(ready, bent):
    app, use_token, grant, token = ready

    proof = app.proof(f"/grants/{grant}", **{"method": "DELETE", "token": token, **bent})

    assert call(app, "DELETE", grant, token, proofs=[proof]).json()["code"] == "invalid_dpop_proof"
    assert app.disclose(use_token).status_code == 200


def test_each_action_needs_its_scope(ready):
    app, use_token, grant, _ = ready
    tokens = {
        name: managing(app, scope=f"grant_management_{name}").json()["access_token"]
        for name in ("query", "revoke")
    }

    for method, name in (("GET", "revoke"), ("DELETE", "query")):
        answer = call(app, method, grant, tokens[name])
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
        assert 'scope="grant_management_' in answer.headers["www-authenticate"]
    assert call(app, "GET", grant, tokens["query"]).status_code == 200
    assert app.disclose(use_token).status_code == 200


def test_a_management_token_reads_nobody_s_data_and_can_be_given_back(ready):
    app, _, grant, token = ready

    assert app.disclose(token).status_code == 401
    assert app.world.http.post("/revoke", data={**app.identity(), "token": token}).status_code == 200
    assert call(app, "GET", grant, token).status_code == 401


def test_a_client_that_was_suspended_meanwhile_manages_nothing(world, ready):
    app, _, grant, token = ready
    with world.vault.data.write() as conn:
        suspensions.suspend(conn, app.client_id, "a test", world.clock())

    assert call(app, "GET", grant, token).status_code == 401
    assert call(app, "DELETE", grant, token).status_code == 401


def test_the_life_of_a_management_token_is_five_minutes(world, ready):
    app, _, grant, token = ready
    world.clock.pass_seconds(301)
    assert call(app, "GET", grant, token).json()["code"] == "invalid_token"
