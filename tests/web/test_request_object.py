"""Signed requests (RFC 9101): what is signed wins, what is beside it is ignored, and nothing looser passes for one."""

import json
import secrets
from functools import partial

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey
from sqlalchemy import func, select

from consent.asking.ask import details_of
from consent.asking.signed_requests import signature_hash
from consent.recipients import register as recipients
from consent.schema.tables import consent_request, notice_showing, signed_request
from tests.races.crowd import at_once
from tests.web import backchannel
from tests.web import test_device as device
from tests.web.key_server import key_server
from tests.web.proofs import b64, signed

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
TYP = "oauth-authz-req+jwt"


def claims_of(app, **changes):
    """What a client library puts into a request object."""
    form = app.push_form()
    members = {name: value for name, value in form.items() if not name.startswith("client_assertion")}
    made = {
        **members,
        "authorization_details": [app.details()],
        "iss": app.client_id,
        "aud": app.world.issuer,
        "jti": secrets.token_urlsafe(12),
        "iat": app.now_s,
        "nbf": app.now_s,
        "exp": app.now_s + 300,
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def object_of(app, *, key=None, header=None, **changes):
    key = key or app.key
    head = {"typ": TYP, "alg": "ES256" if isinstance(key, ECKey) else "Ed25519", **(header or {})}
    return signed(key, {k: v for k, v in head.items() if v is not None}, claims_of(app, **changes))


def push(app, text, **beside):
    return app.world.http.post("/par", data={**app.identity(), "request": text, **beside})


def outcome(answer):
    body = answer.json()
    return answer.status_code, body.get("error"), body.get("code")


def stored(world, table):
    with world.vault.data.read() as conn:
        return conn.execute(select(table)).all()


def test_a_signed_request_is_kept_as_it_came_with_the_key_that_signed_it(world):
    app, person = world.app(), world.person()
    text = object_of(app)

    answer = push(app, text)
    path = f"/authorize?client_id={app.client_id}&request_uri={answer.json()['request_uri']}"
    code = person.approve(path)

    assert (answer.status_code, app.exchange(code).status_code) == (201, 200)
    (kept,), (request,), (shown,) = (
        stored(world, table) for table in (signed_request, consent_request, notice_showing)
    )
    assert (kept.object, kept.request_id) == (text, request.id)
    assert ECKey.import_key(json.loads(kept.jwk)).thumbprint() == app.key.thumbprint()
    assert details_of(shown.details).terms_signature == kept.hash == signature_hash(text)


def test_what_is_signed_wins_and_what_is_beside_it_is_ignored(world):
    app = world.app()
    wider = json.dumps([app.details(datatypes=["name", "phone", "email"], uses={"max": 9})])

    answer = push(
        app,
        object_of(app, state="signed"),
        state="unsigned",
        redirect_uri="https://evil.example/",
        response_type="token",
        code_challenge_method="plain",
        authorization_details=wider,
        scope="everything",
    )

    assert answer.status_code == 201, answer.text
    (request,) = stored(world, consent_request)
    details = details_of(request.details)
    assert (request.state, request.redirect_uri) == ("signed", app.redirect_uri)
    assert (details.fields, details.max_uses) == (("name", "phone"), 1)


@on_sqlite
def test_a_member_that_was_not_signed_is_missing(world):
    app = world.app()

    answer = push(app, object_of(app, response_type=None), response_type="code")

    assert outcome(answer) == (400, "unsupported_response_type", "request.response_type")


@on_sqlite
def test_the_details_may_be_json_or_the_text_of_it(world):
    app = world.app()

    assert push(app, object_of(app, authorization_details=json.dumps([app.details()]))).status_code == 201
    assert outcome(push(app, object_of(app, authorization_details={}))) == (
        400,
        "invalid_authorization_details",
        "details.malformed_json",
    )


@on_sqlite
def test_both_kinds_of_key_sign(world):
    app = world.app()
    key = OKPKey.generate_key("Ed25519")
    with world.vault.data.write() as conn:
        both = {"keys": [app.key.as_dict(private=False), key.as_dict(private=False)]}
        recipients.replace_keys(conn, app.client_id, both, None)

    assert push(app, object_of(app, key=key)).status_code == 201


def test_a_request_object_works_once_even_under_a_new_assertion(world):
    app = world.app()
    text = object_of(app)

    answers = [outcome(push(app, text)) for _ in range(3)]

    assert [status for status, _, _ in answers] == [201, 400, 400]
    assert answers[1][1:] == ("invalid_request_object", "request_object.replayed")
    with world.vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(signed_request)).scalar_one() == 1


@on_sqlite
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aud": "https://other.example"}, "parties"),
        ({"aud": None}, "parties"),
        ({"aud": ["http://testserver.local"]}, "parties"),
        ({"aud": ["http://testserver.local", "https://other.example"]}, "parties"),
        ({"iss": "app_other"}, "parties"),
        ({"iss": None}, "parties"),
        ({"client_id": "app_other"}, "parties"),
        ({"client_id": None}, "parties"),
        ({"sub": "ITSELF"}, "parties"),
        ({"jti": None}, "jti"),
        ({"jti": 7}, "jti"),
        ({"jti": "x" * 129}, "jti"),
        ({"exp": None}, "time"),
        ({"exp": 1_795_300_000}, "time"),
        ({"exp": 1_795_300_000 + 311}, "time"),
        ({"exp": "1795300100"}, "time"),
        ({"exp": True}, "time"),
        ({"nbf": 1_795_300_000 + 11}, "time"),
        ({"iat": 1_795_300_000 + 11}, "time"),
        ({"iat": 1_795_300_000 - 301}, "time"),
        ({"request": "e30.e30.x"}, "nested"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "nested"),
        ({"client_assertion": "x"}, "nested"),
    ],
)
def test_an_object_that_is_not_from_and_for_us_now_is_refused(world, changes, code):
    app = world.app()
    changes = {name: app.client_id if value == "ITSELF" else value for name, value in changes.items()}

    answer = push(app, object_of(app, **changes))

    assert outcome(answer) == (400, "invalid_request_object", f"request_object.{code}")
    assert stored(world, consent_request) == []


@on_sqlite
@pytest.mark.parametrize(
    "header",
    [
        {"typ": None},
        {"typ": "JWT"},
        {"typ": "dpop+jwt"},
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"alg": "EdDSA"},
        {"kid": "nobody"},
        {"crit": ["exp"]},
        {"jwk": {}},
    ],
)
def test_an_object_with_another_header_is_refused(world, header):
    app = world.app()

    answer = push(app, object_of(app, header=header))

    assert outcome(answer) == (400, "invalid_request_object", "request_object.signature")


@on_sqlite
def test_what_is_not_signed_by_this_client_is_refused(world):
    app, other = world.app(), world.app(name="Other Ltd")
    good = object_of(app)
    head, body, tail = good.split(".")
    none = f"{b64(json.dumps({'typ': TYP, 'alg': 'none'}).encode())}.{body}."
    encrypted = f"{head}.{body}.{tail}.{body}.{tail}"
    mac = OctKey.import_key("x" * 32)
    forged = {
        "another key": object_of(app, key=ECKey.generate_key("P-256")),
        "another client": object_of(other),
        "another client's key": object_of(app, key=other.key),
        "none": none,
        "no signature": f"{head}.{body}.",
        "changed": f"{head}.{b64(json.dumps(claims_of(app)).encode())}.{tail}",
        "encrypted": encrypted,
        "an assertion": app.assertion(),
        "mac": f"{b64(json.dumps({'typ': TYP, 'alg': 'HS256'}).encode())}.{body}.{b64(mac.raw_value)}",
    }

    for case, text in forged.items():
        assert outcome(push(app, text))[1] == "invalid_request_object", case
    assert push(app, good).status_code == 201


@on_sqlite
def test_a_request_uri_beside_an_object_is_refused(world):
    app = world.app()

    answer = push(app, object_of(app), request_uri="urn:x")

    assert outcome(answer) == (400, "invalid_request", "request.nested")


@on_sqlite
def test_a_request_object_is_no_client_assertion_and_an_assertion_no_request_object(world):
    app = world.app()
    both = object_of(app, sub="x")
    as_assertion = signed(
        app.key, {"typ": TYP, "alg": "ES256"}, {**claims_of(app, sub=app.client_id), "exp": app.now_s + 60}
    )

    assert app.push(client_assertion=as_assertion).status_code == 401
    assert push(app, both, client_assertion=both).status_code == 401


@on_sqlite
def test_a_signed_key_binding_is_held_against_the_proof_beside_it(world):
    app = world.app()
    bound = object_of(app, dpop_jkt=app.proof_key.thumbprint())
    form = {**app.identity(), "request": bound}

    answer = world.http.post(
        "/par", data=form, headers={"DPoP": app.proof("/par", key=ECKey.generate_key("P-256"))}
    )
    assert outcome(answer) == (400, "invalid_dpop_proof", "proof.key")
    form = {**app.identity(), "request": bound}
    assert world.http.post("/par", data=form, headers={"DPoP": app.proof("/par")}).status_code == 201


@on_sqlite
def test_the_front_channel_takes_no_request_object(world):
    app = world.app()

    answer = world.person().get(f"/authorize?client_id={app.client_id}&request={object_of(app)}")

    assert answer.status_code == 400


def test_an_object_may_be_signed_with_another_key_of_the_fetched_set(vault, tmp_path):
    from tests.flow.installation import open_world

    first, second = (ECKey.generate_key("P-256", {"kid": name}) for name in ("a", "b"))
    world = open_world(vault, tmp_path, internal_hosts="127.0.0.1")
    with world.http, key_server(first, second) as shown:
        app = world.app(jwks_uri=shown.uri)
        app.key = first

        answer = push(app, object_of(app, key=second, header={"kid": "b"}))

    assert (answer.status_code, shown.asked) == (201, 1)


@on_sqlite
def test_the_metadata_says_what_may_be_sent(world):
    document = world.http.get("/.well-known/oauth-authorization-server").json()

    assert document["request_object_signing_alg_values_supported"] == ["ES256", "Ed25519"]
    assert document["require_signed_request_object"] is False
    assert document["request_parameter_supported"] is True
    assert document["request_uri_parameter_supported"] is False
    signing = document["backchannel_authentication_request_signing_alg_values_supported"]
    assert signing == ["ES256", "Ed25519"]


def test_terms_that_nobody_signed_may_be_signed_in_the_request(world):
    app, person = world.app(signs_terms=False), world.person()

    refused = app.push()
    answer = push(app, object_of(app))
    path = f"/authorize?client_id={app.client_id}&request_uri={answer.json()['request_uri']}"

    assert outcome(refused) == (400, "invalid_authorization_details", "details.unsigned_terms")
    assert app.exchange(person.approve(path)).status_code == 200


def test_of_sixteen_copies_sent_at_once_one_is_taken(world):
    app = world.app()
    text = object_of(app)
    forms = [{**app.identity(), "request": text} for _ in range(16)]

    answers = at_once([partial(world.http.post, "/par", data=form) for form in forms])

    assert sorted(answer.status_code for answer in answers) == [201, *[400] * 15]
    assert len(stored(world, signed_request)) == 1


# ---- the ways of asking that are polled for take the same objects


def object_to_poll(app, **changes):
    browser = dict.fromkeys(
        ("response_type", "redirect_uri", "state", "code_challenge", "code_challenge_method")
    )
    return object_of(app, **browser, **changes)


@on_sqlite
def test_a_signed_device_request_counts_alone_and_is_kept(world):
    app, person = world.app(), world.person()
    person.sign_in()
    text = object_to_poll(app)
    wider = json.dumps([app.details(datatypes=["name", "phone", "email"])])

    given = device.started(app, request=text, authorization_details=wider).json()
    again = device.started(app, request=text, authorization_details=None)
    device.decided(person, given["user_code"], "approve")
    token = device.polled(app, given["device_code"]).json()

    assert outcome(again) == (400, "invalid_request_object", "request_object.replayed")
    assert token["authorization_details"][0]["datatypes"] == ["name", "phone"]
    (kept,), (shown,) = (stored(world, table) for table in (signed_request, notice_showing))
    assert kept.object == text
    assert details_of(shown.details).terms_signature == kept.hash


@on_sqlite
def test_a_signed_request_to_a_person_counts_alone_and_is_kept(world):
    app, person = world.app(), world.person()
    app.token_for(person)
    handle = backchannel.let_ask(person, app)
    text = object_to_poll(app, login_hint=handle, binding_message="42", requested_expiry=120)

    answer = backchannel.started(
        app, None, request=text, binding_message="17", authorization_details=None, requested_expiry="1"
    )
    picked = backchannel.picked(person, "42")

    assert (answer.status_code, answer.json()["expires_in"]) == (200, 120)
    assert picked.status_code == 303
    (kept,) = stored(world, signed_request)
    shown = stored(world, notice_showing)[-1]
    assert kept.object == text
    assert details_of(shown.details).terms_signature == kept.hash


@on_sqlite
def test_a_request_to_poll_for_that_somebody_else_signed_is_refused(world):
    app, other = world.app(), world.app("Other Ltd")
    text = object_to_poll(app, key=other.key)

    for answer in (device.started(app, request=text), backchannel.started(app, "h", request=text)):
        assert outcome(answer) == (400, "invalid_request_object", "request_object.signature")
    assert stored(world, signed_request) == []
