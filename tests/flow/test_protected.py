"""Protected mode over HTTP: a person and the one they trust, each in a browser of their own."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.flow.test_guardians import hidden
from tests.web.test_device import polled as device_polled

OLD = {
    "name": "赵国强",
    "phone": "13822220000",
    "birth_date": "1950-02-03",
    "resident_id": "11010519491231002X",
}
YOUNG = {"name": "赵敏", "phone": "13822220001", "birth_date": "1980-02-03"}
SENSITIVE = {"datatypes": ["name", "resident_id"]}
DAY = 86_400


@pytest.fixture
def pair(world):
    """A person of seventy-six and their daughter, both signed in."""
    people = [world.person(values) for values in (OLD, YOUNG)]
    for one in people:
        one.sign_in()
    return people


def moved(who, decision):
    page = who.get(f"/{who.lang}/protected")
    action = re.search(r'action="(/[^"]+/protected/pr_[a-z2-7]{26})"', page.text)[1]
    return who.post(action, {"csrf": who.csrf(page), "decision": decision})


def asked(who, address):
    page = who.get(f"/{who.lang}/protected")
    return who.post(f"/{who.lang}/protected", {"csrf": who.csrf(page), "address": address})


@pytest.fixture
def protected(pair):
    old, young = pair
    assert asked(old, "138 2222 0001").status_code == 303
    assert moved(young, "accept").status_code == 303
    return pair


def given(old, app, details=SENSITIVE):
    """The page on which a sensitive approval of the protected person ends."""
    path, page = old.open_request(app.authorize_path(app.details(**details)))
    proving = old.post(path, {"csrf": old.csrf(page), "decision": "approve"})
    return old.post(path, {**hidden(proving, 'value="key"'), "key": old.key}).headers["location"]


def answered(young, decision):
    page = young.get(f"/{young.lang}/protected")
    action = re.search(r'action="(/[^"]+/protected/requests/gr_[a-z2-7]+)"', page.text)[1]
    return young.post(action, {"csrf": young.csrf(page), "decision": decision})


@pytest.mark.parametrize(("lang", "words"), [("en", "We propose it to you"), ("zh-CN", "我们建议您开启")])
def test_the_page_proposes_it_from_sixty_on_and_offers_it_to_everybody(pair, lang, words):
    old, young = pair

    assert words in old.get(f"/{lang}/protected").text
    assert words in old.get(f"/{lang}/account").text
    assert words not in young.get(f"/{lang}/protected").text
    assert 'name="address"' in young.get(f"/{lang}/protected").text


@pytest.mark.parametrize(("lang", "words"), [("en", "Your answer waits"), ("zh-CN", "您的答复正在等待")])
def test_a_sensitive_approval_waits_and_goes_on_when_the_daughter_has_agreed(world, protected, lang, words):
    old, young = protected
    old.lang = young.lang = lang
    app = world.app(purpose="identity_check")
    place = given(old, app)

    assert place.endswith("/deferred")
    assert words in old.get(place).text
    told = {"en": "waits for your answer", "zh-CN": "正在等待您的答复"}[lang]
    assert told in young.get(f"/{lang}/grants").text
    seen = young.get(f"/{lang}/protected").text
    assert "Harbour Bank" in seen
    assert "赵*强" in seen or "赵" in seen
    assert OLD["resident_id"][:6] not in seen
    assert answered(young, "yes").status_code == 303
    page = old.get(place)
    back = old.post(f"{place.removesuffix('/deferred')}/continue", {"csrf": old.csrf(page)})
    code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
    token = app.exchange(code).json()["access_token"]
    assert app.disclose(token).json()["data"]["resident_id"] == OLD["resident_id"]
    again = old.post(f"{place.removesuffix('/deferred')}/continue", {"csrf": old.csrf(page)})
    assert again.status_code == 410


def test_the_daughters_no_refuses_it_and_both_see_so(world, protected):
    old, young = protected
    place = given(old, world.app(purpose="identity_check"))
    answered(young, "no")

    assert "It was refused" in old.get(place).text
    assert "Refused" in old.get("/en/grants").text
    for one in (old, young):
        assert "the trusted person said no to Harbour Bank" in one.get("/en/protected").text


def test_a_day_of_silence_is_a_no(world, protected):
    old, young = protected
    place = given(old, world.app(purpose="identity_check"))
    page = young.get("/en/protected")
    action = re.search(r'action="(/[^"]+/protected/requests/gr_[a-z2-7]+)"', page.text)[1]
    world.clock.pass_seconds(DAY)
    old.sign_in()
    young.sign_in()

    assert "Nobody answered in time" in old.get(place).text
    form = {"csrf": young.csrf(young.get("/en/protected")), "decision": "yes"}
    assert young.post(action, form).status_code == 409


def test_the_old_person_takes_the_answer_back_while_it_waits(world, protected):
    old, young = protected
    place = given(old, world.app(purpose="identity_check"))
    taken = old.post(f"{place.removesuffix('/deferred')}/take-back", {"csrf": old.csrf(old.get(place))})

    assert taken.status_code == 303
    assert "It was refused" in old.get(place).text
    assert "/requests/gr_" not in young.get("/en/protected").text


def test_a_press_at_a_counter_alone_approves_nothing_sensitive(world, protected):
    old, young = protected
    app = world.app(purpose="identity_check")
    form = {**app.identity(), "authorization_details": json.dumps([app.details(**SENSITIVE)])}
    started = world.http.post("/device_authorization", data=form).json()
    door = old.post(
        "/en/device", {"csrf": old.csrf(old.get("/en/device")), "user_code": started["user_code"]}
    )
    path = door.headers["location"]
    proving = old.post(path, {"csrf": old.csrf(old.get(path)), "decision": "approve"})
    place = old.post(path, {**hidden(proving, 'value="key"'), "key": old.key}).headers["location"]

    assert place.endswith("/deferred")
    assert device_polled(app, started["device_code"]).json()["error"] == "authorization_pending"
    answered(young, "yes")
    world.clock.pass_seconds(10)
    token = device_polled(app, started["device_code"]).json()["access_token"]
    assert set(app.disclose(token).json()["data"]) == {"name", "resident_id"}


def test_ordinary_requests_go_their_way_as_before(world, protected):
    old, _ = protected

    assert world.app().token_for(old)


def test_turning_it_off_takes_a_day_and_both_see_it(world, protected):
    old, young = protected
    assert moved(old, "off").status_code == 303
    for one in (old, young):
        assert "asked to turn it off" in one.get("/en/protected").text
    assert given(old, world.app(purpose="identity_check")).endswith("/deferred")
    assert moved(old, "keep").status_code == 303
    assert "kept on after all" in young.get("/en/protected").text


def test_the_copies_of_both_say_what_happened(protected):
    for one in protected:
        form = {"as": "page", "csrf": one.csrf(one.get("/en/uses"))}
        assert ": accepted" in one.post("/en/copy", form).text


def test_nobody_learns_by_asking_who_is_registered(world, pair):
    old, young = pair
    stranger = world.person({"name": "Lee", "phone": "13822220007"})
    stranger.sign_in()
    known, unknown = asked(old, YOUNG["phone"]), asked(stranger, "13999999999")

    assert (known.status_code, known.headers["location"]) == (
        unknown.status_code,
        unknown.headers["location"],
    )
    pages = [
        re.sub(r"pr_[a-z2-7]{26}|value=\"[^\"]*\"", "", one.get("/en/protected").text)
        for one in (old, stranger)
    ]
    assert pages[0] == pages[1]
    assert asked(young, "not an address").status_code == 422
    assert asked(young, YOUNG["phone"]).status_code == 422


def test_asking_again_and_again_is_stopped(pair):
    old, _ = pair
    for _ in range(5):
        asked(old, "13999999999")
        moved(old, "off")

    assert asked(old, "13999999999").status_code == 429


def test_strangers_move_and_answer_nothing(world, protected):
    old, young = protected
    given(old, world.app(purpose="identity_check"))
    stranger = world.person({"name": "Lee", "phone": "13822220007"})
    stranger.sign_in()
    csrf = stranger.csrf(stranger.get("/en/grants"))
    page = young.get("/en/protected").text
    for action in re.findall(r'action="(/en/protected/[^"]+)"', page):
        for decision in ("off", "resign", "accept", "yes", "no"):
            answer = stranger.post(action, {"csrf": csrf, "decision": decision})
            assert answer.status_code in {400, 409}, (action, decision)
    assert "Waiting until" in young.get("/en/protected").text
