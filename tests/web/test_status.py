"""`/status` over HTTP: a signed list a stranger can read, and in which only a client knows its own tokens' places."""

import base64
import json
import zlib

import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from api.oauth import status_lists
from api.oauth.status_lists import StatusLists
from consent.tokens import status_list


def place_of(app, token):
    body = app.world.http.post("/introspect", data={**app.identity(), "token": token}).json()
    return body["status"]["status_list"]


def fetched(world, place):
    """(header, payload, the two bits at the place) of a list, checked with the published keys."""
    answer = world.http.get(place["uri"].removeprefix(world.issuer))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/statuslist+jwt")
    assert answer.headers["cache-control"] == "public, max-age=60"
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


def test_a_list_that_has_not_changed_is_neither_signed_nor_sent_again_within_its_minute(world, monkeypatch):
    app, person = world.app(), world.person()
    token = app.token_for(person)
    path = place_of(app, token)["uri"].removeprefix(world.issuer)
    first = world.http.get(path)
    monkeypatch.setattr(status_lists, "sign", None)  # whoever signs again fails

    again, kept = world.http.get(path), world.http.get(path, headers={"If-None-Match": first.headers["etag"]})

    assert again.text == first.text
    assert (kept.status_code, kept.text, kept.headers["etag"]) == (304, "", first.headers["etag"])
    assert kept.headers["cache-control"] == "public, max-age=60"


@pytest.mark.parametrize("happens", ["a use", "a minute"])
def test_what_has_changed_is_sent_again_under_another_tag(world, happens):
    app, person = world.app(), world.person()
    token = app.token_for(person)
    place = place_of(app, token)
    path = place["uri"].removeprefix(world.issuer)
    tag = world.http.get(path).headers["etag"]

    if happens == "a use":
        app.disclose(token)
    else:
        world.clock.pass_seconds(60)

    again = world.http.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.headers["etag"] == tag) == (200, False)


@pytest.mark.parametrize("second", [0, 1, 30, 59])
def test_a_list_may_be_kept_as_long_as_it_says_whenever_it_was_fetched(world, second):
    app, person = world.app(), world.person()
    world.clock.pass_seconds(60 - world.clock() // 1000 % 60 + second)
    place = place_of(app, app.token_for(person))

    _, payload, _ = fetched(world, place)

    assert payload["iat"] <= world.clock() // 1000
    assert payload["exp"] >= world.clock() // 1000 + payload["ttl"]


def test_however_many_ask_at_once_one_list_is_read_once_for_all_of_them(world, monkeypatch):
    app, person = world.app(), world.person()
    number = int(place_of(app, app.token_for(person))["uri"].rpartition("/")[2])
    read, reads = status_list.status_list, []
    monkeypatch.setattr(status_list, "status_list", lambda *given: reads.append(given) or read(*given))
    lists = StatusLists(world.vault, world.clock, world.issuer)

    answers = lists([number] * 200 + [number + 1])

    assert len(reads) == 2
    assert len({answer.tag for answer in answers[:200]}) == 1
    assert answers[200] is None


def test_few_lists_are_kept_in_memory(world, monkeypatch):
    monkeypatch.setattr(status_list, "status_list", lambda *_: b"\0")
    lists = StatusLists(world.vault, world.clock, world.issuer)

    for number in range(100):
        lists([number])

    assert len(lists) <= 64
