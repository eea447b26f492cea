"""Guardians answer for their wards by every way of asking, and their going pauses what they gave."""

import json
import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from consent.families.ties import Tie, appoint, dismiss
from consent.schema.tables import consent_grant, event_outbox
from tests.flow.installation import payload_of
from tests.web.test_backchannel import let_ask, picked, polled, started

CHILD = {"name": "王小明", "phone": "13811110000", "birth_date": "2016-05-06"}
PROOF = bytes(range(32))


@pytest.fixture
def house(world):
    """A child with two parents, all signed in to browsers of their own."""
    child = world.person(CHILD)
    parents = [
        world.person({"name": name, "phone": phone, "birth_date": "1985-01-01"})
        for name, phone in (("王大力", "13811110001"), ("李秀英", "13811110002"))
    ]
    for parent in parents:
        appoint(world.vault, child.created.subject, parent.created.subject, Tie.PARENT, PROOF, world.clock())
        parent.sign_in()
    child.sign_in()
    return child, *parents


def hidden(page, marker=""):
    """The hidden members of the form that holds `marker`."""
    forms = [one for one in re.findall(r"<form.*?</form>", page.text, re.DOTALL) if marker in one]
    found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', forms[0])
    return {name: unescape(value) for name, value in found}


def links(page):
    """The wards a page lets somebody choose, by the order it lists them."""
    return re.findall(r'name="for" value="(gl_[a-z2-7]{26})"', page.text)


def chosen(parent, path, at=0):
    """From the choice of whom to the approval page of the ward's request."""
    page = parent.get(path)
    answer = parent.post(f"/{parent.lang}/for-whom", {**hidden(page, "for-whom"), "for": links(page)[at]})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def said_yes(parent, path):
    """Approve and confirm with the key."""
    asked = parent.post(path, {"csrf": parent.csrf(parent.get(path)), "decision": "approve"})
    assert 'name="key"' in asked.text, asked.text
    answer = parent.post(path, {**hidden(asked, 'value="key"'), "key": parent.key})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def given_by(app, parent):
    """A token for the child's data that this parent's browser let an app have, and its grant."""
    choice = parent.get(app.authorize_path()).headers["location"]
    back = said_yes(parent, chosen(parent, choice))
    body = app.exchange(parse_qs(urlsplit(back).query)["code"][0]).json()
    return body["access_token"], body["grant_id"]


def ward_page(parent):
    (link,) = set(re.findall(r"/wards/(gl_[a-z2-7]{26})", parent.get(f"/{parent.lang}/wards").text))
    return f"/{parent.lang}/wards/{link}"


@pytest.mark.parametrize(
    ("lang", "note"), [("en", "You answer as guardian, for: 王"), ("zh-CN", "您正作为监护人为王")]
)
def test_a_parent_gives_what_is_the_childs_and_both_see_who_gave_it(world, house, lang, note):
    child, parent, _ = house
    app, parent.lang, child.lang = world.app(), lang, lang
    choice = parent.get(app.authorize_path(), **{"Accept-Language": lang}).headers["location"]
    assert choice.startswith(f"/{lang}/for-whom?")
    path = chosen(parent, choice)
    page = parent.get(path)

    assert note in page.text
    assert "138****0000" in page.text
    token, _ = given_by(app, parent)
    answer = app.disclose(token).json()
    assert answer["data"] == {"name": CHILD["name"], "phone": CHILD["phone"]}
    given = {"en": "Given by a guardian, 王", "zh-CN": "由监护人王"}[lang]
    assert given in child.get(f"/{lang}/grants").text
    assert given in parent.get(ward_page(parent)).text
    assert app.recipient_id not in parent.get(f"/{lang}/grants").text


def test_a_request_of_the_parents_own_is_theirs_as_before(world, house):
    _, parent, _ = house
    app = world.app()
    choice = parent.get(app.authorize_path()).headers["location"]
    answer = parent.post("/en/for-whom", {**hidden(parent.get(choice), "for-whom"), "for": "me"})
    page = parent.get(answer.headers["location"])

    assert "138****0001" in page.text
    assert "You answer as guardian" not in page.text


def test_a_child_allows_nothing_alone_and_is_told_who_can(world, house):
    child, *_ = house
    app = world.app()
    door = child.get(app.authorize_path()).headers["location"]
    page = child.get(door)

    assert door.startswith("/en/guardian-needed?")
    assert "王" in page.text
    assert "李" in page.text
    back = child.post("/en/guardian-needed", {**hidden(page, "guardian-needed"), "decision": "leave"})
    assert parse_qs(urlsplit(back.headers["location"]).query)["error"] == ["access_denied"]
    with world.vault.data.read() as conn:
        assert conn.execute(select(consent_grant)).all() == []


def test_a_child_hands_the_browser_over_and_the_guardian_answers_in_it(world, house):
    child, parent, _ = house
    app = world.app()
    page = child.get(child.get(app.authorize_path()).headers["location"])

    over = child.post("/en/guardian-needed", {**hidden(page, "guardian-needed"), "decision": "hand_over"})
    door = child.get(over.headers["location"])
    answer = child.post("/en/sign-in", {**hidden(door), "key": parent.key})
    child.key = parent.key
    back = said_yes(child, chosen(child, answer.headers["location"]))

    assert "code" in parse_qs(urlsplit(back).query)


def test_a_code_typed_by_a_child_opens_nothing_and_typed_by_a_parent_for_the_child_it_does(world, house):
    child, parent, _ = house
    app = world.app()
    form = {**app.identity(), "authorization_details": json.dumps([app.details()])}
    given = world.http.post("/device_authorization", data=form).json()
    refused = child.post(
        "/en/device", {"csrf": child.csrf(child.get("/en/device")), "user_code": given["user_code"]}
    )

    page = parent.get("/en/device")
    form = {"csrf": parent.csrf(page), "user_code": given["user_code"], "for": links(page)[0]}
    path = parent.post("/en/device", form).headers["location"]
    said_yes(parent, path)

    assert refused.status_code == 403
    assert "guardian" in refused.text
    poll = {
        **app.identity(),
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": given["device_code"],
    }
    token = world.http.post("/token", data=poll, headers={"DPoP": app.proof("/token")}).json()["access_token"]
    assert app.disclose(token).json()["data"]["name"] == CHILD["name"]


def test_a_question_about_a_child_waits_for_the_parents_and_the_first_who_picks_answers(world, house):
    child, parent, other = house
    app = world.app()
    given_by(app, parent)
    ward = ward_page(parent)
    asker = {"csrf": parent.csrf(parent.get(ward)), "recipient": app.recipient_id, "decision": "allow"}
    assert parent.post(f"{ward}/askers", asker).status_code == 303
    hint = re.search(r"<code>([^<]+)</code>", parent.get(ward).text)[1]
    asked = started(app, hint).json()

    seen = child.get("/en/waiting")
    assert 'name="number"' not in seen.text
    assert "王" in seen.text
    pages = [one.get("/en/waiting") for one in (parent, other)]
    opened = parent.post("/en/waiting", {**hidden(pages[0], "number"), "number": "42"})
    late = other.post("/en/waiting", {**hidden(pages[1], "number"), "number": "42"})
    said_yes(parent, opened.headers["location"])

    assert late.status_code == 404
    assert app.disclose(polled(app, asked).json()["access_token"]).json()["data"]["phone"] == CHILD["phone"]


def test_a_child_cannot_pick_a_number_nor_let_anybody_ask(world, house):
    child, parent, _ = house
    app = world.app()
    given_by(app, parent)
    page = child.get("/en/waiting")
    form = {"csrf": child.csrf(page), "recipient": app.recipient_id, "decision": "allow"}

    assert child.post("/en/waiting/askers", form).status_code == 403
    assert "<code>" not in child.get("/en/waiting").text


def test_the_end_of_a_guardianship_pauses_what_was_given_until_the_other_parent_confirms(world, house):
    child, parent, other = house
    app = world.app()
    token, grant = given_by(app, parent)
    dismiss(world.vault, child.created.subject, parent.created.subject, world.clock())

    assert app.disclose(token).json()["code"] == "invalid_token"
    assert "Paused" in child.get("/en/grants").text
    assert "Let it continue" not in child.get("/en/grants").text
    for one in (child, other):
        assert "A guardianship has ended" in one.get("/en/grants").text
    assert parent.get(f"/en/wards/{ward_page(other)[-29:]}").status_code == 404
    ward = ward_page(other)
    form = {"csrf": other.csrf(other.get(ward)), "grant": grant}
    world.clock.pass_seconds(1)
    assert other.post(f"{ward}/confirm", form).headers["location"].endswith("?confirmed")
    assert app.disclose(token).status_code == 200
    with world.vault.data.read() as conn:
        kinds = conn.execute(
            select(event_outbox.c.kind, event_outbox.c.body).order_by(event_outbox.c.id)
        ).all()
    assert [row.kind for row in kinds] == ["suspended", "resumed"]
    told = payload_of(kinds[0].body)["events"]["urn:perusal:event:suspended"]
    assert (told["grant_id"], told["duties"]) == (grant, ["stop"])
    assert "Confirmed by a guardian, 李" in child.get("/en/grants").text


def test_confirming_takes_a_sign_in_of_the_last_five_minutes_and_withdrawing_does_not(world, house):
    child, parent, other = house
    _, grant = given_by(world.app(), parent)
    dismiss(world.vault, child.created.subject, parent.created.subject, world.clock())
    world.clock.pass_seconds(301)
    ward = ward_page(other)
    form = {"csrf": other.csrf(other.get(ward)), "grant": grant}

    assert other.post(f"{ward}/confirm", form).status_code == 403
    assert other.post(f"{ward}/withdraw", form).status_code == 303
    assert "Withdrawn by a guardian, 李" in child.get("/en/grants").text


def test_the_childs_copy_says_what_the_parents_did(world, house):
    child, parent, _ = house
    given_by(world.app(), parent)
    form = {"as": "page", "csrf": child.csrf(child.get("/en/uses"))}
    copy = child.post("/en/copy", form).text

    assert "What guardians did with your permissions" in copy
    assert "Given by a guardian, sub_" in copy
    assert "&lt;" not in copy


def test_a_guardian_withdraws_everything_of_the_ward_in_one_request(world, house):
    child, parent, other = house
    tokens = [given_by(app, parent)[0] for app in (world.app(), world.app("Second Bank"))]
    ward = ward_page(other)
    form = {"csrf": other.csrf(other.get(ward)), "everything": "yes"}

    assert other.post(f"{ward}/withdraw", form).status_code == 303
    assert child.get("/en/grants").text.count("Withdrawn by a guardian, 李") == 2
    assert len(tokens) == 2


def test_somebody_elses_ward_is_not_there(world, house):
    _, parent, _ = house
    stranger = world.person({"name": "Lee", "phone": "13811110009"})
    stranger.sign_in()
    ward = ward_page(parent)

    assert stranger.get(ward).status_code == 404
    form = {"csrf": stranger.csrf(stranger.get("/en/grants")), "everything": "yes"}
    assert stranger.post(f"{ward}/withdraw", form).status_code == 404


def test_from_fourteen_on_the_child_answers_and_the_parent_only_takes_back(world, house):
    _, parent, _ = house
    teen = world.person({"name": "王大明", "phone": "13811110008", "birth_date": "2011-01-02"})
    appoint(world.vault, teen.created.subject, parent.created.subject, Tie.PARENT, PROOF, world.clock())
    app = world.app()
    token = app.token_for(teen)

    choice = parent.get(parent.get(app.authorize_path()).headers["location"])
    assert len(links(choice)) == 1
    pages = [
        parent.get(f"/en/wards/{name}")
        for name in set(re.findall(r"gl_[a-z2-7]{26}", parent.get("/en/wards").text))
    ]
    (page,) = [one for one in pages if "They decide themselves" in one.text]
    form = hidden(page, "/withdraw")
    assert parent.post(re.search(r'action="([^"]+/withdraw)"', page.text)[1], form).status_code == 303
    assert app.disclose(token).json()["code"] == "invalid_token"
    assert let_ask(teen, app) is not None
    assert picked is not None
