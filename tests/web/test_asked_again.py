"""The page that tells a person that somebody they refused asks again."""

import pytest

from consent.asking.cooling import COOLING_MS
from tests.flow.installation import HIS_PHONE

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def refused(world):
    """A program that was refused, and the person who refused it."""
    app, person = world.app(), world.person()
    assert person.decide(app.authorize_path(), "refuse")["error"] == "access_denied"
    return app, person


def asked_again(app, person):
    path = person.get(app.authorize_path()).headers["location"]
    assert path.startswith("/en/asked-again?")
    page = person.get(path)
    assert page.status_code == 200, page.text
    return path, page


def answer(person, path, page, decision):
    query = dict(pair.split("=", 1) for pair in path.partition("?")[2].split("&"))
    form = {"csrf": person.csrf(page), "decision": decision, "client_id": query["client_id"]}
    return person.post("/en/asked-again", {**form, "request_uri": query["request_uri"].replace("%3A", ":")})


def test_the_page_names_who_asks_again_for_what_and_shows_no_data(refused):
    _, page = asked_again(*refused)
    assert "Harbour Bank asks again" in page.text
    assert "Open or run your account" in page.text
    assert not HIS_PHONE.search(page.text)


def test_going_back_answers_no_with_state_and_issuer(world, refused):
    app, person = refused
    path, page = asked_again(app, person)
    back = answer(person, path, page, "leave").headers["location"]
    assert back.startswith("https://app.example/back?error=access_denied")
    assert "state=s1" in back
    assert "iss=" in back


def test_wanting_to_be_asked_leads_to_the_request_itself(refused):
    app, person = refused
    path, page = asked_again(app, person)
    answered = answer(person, path, page, "ask")
    assert answered.headers["location"].startswith("/en/requests/")
    assert person.get(answered.headers["location"]).status_code == 200


def test_after_thirty_days_the_request_is_shown_at_once(world, refused):
    app, person = refused
    world.clock.pass_seconds(COOLING_MS / 1000)
    assert "/asked-again" not in person.get(app.authorize_path()).headers["location"]


@pytest.mark.parametrize("query", ["", "?client_id=x", "?client_id=x&request_uri=urn:x"])
def test_the_page_needs_a_request_that_waits(refused, query):
    _, person = refused
    assert person.get(f"/en/asked-again{query}").status_code == 400


def test_the_form_needs_its_token_and_a_decision(refused):
    app, person = refused
    path, page = asked_again(app, person)
    assert answer(person, path, page, "maybe").status_code == 400
    assert person.post("/en/asked-again", {"decision": "ask"}).status_code == 403


def test_a_page_left_open_is_not_approved_after_a_refusal_and_says_why(world):
    app, person = world.app(), world.person()
    path, page = person.open_request(app.authorize_path())
    assert person.decide(app.authorize_path(), "refuse")["error"] == "access_denied"

    answered = person.post(path, {"csrf": person.csrf(page), "decision": "approve"})

    assert answered.status_code == 409
    assert "You have refused this meanwhile" in answered.text


def test_the_page_says_what_the_recipient_may_do_already(world):
    app, person = world.app(), world.person()
    path, page = person.open_request(app.authorize_path())
    assert "already" not in page.text
    person.approve(app.authorize_path(app.details(uses={"max": 3, "ask": "counted"})))

    assert "You allow them this already, with 3 left." in person.get(path).text
    assert "还剩 3 次" in person.get(path.replace("/en/", "/zh-CN/")).text
