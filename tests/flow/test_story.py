"""The main way through, over HTTP: ask, approve, exchange, disclose, withdraw, refused, proved."""

import re

from api.jobs.publisher import Publisher
from consent.ledger.bundles.verify import verify_bundle
from consent.ledger.publishing.memory import Memory
from tests.flow.installation import ZHANG, payload_of


def _publish(world):
    Publisher(world.vault, world.clock, Memory(world.settings.checkpoint_state), None, 1).publish_once()


def test_an_app_asks_a_person_approves_and_the_app_receives_exactly_what_was_granted_once(world):
    app, person = world.app(), world.person()

    token = app.token_for(person)
    answer = app.disclose(token)

    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["data"] == {"name": ZHANG["name"], "phone": "13812341234"}
    assert body["use"] == {"n": 1, "of": 1}
    receipt = payload_of(body["receipt"])
    assert receipt["disclosure"] == body["disclosure_id"]
    assert (receipt["log"], receipt["index"], receipt["leaf"]) == tuple(body["ledger"].values())
    assert app.disclose(token).status_code == 401


def test_an_optional_field_arrives_only_when_it_was_ticked(world):
    app, person = world.app(), world.person()
    details = app.details(datatypes=["name"], optional_datatypes=["email", "phone"])

    bare = app.disclose(app.token_for(person, details)).json()["data"]
    ticked = app.disclose(app.token_for(person, details, tick=("email",))).json()["data"]

    assert set(bare) == {"name"}
    assert set(ticked) == {"name", "email"}


def test_a_counted_grant_gives_its_number_of_uses_and_no_more(world):
    app, person = world.app(), world.person()
    token = app.token_for(person, app.details(uses={"max": 3, "ask": "counted", "batch": 3}))

    answers = [app.disclose(token) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 401, 401]
    assert [answer.json()["use"] for answer in answers[:3]] == [{"n": n, "of": 3} for n in (1, 2, 3)]


def test_a_refusal_returns_to_the_app_without_a_code_and_is_kept(world):
    app, person = world.app(), world.person()

    answer = person.decide(app.authorize_path(), "refuse")

    assert answer == {"error": "access_denied", "iss": "http://testserver.local", "state": "s1"}
    assert "Refused" in person.get("/en/grants").text


def test_after_the_withdrawal_the_token_in_flight_is_worth_nothing(world):
    app, person = world.app(), world.person()
    token = app.token_for(person)
    grant = re.search(r'id="(gr_\w+)"', person.get("/en/grants").text)[1]

    first, again = person.withdraw(grant), None
    refused = app.disclose(token)

    assert first.status_code == 303
    assert refused.status_code == 401
    assert refused.json()["code"] == "invalid_token"
    listed = person.get("/en/grants?withdrawn")
    assert "Withdrawn" in listed.text
    assert f"/grants/{grant}/withdraw" not in listed.text
    again = person.post(f"/en/grants/{grant}/withdraw", {"csrf": person.csrf(listed)})
    assert again.status_code == 303


def test_the_person_sees_the_use_at_once_and_can_prove_it_to_anybody(world):
    app, person = world.app(), world.person()
    app.disclose(app.token_for(person))

    timeline = person.get("/en/uses")
    link = re.search(r'href="(/en/uses/ds_\w+/bundle)"', timeline.text)[1]
    early = person.get(link)
    _publish(world)
    bundle = person.get(link)

    assert "Harbour Bank" in timeline.text
    assert early.status_code == 409
    assert bundle.status_code == 200
    verdict = verify_bundle(bundle.content, None)
    assert all(check.ok for check in verdict.checks), verdict


def test_a_retry_with_the_same_key_repeats_the_answer_byte_for_byte_and_costs_nothing(world):
    app, person = world.app(), world.person()
    token = app.token_for(person)

    answers = [app.disclose(token, idempotency_key='"k-1"') for _ in range(4)]

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    other = app.disclose(token, body={"fields": ["name"]}, idempotency_key='"k-1"')
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_fewer_fields_than_granted_may_be_read_and_more_may_not(world):
    app, person = world.app(), world.person()
    token = app.token_for(person, app.details(uses={"max": 2, "ask": "counted", "batch": 2}))

    fewer = app.disclose(token, body={"fields": ["name"]})
    more = app.disclose(token, body={"fields": ["name", "email"]})

    assert fewer.json()["data"] == {"name": ZHANG["name"]}
    assert (more.status_code, more.json()["code"]) == (403, "insufficient_scope")
    assert app.disclose(token).json()["use"] == {"n": 2, "of": 2}


def test_the_chinese_pages_tell_the_same_story(world):
    app, person = world.app("海港银行", lang="zh-CN"), world.person(lang="zh-CN")

    _, page = person.open_request(app.authorize_path())
    app.disclose(app.token_for(person))

    assert '<html lang="zh-CN">' in page.text
    assert "海港银行请求查看您的数据" in page.text
    assert "138****1234" in page.text
    assert "13812341234" not in page.text
    assert "收到了您的数据" in person.get("/zh-CN/uses").text
