"""Asking a person directly over HTTP: the recipient posts, the person picks the number, the recipient polls."""

import re

import pytest
from joserfc.jwk import ECKey

from api.oauth.backchannel import GRANT_TYPE
from tests.web.backchannel import let_ask, picked, polled, started

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def asked(world):
    """A recipient the person knows and lets ask directly, with a request that waits."""
    app, person = world.app(), world.person()
    app.token_for(person)
    hint = let_ask(person, app)
    answer = started(app, hint)
    assert answer.status_code == 200, answer.text
    return app, person, hint, answer.json()


def test_the_whole_way_from_the_question_to_the_data(asked):
    app, person, _, given = asked
    assert (given["expires_in"], given["interval"]) == (300, 5)
    assert polled(app, given).json()["error"] == "authorization_pending"
    page = person.get("/en/waiting")
    buttons = re.findall(r'name="number" value="(\w+)"', page.text)
    assert (buttons[0], len(set(buttons)), "42" in buttons) == ("none", 4, True)

    opened = picked(person, "42")
    path = opened.headers["location"]
    shown = person.get(path)
    assert "138****1234" in shown.text
    ended = person.post(path, {"csrf": person.csrf(shown), "decision": "approve"})
    assert ended.headers["location"] == f"{path}/answered"
    body = polled(app, given).json()

    assert set(app.disclose(body["access_token"]).json()["data"]) == {"name", "phone"}
    assert polled(app, given).json()["error"] == "invalid_grant"


def test_the_handle_is_what_introspection_calls_the_person(world):
    app, person = world.app(), world.person()
    token = app.token_for(person)
    form = {**app.identity(), "token": token}

    told = world.http.post("/introspect", data=form).json()

    assert told["sub"] == let_ask(person, app)


@pytest.mark.parametrize("number", ["41", "none"])
def test_a_wrong_number_is_access_denied_and_nothing_was_shown(asked, number):
    app, person, _, given = asked
    page = picked(person, number)

    assert page.status_code == 200
    assert "has ended" in page.text
    assert polled(app, given).json()["error"] == "access_denied"


def test_a_known_and_an_unknown_hint_are_answered_alike(asked):
    app, person, hint, _ = asked
    known, unknown = started(app, hint), started(app, "nobody@example.com")
    other = started(app.world.app("Second"), hint)

    bodies = [answer.json() for answer in (known, unknown, other)]
    assert {answer.status_code for answer in (known, unknown, other)} == {200}
    assert len({tuple(sorted(body)) for body in bodies}) == 1
    assert len({(body["expires_in"], body["interval"], len(body["auth_req_id"])) for body in bodies}) == 1
    assert known.headers.keys() == unknown.headers.keys()
    assert {polled(app, body).json()["error"] for body in bodies[:2]} == {"authorization_pending"}
    assert person.get("/en/waiting").text.count('name="request"') == 2


def test_polling_too_fast_and_too_late(world, asked):
    app, _, _, given = asked
    heard = [polled(app, given).json()["error"] for _ in range(2)]
    world.clock.pass_seconds(300)

    assert [*heard, polled(app, given).json()["error"]] == [
        "authorization_pending",
        "slow_down",
        "expired_token",
    ]


def test_a_third_open_request_has_to_wait(asked):
    app, _, hint, _ = asked
    second, third = started(app, hint), started(app, hint)

    assert second.status_code == 200
    assert (third.status_code, third.json()["error"]) == (429, "temporarily_unavailable")
    assert 0 < int(third.headers["retry-after"]) <= 301


def test_a_person_stops_a_recipient_from_asking(asked):
    app, person, hint, given = asked
    let_ask(person, app, "stop")

    assert 'name="request"' not in person.get("/en/waiting").text
    assert started(app, hint).status_code == 200
    assert polled(app, given).json()["error"] == "authorization_pending"


def test_only_recipients_the_person_knows_can_be_let_to_ask(world, asked):
    _, person, _, _ = asked
    page = person.get("/en/waiting")
    for form in (
        {"recipient": world.app("Unknown").recipient_id, "decision": "allow"},
        {"recipient": "org_x", "decision": "allow"},
        {"decision": "allow"},
    ):
        assert person.post("/en/waiting/askers", {"csrf": person.csrf(page), **form}).status_code == 400
    for request in ("rq_x", "", "gr_x"):
        form = {"csrf": person.csrf(page), "request": request, "number": "42"}
        assert person.post("/en/waiting", form).status_code == 400


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"binding_message": None}, 400, "invalid_binding_message"),
        ({"binding_message": "hello"}, 400, "invalid_binding_message"),
        ({"login_hint": None}, 400, "invalid_request"),
        ({"login_hint_token": "x"}, 400, "invalid_request"),
        ({"id_token_hint": "x"}, 400, "invalid_request"),
        ({"request": "e30.e30."}, 400, "invalid_request_object"),
        ({"request_uri": "urn:x"}, 400, "invalid_request"),
        ({"user_code": "1234"}, 400, "invalid_request"),
        ({"requested_expiry": "0"}, 400, "invalid_request"),
        ({"requested_expiry": "soon"}, 400, "invalid_request"),
        ({"authorization_details": "[]"}, 400, "invalid_authorization_details"),
        ({"authorization_details": None}, 400, "invalid_authorization_details"),
        ({"client_assertion": None}, 401, "invalid_client"),
    ],
)
def test_a_request_that_does_not_hold_waits_for_nobody(world, changes, status, error):
    answer = started(world.app(), "nobody", **changes)

    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_proof_at_the_start_binds_the_request_to_its_key(asked):
    app, person, hint, _ = asked
    app.world.clock.pass_seconds(1)  # the page has the newest question first
    given = started(app, hint, proofs=[app.proof("/bc-authorize")]).json()
    path = picked(person, "42").headers["location"]
    person.post(path, {"csrf": person.csrf(person.get(path)), "decision": "approve"})

    assert polled(app, given, key=ECKey.generate_key("P-256")).json()["error"] == "invalid_grant"
    assert polled(app, given).status_code == 200


def test_the_metadata_says_what_is_served(world):
    document = world.http.get("/.well-known/oauth-authorization-server").json()

    assert document["backchannel_authentication_endpoint"].endswith("/bc-authorize")
    assert document["backchannel_token_delivery_modes_supported"] == ["poll", "ping"]
    assert document["backchannel_user_code_parameter_supported"] is False
    assert GRANT_TYPE in document["grant_types_supported"]


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_the_page_speaks_both_languages(world, lang):
    person = world.person(lang=lang)
    person.sign_in()

    assert person.get(f"/{lang}/waiting").status_code == 200
