"""What the RFCs print as examples, sent to us or laid beside what we send: RFC 9396, RFC 9701, RFC 8417."""

import json
from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, select

from consent.recipients.compact import opened
from consent.recipients.key_sets import key_set
from consent.schema.tables import consent_request, event_outbox
from tests.vectors.published import published
from vault.base64url import b64url, unb64url

ONE_STORE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
VECTORS = published("oauth_examples")


def named(case):
    return case["of"].replace("RFC ", "").replace(", figure ", "-")


def parts_of(compact):
    return [json.loads(unb64url(part)) for part in compact.split(".")[:2]]


@ONE_STORE
@pytest.mark.parametrize("case", VECTORS["authorization_details"], ids=named)
def test_details_of_types_that_are_not_ours_are_refused_as_rfc_9396_says(world, case):
    app = world.app()

    answer = app.push(json.dumps(case["details"]))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_authorization_details")
    with world.vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(consent_request)).scalar_one() == 0


@ONE_STORE
@pytest.mark.parametrize("case", VECTORS["authorization_details"], ids=named)
def test_no_foreign_type_comes_along_beside_a_good_one(world, case):
    app = world.app()

    answer = app.push(json.dumps([app.details(), *case["details"]]))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_authorization_details")


@ONE_STORE
def test_a_signed_introspection_is_built_like_the_example_of_rfc_9701(world):
    app, person = world.app(), world.person()
    form = {**app.identity(), "token": app.token_for(person)}
    media_type = "application/token-introspection+jwt"
    answer = world.http.post("/introspect", data=form, headers={"Accept": media_type})

    theirs, ours = parts_of(VECTORS["introspection"]["compact"]), parts_of(answer.text)

    assert answer.headers["content-type"].startswith(media_type)
    assert ours[0].keys() == theirs[0].keys()
    assert ours[0]["typ"] == theirs[0]["typ"]
    assert ours[1].keys() == theirs[1].keys()
    assert {"active", "client_id", "exp", "iat", "sub"} <= (
        theirs[1]["token_introspection"].keys() & ours[1]["token_introspection"].keys()
    )


def is_event_token(claims):
    """RFC 8417 §2.2: who, when and which are there, no `exp`, and every event is an object under its URI."""
    events = claims["events"]
    assert isinstance(claims["iss"], str)
    assert isinstance(claims["jti"], str)
    assert isinstance(claims["iat"], int)
    assert isinstance(claims["aud"], str | list)
    assert "exp" not in claims
    assert events
    assert all(urlsplit(name).scheme and isinstance(said, dict) for name, said in events.items())
    return True


@pytest.mark.parametrize("case", VECTORS["events"], ids=named)
def test_the_events_of_rfc_8417_are_event_tokens_by_our_measure(case):
    assert is_event_token(case["claims"])


@ONE_STORE
def test_the_unsecured_event_of_rfc_8417_is_encoded_as_published_and_never_taken_for_signed(world):
    compact = VECTORS["unsecured_event"]["compact"]
    header, claims = parts_of(compact)
    app = world.app()
    keys = key_set({"keys": [app.key.as_dict(private=False)]})

    assert header == {"typ": "secevent+jwt", "alg": "none"}
    assert is_event_token(claims)
    assert b64url(json.dumps(claims, separators=(",", ":")).encode()) == compact.split(".")[1]
    assert opened(compact, keys, kinds=("secevent+jwt",), most_bytes=4096) is None


@ONE_STORE
def test_our_events_are_event_tokens_by_the_same_measure(world):
    app, person = world.app(), world.person()
    app.disclose(app.token_for(person))
    person.post("/me/withdrawals", {"csrf": person.get("/me/grants").json()["csrf"], "everything": "yes"})
    with world.vault.data.read() as conn:
        bodies = conn.execute(select(event_outbox.c.body)).scalars().all()

    assert len(bodies) == 1
    for body in bodies:
        header, claims = parts_of(body)
        assert (header["typ"], header["alg"]) == ("secevent+jwt", "ES256")
        assert is_event_token(claims)
        assert "sub" not in claims
