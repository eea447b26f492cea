"""Coming with a request in time, signing in without hurry, and coming back to what was shown."""

import re
from html import unescape

import pytest

from api.portal.arrival import LASTS_MS
from consent.families.ties import Tie, appoint

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def hidden(page, name):
    """The hidden members of the form that is sent to `name`."""
    form = page.text.split(f'action="/en/{name}"')[1].split("</form>")[0]
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
    return {member: unescape(value) for member, value in found}


def come(person, path):
    """Come with a request, signed out; answers the form of the sign-in page."""
    door = person.get(path, **{"Accept-Language": "en"})
    assert door.status_code == 303, door.text
    return {**hidden(person.get(door.headers["location"]), "sign-in"), "key": person.key}


def test_whoever_came_in_time_may_sign_in_after_the_ninety_seconds(world):
    app, person = world.app(), world.person()
    form = come(person, app.authorize_path())
    world.clock.pass_seconds(LASTS_MS / 1000 - 1)

    answer = person.post("/en/sign-in", form)

    assert answer.headers["location"].startswith("/en/requests/sh_")
    assert person.get(answer.headers["location"]).status_code == 200


def test_whoever_takes_longer_than_ten_minutes_is_signed_in_and_told(world):
    app, person = world.app(), world.person()
    form = come(person, app.authorize_path())
    world.clock.pass_seconds(LASTS_MS / 1000)

    answer = person.post("/en/sign-in", form)

    assert answer.status_code == 400
    assert "invalid_request_uri" in answer.text
    assert person.get("/en/grants").status_code == 200


def test_coming_again_does_not_begin_the_ten_minutes_again(world):
    app, person = world.app(), world.person()
    path = app.authorize_path()
    come(person, path)
    world.clock.pass_seconds(LASTS_MS / 1000 - 1)
    form = come(person, path)
    world.clock.pass_seconds(1)

    assert person.post("/en/sign-in", form).status_code == 400


def test_an_arrival_is_good_in_its_browser_for_its_request_and_as_it_was_written(world):
    app, early, late = world.app(), world.person(), world.person({"name": "李四", "phone": "13912341234"})
    path, other = app.authorize_path(), app.authorize_path()
    come(early, path)
    written = early.cookies["perusal-arrival"]
    moment, _, mac = written.partition(".")
    world.clock.pass_seconds(91)

    assert late.get(path).status_code == 400
    assert early.get(other).status_code == 400
    for bent in (f"{int(moment) + 60_000}.{mac}", f"{moment}.", f".{mac}", "٣.x", "9" * 5000, written + "A"):
        assert (
            late.world.http.get(path, headers={"Cookie": f"perusal-arrival={bent}".encode()}).status_code
            == 400
        )
    assert early.get(path).status_code == 303


def test_one_request_is_taken_up_once_however_many_came_in_time(world):
    app, first, second = world.app(), world.person(), world.person({"name": "李四", "phone": "13912341234"})
    path = app.authorize_path()
    forms = come(first, path), come(second, path)
    world.clock.pass_seconds(91)

    answers = first.post("/en/sign-in", forms[0]), second.post("/en/sign-in", forms[1])

    assert [answer.status_code for answer in answers] == [303, 400]


def test_coming_back_to_the_address_leads_to_what_was_shown_until_it_is_answered(world):
    app, person = world.app(), world.person()
    path = app.authorize_path()
    shown, page = person.open_request(path)
    world.clock.pass_seconds(300)

    assert person.get(path, **{"Accept-Language": "en"}).headers["location"] == shown

    person.post(shown, {"csrf": person.csrf(page), "decision": "refuse"})
    assert person.get(path).status_code == 400


def test_nobody_comes_back_to_what_has_lapsed(world):
    app, person = world.app(), world.person()
    path = app.authorize_path()
    person.open_request(path)
    world.clock.pass_seconds(600)

    assert person.get(path).status_code == 400


def test_a_guardian_says_for_whom_after_the_ninety_seconds_and_comes_back_to_it(world):
    app = world.app()
    parent = world.person({"name": "Bo Li", "phone": "13912340000", "birth_date": "1980-05-06"})
    child = world.person({"name": "Ann Li", "phone": "13912342020", "birth_date": "2020-05-06"})
    who = (child.created.subject, parent.created.subject)
    appoint(world.vault, *who, Tie.PARENT, bytes(32), world.clock())
    path = app.authorize_path()
    parent.sign_in()
    choice = parent.get(parent.get(path, **{"Accept-Language": "en"}).headers["location"])
    (ward,) = set(re.findall(r'name="for" value="(gl_\w+)"', choice.text))
    world.clock.pass_seconds(91)

    shown = parent.post("/en/for-whom", {**hidden(choice, "for-whom"), "for": ward}).headers["location"]

    assert shown.startswith("/en/requests/sh_")
    assert parent.get(path, **{"Accept-Language": "en"}).headers["location"] == shown
