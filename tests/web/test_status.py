"""`/status` over HTTP: a signed list a stranger can read, and in which only a client knows its own tokens' places."""

import base64
import json
import zlib

import pytest
from joserfc import jws
from joserfc.jwk import KeySet

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def place_of(app, token):
    body = app.world.http.post("/introspect", data={**app.identity(), "token": token}).json()
    return body["status"]["status_list"]


def fetched(world, place):
    """(header, payload, the two bits at the place) of a list, checked with the published keys."""
    answer = world.http.get(place["uri"].removeprefix(world.issuer))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/statuslist+jwt")
    assert answer.headers["cache-control"] == "public, max-age=30"
    keys = KeySet.import_key_set(world.http.get("/jwks").json())
    read = jws.deserialize_compact(answer.text, keys, algorithms=["ES256"])
    payload = json.loads(read.payload)
    raw = zlib.decompress(base64.urlsafe_b64decode(payload["status_list"]["lst"] + "=="))
    at = place["idx"]
    return read.headers(), payload, (raw[at * 2 // 8] >> (at * 2 % 8)) & 3


def test_a_use_that_is_spent_flips_its_bits_within_the_list_s_time_to_live(world):
    app, person = world.app(), world.person()
    token = app.token_for(person)
    place = place_of(app, token)
    head, payload, before = fetched(world, place)

    app.disclose(token)

    _, _, after = fetched(world, place)
    assert (before, after) == (0, 3)
    assert head["typ"] == "statuslist+jwt"
    assert (payload["sub"], payload["iss"]) == (place["uri"], world.issuer)
    assert (payload["ttl"], payload["status_list"]["bits"]) == (60, 2)
    assert payload["exp"] - payload["iat"] == 120


def test_a_withdrawal_and_a_token_given_back_are_invalid(world):
    app, person = world.app(), world.person()
    taken, back = app.token_for(person), app.token_for(person)
    places = [place_of(app, one) for one in (taken, back)]
    grant = world.http.post("/introspect", data={**app.identity(), "token": taken}).json()["grant_id"]

    person.withdraw(grant)
    world.http.post("/revoke", data={**app.identity(), "token": back})

    assert [fetched(world, place)[2] for place in places] == [1, 1]


def test_the_aggregation_names_every_list_that_is_served(world):
    app, person = world.app(), world.person()
    assert world.http.get("/status").json() == {"status_lists": []}
    place = place_of(app, app.token_for(person))

    server = world.http.get("/.well-known/oauth-authorization-server").json()
    path = server["status_list_aggregation_endpoint"].removeprefix(world.issuer)

    assert world.http.get(path).json() == {"status_lists": [place["uri"]]}


@pytest.mark.parametrize("number", ["0", "12", "-1", str(2**62), str(2**80), "x"])
def test_a_number_that_is_no_list_s_is_not_found(world, number):
    assert world.http.get(f"/status/{number}").status_code == 404


def test_a_list_holds_nothing_about_anybody(world):
    app, person = world.app(), world.person()
    _, payload, _ = fetched(world, place_of(app, app.token_for(person)))

    assert set(payload) == {"iss", "sub", "iat", "exp", "ttl", "status_list"}
    assert set(payload["status_list"]) == {"bits", "lst"}
