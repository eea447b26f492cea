"""Client assertions (RFC 7523) at the protocol's endpoints: each wrong one is 401 `invalid_client`, and none
works twice.
"""

from functools import partial

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey

from consent.recipients import register as recipients
from tests.races.crowd import at_once
from tests.web.proofs import signed

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def told(answer):
    return answer.status_code, answer.json().get("error")


def replace_keys(world, app, *keys):
    with world.vault.data.write() as conn:
        jwks = {"keys": [key.as_dict(private=False) for key in keys]}
        recipients.replace_keys(conn, app.client_id, jwks, None)


def claims_of(app):
    return jwt.decode(app.assertion(), app.key, algorithms=["ES256"]).claims


@on_sqlite
@pytest.mark.parametrize("endpoint", ["/par", "/token"])
def test_each_wrong_assertion_is_no_identity_at_any_endpoint(world, endpoint):
    app, other = world.app(), world.app(name="Other Ltd")
    good = app.assertion()
    wrong = {
        "another key": app.assertion(key=ECKey.generate_key("P-256")),
        "another client's key": app.assertion(key=other.key),
        "another client's": other.assertion(),
        "another audience": app.assertion(aud="https://other.example"),
        "the endpoint as audience": app.assertion(aud=world.issuer + endpoint),
        "a list of audiences": app.assertion(aud=[world.issuer]),
        "over": app.assertion(exp=app.now_s),
        "too long": app.assertion(exp=app.now_s + 71),
        "too old": app.assertion(iat=app.now_s - 61, exp=app.now_s + 5),
        "from tomorrow": app.assertion(iat=app.now_s + 11),
        "not yet": app.assertion(nbf=app.now_s + 11),
        "no end": app.assertion(exp=None),
        "no name": app.assertion(jti=None),
        "changed": good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"),
        "a proof": app.proof(endpoint),
        "typed as something else": signed(app.key, {"alg": "ES256", "typ": "dpop+jwt"}, claims_of(app)),
        "no algorithm": signed(app.key, {"alg": "none"}, claims_of(app)),
        "huge": app.assertion(more="x" * 5000),
    }

    for case, assertion in wrong.items():
        form = {**app.push_form(), "client_assertion": assertion, "grant_type": "authorization_code"}
        answer = world.http.post(endpoint, data=form, headers={"DPoP": app.proof(endpoint)})
        assert told(answer) == (401, "invalid_client"), case


@on_sqlite
@pytest.mark.parametrize(
    "kind", ["JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"]
)
def test_an_assertion_may_say_what_it_is(world, kind):
    app = world.app()
    assertion = signed(app.key, {"alg": "ES256", "typ": kind}, claims_of(app))

    assert app.push(client_assertion=assertion).status_code == 201


@on_sqlite
def test_an_assertion_that_served_at_one_endpoint_serves_at_no_other(world):
    app = world.app()
    assertion = app.assertion()

    assert app.push(client_assertion=assertion).status_code == 201
    assert app.exchange("cod_x", client_assertion=assertion).json()["code"] == "client.assertion_replayed"


def test_of_sixteen_copies_of_one_assertion_one_is_taken(world):
    app = world.app()
    form = app.push_form()

    answers = at_once([partial(world.http.post, "/par", data=form) for _ in range(16)])

    assert sorted(answer.status_code for answer in answers) == [201, *[401] * 15]


def test_keys_change_in_the_middle_of_a_request_without_a_gap(world):
    app, person = world.app(), world.person()
    old, new = app.key, OKPKey.generate_key("Ed25519", {"kid": "new"})
    path = app.authorize_path()

    replace_keys(world, app, old, new)
    code = person.approve(path)
    head = {"alg": "Ed25519", "kid": "new"}
    exchanged = app.exchange(
        code, client_assertion=jwt.encode(head, claims_of(app), new, algorithms=["Ed25519"])
    )
    replace_keys(world, app, new)

    assert exchanged.status_code == 200, exchanged.text
    assert app.disclose(exchanged.json()["access_token"]).status_code == 200
    assert told(app.push()) == (401, "invalid_client")
