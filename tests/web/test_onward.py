"""Passing on and going abroad over HTTP: each asks for itself, each question has its own page, and all ends together."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from api.jobs.courier import Courier
from api.jobs.event_queue import EventQueue
from api.outward.fetching import Answer
from consent.schema.act_tables import separate_act
from consent.schema.tables import consent_grant
from consent.wording.notices import Handling
from tests.flow.installation import ZHANG, payload_of
from tests.web import test_backchannel as backchannel
from tests.web import test_device as device
from tests.web.test_grant_management import call, managing
from tests.web.test_presence import hidden, members
from tests.web.test_refresh import again

TOLD = Handling(
    method="Printed on a label and deleted.", rights="Write to rights@lion.example; it answers in 30 days."
)
URI = "https://app.example/events"


@pytest.fixture
def pair(world):
    """A person, a bank that may pass their data on to a bureau, and the bank's grant of two uses with its token."""
    person, bureau = world.person(), world.app("Quick Bureau", event_uri=URI)
    bank = world.app("Harbour Bank", event_uri=URI)
    asked = bank.details(uses={"max": 2, "ask": "counted"}, onward=[bureau.recipient_id])
    issued = bank.exchange(person.approve(bank.authorize_path(asked))).json()
    return person, bank, bureau, issued


def under(app, grant, **changes):
    return app.details(parent_grant=grant, **changes)


def answered(person, path, page, decision="approve"):
    """One press on a page: its hidden members and the button."""
    return person.post(path, {**hidden(page), "decision": decision})


def called_back(answer):
    assert answer.status_code == 303, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def rows(world, what):
    with world.vault.data.read() as conn:
        return conn.execute(select(what)).all()


def passed_on(person, app, grant):
    """The bureau's token, by two presses of the person's."""
    path, page = person.open_request(app.authorize_path(under(app, grant)))
    question = answered(person, path, page)
    assert question.status_code == 200, question.text
    return app.exchange(called_back(answered(person, path, question))["code"]).json()


def test_the_page_of_the_first_request_names_whom_the_data_may_be_passed_on_to(world):
    person, bureau = world.person(), world.app("Lion Bureau", country="SG")
    bank = world.app()

    _, page = person.open_request(bank.authorize_path(bank.details(onward=[bureau.recipient_id])))

    assert "Lion Bureau (Singapore)" in page.text
    assert "has to ask you first" in page.text


def test_the_whole_way_of_passing_on_and_its_end_with_one_press(world, pair):
    person, bank, bureau, issued = pair
    path, page = person.open_request(bureau.authorize_path(under(bureau, issued["grant_id"])))
    assert "Passed on by" in page.text
    assert "one more question" in page.text

    question = answered(person, path, page)
    assert "May Harbour Bank pass your data on to Quick Bureau?" in question.text
    assert len(rows(world, consent_grant)) == 1
    below = bureau.exchange(called_back(answered(person, path, question))["code"]).json()

    assert below["authorization_details"][0]["parent_grant"] == issued["grant_id"]
    assert set(bureau.disclose(below["access_token"]).json()["data"]) == {"name", "phone"}
    page = person.get("/en/grants").text
    assert "Passed on under your permission to Harbour Bank" in page
    assert "May be passed on to Quick Bureau, if you agree when they ask" in page
    assert person.withdraw(issued["grant_id"]).status_code == 303
    assert {row.state for row in rows(world, consent_grant)} <= {"withdrawn"}
    assert bank.disclose(issued["access_token"]).status_code == 401
    assert told(world) == {issued["grant_id"], below["grant_id"]}


def told(world):
    """The grants whose ends a courier pushed to their recipients."""
    got = set()

    def post(_url, body, _headers):
        got.add(payload_of(body.decode())["events"]["urn:perusal:event:withdrawn"]["grant_id"])
        return Answer(status=202, content_type="", body=b"")

    Courier(EventQueue(world.vault, post), world.clock, lambda: 0.0).deliver_due()
    return got


def test_a_recipient_that_ends_its_grant_ends_what_it_passed_on(world, pair):
    person, bank, bureau, issued = pair
    below = passed_on(person, bureau, issued["grant_id"])

    ended = call(bank, "DELETE", issued["grant_id"], managing(bank).json()["access_token"])

    assert ended.status_code == 204
    assert bureau.disclose(below["access_token"]).status_code == 401
    assert told(world) == {below["grant_id"]}


def test_both_recipients_and_the_person_s_programs_are_told_of_the_chain(world, pair):
    person, bank, bureau, issued = pair
    below = passed_on(person, bureau, issued["grant_id"])

    top = call(bank, "GET", issued["grant_id"], managing(bank).json()["access_token"]).json()
    low = call(bureau, "GET", below["grant_id"], managing(bureau).json()["access_token"]).json()
    form = {**bureau.identity(), "token": below["access_token"]}
    shown = world.http.post("/introspect", data=form).json()
    mine = {one["grant_id"]: one for one in person.get("/me/grants").json()["grants"]}
    receipts = person.get(f"/me/grants/{below['grant_id']}/receipts").json()["receipts"]

    assert top["authorization_details"][0]["onward"] == [bureau.recipient_id]
    for details in (low["authorization_details"][0], shown["authorization_details"][0]):
        assert details["parent_grant"] == issued["grant_id"]
    assert mine[below["grant_id"]]["parent_grant"] == issued["grant_id"]
    assert mine[issued["grant_id"]]["onward"] == [bureau.recipient_id]
    assert payload_of(receipts[0])["parent_grant"] == issued["grant_id"]


def test_what_lies_beyond_the_grant_above_is_refused_where_it_is_asked(world, pair):
    _, bank, bureau, issued = pair
    grant, stranger = issued["grant_id"], world.app("Stranger")
    late = "2026-12-31T00:00:00Z"
    for app, details, code in (
        (bureau, under(bureau, grant, datatypes=["email"]), "details.beyond_parent"),
        (bureau, under(bureau, grant, window={"to": late}), "details.beyond_parent"),
        (bureau, under(bureau, "gr_" + "a" * 26), "details.unknown_parent"),
        (stranger, under(stranger, grant), "details.unknown_parent"),
        (bank, bank.details(onward=["all partners"]), "details.unknown_onward"),
    ):
        body = app.push(details).json()
        assert (body["error"], body["code"]) == ("invalid_authorization_details", code)


def test_the_request_is_nobody_else_s_and_a_no_is_no(world, pair):
    person, _, bureau, issued = pair
    other = world.person({**ZHANG, "phone": "13912341234", "email": "other@example.com"})
    path = bureau.authorize_path(under(bureau, issued["grant_id"]))
    other.sign_in()

    assert other.get(path).status_code == 400
    request, page = person.open_request(path)
    question = answered(person, request, page)
    refused = called_back(answered(person, request, question, "refuse"))
    assert refused["error"] == "access_denied"
    assert sorted(row.state for row in rows(world, consent_grant)) == ["active", "refused"]


def test_a_grant_above_that_was_withdrawn_meanwhile_is_said_so_and_nothing_is_given(world, pair):
    person, _, bureau, issued = pair
    path, page = person.open_request(bureau.authorize_path(under(bureau, issued["grant_id"])))
    question = answered(person, path, page)
    person.withdraw(issued["grant_id"])

    answer = answered(person, path, question)

    assert (answer.status_code, "The permission above it has ended" in answer.text) == (410, True)


def test_nothing_more_is_read_under_a_grant_that_is_used_up(world, pair):
    person, bank, bureau, issued = pair
    below = passed_on(person, bureau, issued["grant_id"])
    more = again(bank, issued).json()
    for token in (issued["access_token"], more["access_token"]):
        assert bank.disclose(token).status_code == 200

    assert bureau.disclose(below["access_token"]).status_code == 401
    form = {**bureau.identity(), "token": below["access_token"]}
    assert world.http.post("/introspect", data=form).json()["reason"] == "parent_not_active"
    assert "the permission it stands under was not active" in person.get("/en/uses").text


def test_passing_on_is_asked_for_at_a_counter_and_on_the_telephone_too(world, pair):
    person, _, bureau, issued = pair
    wanted = json.dumps([under(bureau, issued["grant_id"])])
    given = device.started(bureau, authorization_details=wanted).json()
    path = device.typed(person, given["user_code"]).headers["location"]
    question = answered(person, path, person.get(path))
    assert answered(person, path, question).headers["location"] == f"{path}/answered"
    assert "access_token" in device.polled(bureau, given["device_code"]).json()

    hint = backchannel.let_ask(person, bureau)
    asked = backchannel.started(bureau, hint, authorization_details=wanted).json()
    path = backchannel.picked(person, "42").headers["location"]
    question = answered(person, path, person.get(path))
    answered(person, path, question)
    assert "access_token" in backchannel.polled(bureau, asked).json()


def test_a_handle_that_leads_to_another_person_is_answered_alike_and_shown_to_nobody(world, pair):
    person, _, bureau, issued = pair
    other = world.person({**ZHANG, "phone": "13912341234", "email": "other@example.com"})
    bureau.token_for(other)
    hint = backchannel.let_ask(other, bureau)
    wanted = json.dumps([under(bureau, issued["grant_id"])])

    asked = backchannel.started(bureau, hint, authorization_details=wanted)

    assert asked.status_code == 200
    for one in (person, other):
        assert 'name="number"' not in one.get("/en/waiting").text
    assert backchannel.polled(bureau, asked.json()).json()["error"] == "authorization_pending"


def test_a_recipient_abroad_that_says_too_little_hears_every_item_that_is_missing(world):
    app = world.app("Lion Parcel", country="SG", handling=Handling())

    answer = app.push()

    body = answer.json()
    assert (answer.status_code, body["code"]) == (400, "details.transfer_untold")
    assert body["missing"] == ["method", "rights"]


SAID = {
    "en": ("May your data go to Singapore?", "How to exercise your rights there", "Yes, it may go there"),
    "zh-CN": ("是否同意您的数据出境至新加坡？", "向境外接收方行使权利的方式", "同意出境"),
}


@pytest.mark.parametrize("lang", SAID)
def test_going_abroad_is_a_page_of_its_own_with_everything_the_law_wants_said(world, lang):
    person, app = world.person(lang=lang), world.app("Lion Parcel", country="SG", handling=TOLD)
    path, page = person.open_request(app.authorize_path())
    assert SAID[lang][0] not in page.text

    question = answered(person, path, page)

    for text in (*SAID[lang], "Lion Parcel", "privacy@harbour.example", TOLD.method, TOLD.rights):
        assert text in question.text
    assert "checked" not in question.text
    assert question.text.index('value="refuse"') < question.text.index('value="approve"')
    issued = app.exchange(called_back(answered(person, path, question))["code"]).json()
    assert issued["authorization_details"][0]["country"] == "SG"
    assert person.get("/me/grants").json()["grants"][0]["abroad"] == "SG"
    assert ("新加坡" if lang == "zh-CN" else "Leaves the country for Singapore") in person.get(
        f"/{lang}/grants"
    ).text


def test_onward_abroad_and_sensitive_are_three_questions_and_each_no_is_the_end(world):
    values = {**ZHANG, "resident_id": "11010519491231002X"}
    person, bureau = (
        world.person(values),
        world.app("Lion Bureau", "identity_check", country="SG", handling=TOLD),
    )
    bank = world.app(purpose="identity_check")
    wanted = {"uses": {"max": 9, "ask": "counted"}, "datatypes": ["name", "resident_id"]}
    first = bank.details(**wanted, onward=[bureau.recipient_id])
    path, page = person.open_request(bank.authorize_path(first))
    sent = {**members(answered(person, path, page), 'value="key"'), "key": person.key}
    grant = bank.exchange(called_back(person.post(path, sent))["code"]).json()["grant_id"]
    asked = under(bureau, grant, datatypes=["name", "resident_id"])
    path, page = person.open_request(bureau.authorize_path(asked))
    seen = []
    for _ in range(2):
        page = answered(person, path, page)
        seen.append(re.search(r'name="act" value="(\w+)"', page.text)[1])
    page = answered(person, path, page)

    assert seen == ["onward", "cross_border"]
    assert "Confirm that it is you" in page.text
    assert sorted(row.act for row in rows(world, separate_act)) == sorted(seen)
    done = person.post(path, {**members(page, 'value="key"'), "key": person.key})
    assert "code" in called_back(done)


@pytest.mark.parametrize("act", ["", "everything", "onward", "sensitive"])
def test_a_press_for_something_that_was_not_asked_agrees_to_nothing(world, act):
    person, app = world.person(), world.app("Lion Parcel", country="SG", handling=TOLD)
    path, page = person.open_request(app.authorize_path())

    answer = person.post(path, {"csrf": person.csrf(page), "decision": "approve", "act": act})

    assert answer.status_code == (200 if not act else 400)
    assert rows(world, separate_act) == rows(world, consent_grant) == []


def test_a_press_from_elsewhere_agrees_to_nothing(world):
    person, app = world.person(), world.app("Lion Parcel", country="SG", handling=TOLD)
    path, page = person.open_request(app.authorize_path())
    form = {**hidden(answered(person, path, page)), "decision": "approve"}

    foreign = person.post(path, form, **{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"})

    assert foreign.status_code == 403
    assert person.post(path, {**form, "csrf": "x" * 43}).status_code == 403
    assert rows(world, separate_act) == []
