"""Whatever a stranger or a broken client sends, the answer is a refusal and never our own failure."""

import itertools
import json

import pytest

from tests.vault.people import made_up as people
from tests.web.proofs import b64, signed

DEEP = 5_000
ONE_STORE = pytest.mark.parametrize("lasting_backend", ["sqlite"], indirect=True)
"""For what is refused before any data base is asked."""

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


_numbers = itertools.count(1_000)


@pytest.fixture
def world(lasting_world):
    """One for all: nothing that is refused here leaves anything behind."""
    return lasting_world


@pytest.fixture
def person(world):
    """Somebody for each test."""
    return world.person(people.values(next(_numbers)))


def _nested(depth):
    return b'{"a":' * depth + b"1" + b"}" * depth


def _raw(key, head, payload):
    """A compact text whose signature is right for any bytes in its payload."""
    from joserfc import jws

    message = f"{b64(head)}.{b64(payload)}"
    return (
        f"{message}.{b64(jws.JWSRegistry(algorithms=['ES256']).get_alg('ES256').sign(message.encode(), key))}"
    )


def _proof(app, **claims):
    head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": app.proof_key.as_dict(private=False)}
    body = {
        "jti": "one",
        "htm": "POST",
        "htu": f"{app.world.issuer}/token",
        "iat": app.now_s,
        **claims,
    }
    return signed(app.proof_key, head, body)


def _token_proof(app, text):
    form = {**app.identity(), "grant_type": "authorization_code", "code": "x"}
    return app.world.http.post("/token", data=form, headers={"DPoP": text})


HEAD = b'{"typ":"dpop+jwt","alg":"ES256","jwk":%s}'
PROOFS = {
    "iat of hundreds of digits": lambda app: _proof(app, iat=10**400),
    "negative iat of hundreds of digits": lambda app: _proof(app, iat=-(10**400)),
    "iat beyond every float": lambda app: _raw(
        app.proof_key,
        HEAD % json.dumps(app.proof_key.as_dict(private=False)).encode(),
        b'{"jti":"a","htm":"POST","htu":"x","iat":1e999}',
    ),
    "half a surrogate pair in jti": lambda app: _proof(app, jti="\ud800x"),
    "the other half in jti": lambda app: _proof(app, jti="\udc00"),
    "half a surrogate pair in htu": lambda app: _proof(app, htu="http://x/\udc00"),
    "NUL in jti": lambda app: _proof(app, jti="a\0b"),
    "a host that is none": lambda app: _proof(app, htu="http://[/token"),
    "a deep header": lambda _: f"{b64(_nested(500))}.e30.AA",
    "a deep jwk": lambda _: f"{b64(HEAD % (b'[' * 2800))}.e30.AA",
    "deep claims": lambda app: _raw(
        app.proof_key,
        HEAD % json.dumps(app.proof_key.as_dict(private=False)).encode(),
        b'{"x":' + b"[" * 2700,
    ),
    "an x that is a number": lambda _: f"{b64(HEAD % b'{"kty":"EC","crv":"P-256","x":1,"y":2}')}.e30.AA",
    "a point off the curve": lambda _: (
        f"{b64(HEAD % json.dumps({'kty': 'EC', 'crv': 'P-256', 'x': 'A' * 43, 'y': 'A' * 43}).encode())}"
        f".e30.{'A' * 86}"
    ),
}


@ONE_STORE
@pytest.mark.parametrize("what", PROOFS)
def test_a_monstrous_proof_is_refused(world, what):
    app = world.app()
    text = PROOFS[what](app)

    answers = [
        _token_proof(app, text),
        world.http.post(
            "/v1/disclosures", headers={"DPoP": text, "Authorization": "DPoP cut_x"}, content=b"{}"
        ),
    ]

    assert [400 <= answer.status_code < 500 for answer in answers] == [True, True], [a.text for a in answers]


ASSERTIONS = {
    "half a surrogate pair in jti": {"jti": "\ud800"},
    "NUL in jti": {"jti": "a\0b"},
    "NUL in sub": {"sub": "app\0x", "iss": "app\0x"},
    "half a surrogate pair in sub": {"sub": "\udc00", "iss": "\udc00"},
    "a list as sub": {"sub": ["x"]},
    "exp of hundreds of digits": {"exp": 10**400},
    "iat of hundreds of digits": {"iat": 10**400},
    "exp that is no number": {"exp": float("nan")},
    "exp without end": {"exp": float("inf")},
}


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("what", ASSERTIONS)
@pytest.mark.parametrize("path", ["/par", "/token"])
def test_a_monstrous_assertion_is_refused(world, path, what, named):
    app = world.app()
    claims = {
        "iss": app.client_id,
        "sub": app.client_id,
        "aud": world.issuer,
        "jti": "one",
        "iat": app.now_s,
        "exp": app.now_s + 60,
        **ASSERTIONS[what],
    }
    form = app.identity() | {"client_assertion": signed(app.key, {"alg": "ES256"}, claims)}
    if not named:
        form.pop("client_id", None)

    answer = world.http.post(path, data=form)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), answer.text


@ONE_STORE
@pytest.mark.parametrize(
    "head",
    [
        b"[]",
        b"1",
        b'"x"',
        b'{"alg":["ES256"]}',
        b'{"alg":"ES256","kid":{"a":1}}',
        b'{"alg":"ES256","crit":["x"]}',
        b'{"alg":"ES256","b64":false,"crit":["b64"]}',
        b"[" * 2800,
    ],
)
@pytest.mark.parametrize("payload", [b"[]", b"1", b"null", b"[" * 100, b"\xff", b"{}"])
def test_an_assertion_of_another_shape_is_refused(world, head, payload):
    app = world.app()
    form = app.identity() | {"client_assertion": _raw(app.key, head, payload)}

    for sent in (form, {name: text for name, text in form.items() if name != "client_id"}):
        assert world.http.post("/token", data=sent).status_code == 401


BODIES = {
    "deep": _nested(DEEP),
    "deep list": b'{"fields":' + b"[" * DEEP,
    "an integer of thousands of digits": b'{"fields":' + b"9" * 5_000 + b"}",
    "half a surrogate pair": b'{"fields":["\\ud800"]}',
    "the other half": b'{"fields":["\\udc00"]}',
    "NUL": b'{"fields":["name\\u0000"]}',
    "not UTF-8": b'{"fields":["\xff"]}',
    "nothing": b"",
}


@pytest.mark.parametrize("what", BODIES)
@pytest.mark.parametrize("key", [None, "once"])
def test_a_monstrous_body_is_refused_by_the_hot_route(world, person, what, key):
    app = world.app()
    token = app.token_for(person)

    answer = app.disclose(token, body=BODIES[what], idempotency_key=key)

    assert answer.status_code < 500, answer.text


@ONE_STORE
@pytest.mark.parametrize("what", BODIES)
@pytest.mark.parametrize("path", ["/par", "/token", "/en/sign-in", "/v1/dumps", "/v1/disclosures"])
@pytest.mark.parametrize("kind", ["application/json", FORM["Content-Type"], "x/\xff".encode("latin-1")])
def test_no_body_of_any_kind_is_our_failure(world, path, what, kind):
    answer = world.http.post(path, content=BODIES[what], headers={b"Content-Type": kind})

    assert 400 <= answer.status_code < 500, answer.text


MEMBERS = ("client_id", "state", "redirect_uri", "code_challenge", "dpop_jkt", "authorization_details", "\0x")


@ONE_STORE
@pytest.mark.parametrize("character", ["\0", "\x1b", "\x7f", "\x85"])
@pytest.mark.parametrize("member", MEMBERS)
def test_a_control_character_in_a_form_is_refused_with_a_code(world, member, character):
    app = world.app()

    answer = app.push(**{member: f"x{character}y"})

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_form")


@pytest.mark.parametrize("member", ["code", "redirect_uri", "code_verifier", "grant_type"])
@pytest.mark.parametrize("text", ["\0", "张", "x" * 5_000, "\U0010ffff", "cod_" + "A" * 51])
def test_a_monstrous_member_of_an_exchange_is_refused(world, person, member, text):
    app = world.app()
    code = person.approve(app.authorize_path())

    answer = app.exchange(**{"code": code, member: text})

    assert 400 <= answer.status_code < 500, answer.text


DETAILS = {
    "deep": "[" * DEEP,
    "deep objects": _nested(DEEP).decode(),
    "half a surrogate pair": '[{"type":"\\udc00"}]',
    "an integer of thousands of digits": "9" * 5_000,
    "not a list": "1",
    "nothing": "",
}


@ONE_STORE
@pytest.mark.parametrize("what", DETAILS)
def test_monstrous_details_are_refused(world, what):
    answer = world.app().push(authorization_details=DETAILS[what])

    assert 400 <= answer.status_code < 500, answer.text


@pytest.mark.parametrize("text", ["a\0b", "\udc00", "\x1b"])
@pytest.mark.parametrize(
    "at", ["purpose", "retention", "notice", "liability", "window", "identifier", "datatypes"]
)
def test_details_with_characters_no_text_has_are_refused(world, at, text):
    app = world.app()
    made = {
        "notice": {"id": text, "hash": app.notice.hash},
        "liability": {"terms": text, "hash": app.terms.hash},
        "window": {"to": text},
        "datatypes": ["name", text],
    }

    answer = app.push([app.details(**{at: made.get(at, text)})])

    assert 400 <= answer.status_code < 500, answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/authorize?client_id=a%00b&request_uri=urn:x%00",
        "/authorize?client_id=%ED%A0%80&request_uri=%ff",
        "/authorize?client_id=x&request_uri=urn:ietf:params:oauth:request_uri:req_%00",
        "/en/sign-in?client_id=a%00b&request_uri=%00",
        "/en/sign-in?client_id=%ED%A0%80&request_uri=%ff",
        "/en/requests/csh_%00",
        "/en/grants/gr_%00%ff",
        "/v1/dumps/job_%00",
        "/log/2026/0/tile/0/" + "x999/" * 1_500 + "999",
        "/log/2026/0/tile/0/" + "x999/" * 8 + "999",
        "/log/2026/0/tile/7/x999/x999/999",
        "/log/2026/0/tile/7/127.p/255",
        "/log/2026/0/tile/7/127",
        "/log/2026/0/tile/7/126",
        "/log/" + "9" * 5_000 + "/0/checkpoint",
        "/log/2026/" + "9" * 4_300 + "/checkpoint",
        "/log/2026/0/tile/" + "9" * 4_300 + "/000",
        "/%00/%ff",
        "/static/%00",
        "/static/..%2f..%2fserve.py",
    ],
)
def test_no_address_is_our_failure(world, person, path):
    person.sign_in()

    for cookies in ({}, person.cookies, {"perusal": "ses_\xff", "perusal-visitor": "\xff"}):
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items()).encode("latin-1")
        answer = world.http.get(path, headers={b"Cookie": cookie})
        assert answer.status_code < 500, answer.text
