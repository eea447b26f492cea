"""The device flow over HTTP: a counter asks, a person types eight letters, the counter polls."""

import json

import pytest
from joserfc.jwk import ECKey

from api.oauth.device import GRANT_TYPE

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def started(app, *, proofs=(), **changes):
    form = {**app.identity(), "authorization_details": json.dumps([app.details()]), **changes}
    form = {name: value for name, value in form.items() if value is not None}
    return app.world.http.post(
        "/device_authorization", data=form, headers=[("DPoP", text) for text in proofs]
    )


def polled(app, code, *, key=None, proofs=None, **changes):
    form = {**app.identity(), "grant_type": GRANT_TYPE, "device_code": code, **changes}
    made = [app.proof("/token", key=key)] if proofs is None else proofs
    return app.world.http.post("/token", data=form, headers=[("DPoP", text) for text in made])


def typed(person, code):
    page = person.get(f"/{person.lang}/device")
    return person.post(f"/{person.lang}/device", {"csrf": person.csrf(page), "user_code": code})


def decided(person, code, decision):
    """The person types the code, reads the request and answers it; returns the page they end on."""
    path = typed(person, code).headers["location"]
    page = person.get(path)
    assert page.status_code == 200
    answer = person.post(path, {"csrf": person.csrf(page), "decision": decision})
    assert answer.status_code == 303
    return person.get(answer.headers["location"])


@pytest.fixture
def counter(world):
    app, person = world.app(), world.person()
    person.sign_in()
    answer = started(app)
    assert answer.status_code == 200, answer.text
    return app, person, answer.json()


def test_the_whole_way_from_the_counter_to_the_data(world, counter):
    app, person, given = counter
    assert polled(app, given["device_code"]).json()["error"] == "authorization_pending"

    end = decided(person, given["user_code"], "approve")
    body = polled(app, given["device_code"]).json()

    assert "Harbour Bank" in end.text
    assert given["verification_uri"] == "http://testserver.local/device"
    assert (given["expires_in"], given["interval"]) == (300, 5)
    assert (body["token_type"], body["expires_in"]) == ("DPoP", 120)
    assert body["authorization_details"][0]["datatypes"] == ["name", "phone"]
    assert set(app.disclose(body["access_token"]).json()["data"]) == {"name", "phone"}
    assert polled(app, given["device_code"]).json()["error"] == "invalid_grant"
    assert app.disclose(body["access_token"]).status_code == 401


def test_who_polls_too_fast_is_told_to_slow_down(world, counter):
    app, _, given = counter
    first, second = (polled(app, given["device_code"]) for _ in range(2))
    world.clock.pass_seconds(9)
    third = polled(app, given["device_code"])
    world.clock.pass_seconds(15)
    fourth = polled(app, given["device_code"])

    errors = [answer.json()["error"] for answer in (first, second, third, fourth)]
    assert errors == ["authorization_pending", "slow_down", "slow_down", "authorization_pending"]
    assert {answer.status_code for answer in (first, second, third, fourth)} == {400}


def test_a_refusal_is_access_denied(counter):
    app, person, given = counter
    end = decided(person, given["user_code"], "refuse")

    assert "You said no" in end.text
    assert polled(app, given["device_code"]).json()["error"] == "access_denied"


def test_after_five_minutes_the_token_is_expired(world, counter):
    app, person, given = counter
    world.clock.pass_seconds(300)

    assert polled(app, given["device_code"]).json()["error"] == "expired_token"
    assert typed(person, given["user_code"]).status_code == 404


def test_the_request_page_is_the_ordinary_one_and_sends_the_browser_nowhere_else(counter):
    _, person, given = counter
    page = person.get(typed(person, given["user_code"]).headers["location"])

    for said in ("Harbour Bank", "张*丰", "138****1234", "CNY 500.00"):
        assert said in page.text
    assert "form-action 'self';" in page.headers["content-security-policy"]
    assert page.text.index('value="refuse"') < page.text.index('value="approve"')


def test_a_code_is_for_the_first_person_who_types_it(world, counter):
    _, person, given = counter
    other = world.person({"name": "李四", "phone": "13912341234"})
    other.sign_in()

    assert typed(person, given["user_code"]).status_code == 303
    assert typed(other, given["user_code"]).status_code == 404


def test_trying_codes_is_stopped_for_the_person_and_for_the_address(world, counter):
    _, person, given = counter
    statuses = [
        typed(person, f"BBBB-BB{first}{second}").status_code for first in "BCDFG" for second in "BCDF"
    ]
    blocked = typed(person, given["user_code"])
    other = world.person({"name": "李四", "phone": "13912341234"})
    other.sign_in()
    same_address = typed(other, given["user_code"])
    world.clock.pass_seconds(601)
    later = typed(person, "BBBB-BBBB")

    assert statuses == [404] * 20
    assert (blocked.status_code, same_address.status_code, later.status_code) == (429, 429, 404)
    assert int(blocked.headers["retry-after"]) > 0


def test_the_short_address_leads_to_the_page_in_the_reader_s_language(world, counter):
    _, person, _ = counter
    world.http.cookies.clear()
    stranger = world.http.get("/device", headers={"Accept-Language": "zh-CN"})

    assert stranger.headers["location"] == "/zh-CN/sign-in"
    assert person.get("/device", **{"Accept-Language": "en"}).headers["location"] == "/en/device"
    assert 'for="user_code"' in person.get("/zh-CN/device").text


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"authorization_details": None}, 400, "invalid_authorization_details"),
        ({"authorization_details": "{"}, 400, "invalid_authorization_details"),
        ({"authorization_details": "[]"}, 400, "invalid_authorization_details"),
        ({"request": "e30.e30."}, 400, "invalid_request_object"),
        ({"request_uri": "urn:x"}, 400, "invalid_request"),
        ({"client_assertion": None}, 401, "invalid_client"),
        ({"client_id": "app_nobody"}, 401, "invalid_client"),
    ],
)
def test_a_request_that_does_not_hold_gets_no_code(world, changes, status, error):
    answer = started(world.app(), **changes)

    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_proof_at_the_start_binds_the_device_code_to_its_key(world):
    app, person = world.app(), world.person()
    person.sign_in()
    given = started(app, proofs=[app.proof("/device_authorization")]).json()
    decided(person, given["user_code"], "approve")

    other = polled(app, given["device_code"], key=ECKey.generate_key("P-256"))
    none = polled(app, given["device_code"], proofs=[])

    assert (other.json()["error"], none.json()["error"]) == ("invalid_grant", "invalid_dpop_proof")
    assert polled(app, given["device_code"]).status_code == 200


def test_another_client_learns_nothing_from_a_device_code(world, counter):
    _, person, given = counter
    thief = world.app("Thief")
    before = polled(thief, given["device_code"])
    decided(person, given["user_code"], "approve")
    after = polled(thief, given["device_code"])
    unknown = polled(thief, "dvc_x")

    assert len({answer.content for answer in (before, after, unknown)}) == 1
    assert before.json()["error"] == "invalid_grant"


def test_the_metadata_names_the_endpoint_and_the_grant(world):
    document = world.http.get("/.well-known/oauth-authorization-server").json()

    assert document["device_authorization_endpoint"].endswith("/device_authorization")
    assert GRANT_TYPE in document["grant_types_supported"]
