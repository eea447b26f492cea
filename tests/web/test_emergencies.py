"""Emergencies over HTTP: who may do what, what each is told, and what the person sees."""

import json
import re

import pytest
from sqlalchemy.exc import OperationalError

from api.edge.access import Access
from api.staff.keys import issue_staff_key
from consent.ledger.errors import LedgerAlarm
from consent.staff_members import WINDOW_MS
from tests.flow.installation import ZHANG
from vault.ids import encode_id, new_subject

NOTE = "The hospital asks for her family."


def key_of(world, actor, role=Access.OPERATOR):
    with world.vault.data.write() as conn:
        key = issue_staff_key(conn, actor=actor, role=role, now_ms=world.clock())
    return {"Authorization": f"Bearer {key}"}


ONE_STORE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""For what is refused before any data base is asked."""

SCAN = {"schemes": ["sm3"], "wanted": "00" * 32, "wanted_count": 1}


@pytest.fixture
def staff(world):
    return {
        "lin": key_of(world, "Lin"),
        "lin's other key": key_of(world, "Lin", Access.AUDITOR),
        "wang": key_of(world, "Wang", Access.AUDITOR),
        "zhao": key_of(world, "Zhao", Access.INVESTIGATOR),
    }


@pytest.fixture
def person(world):
    return world.person()


def ask(world, who, person, **changes):
    body = {
        "subject": encode_id("sub", person.created.subject),
        "fields": ["phone", "name"],
        "reason": "life_at_risk",
        "note": NOTE,
        **changes,
    }
    body = {name: value for name, value in body.items() if value is not None}
    return world.http.post("/v1/emergencies", json=body, headers=who)


def approved(world, staff, person):
    asked = ask(world, staff["lin"], person)
    assert asked.status_code == 201, asked.text
    path = asked.headers["location"].removeprefix(world.issuer)
    for name in ("wang", "zhao"):
        assert world.http.post(f"{path}/approve", headers=staff[name]).status_code == 200
    return path


def test_two_others_agree_and_who_asked_reads_while_the_person_is_told(world, staff, person):
    path = approved(world, staff, person)

    opened = world.http.post(f"{path}/open", headers=staff["lin"])

    assert opened.status_code == 200
    assert opened.json()["data"] == {"name": ZHANG["name"], "phone": ZHANG["phone"]}
    assert opened.headers["cache-control"] == "no-store"
    person.sign_in()
    for page in ("/en/uses", "/en/grants"):
        assert "Your data was opened in an emergency" in person.get(page).text
    timeline = person.get("/en/uses").text
    for said in ("Opened your data in an emergency", "Agreed to an emergency", "a life was at risk"):
        assert said in timeline
    assert not re.search(r"\bLin\b", timeline)  # as a word: random tokens have any three letters
    token = person.csrf(person.get("/en/uses"))
    person.post("/en/notices/seen", {"csrf": token})
    assert "Your data was opened in an emergency, without" not in person.get("/en/uses").text
    assert "Opened your data in an emergency" in person.get("/en/uses").text


def test_the_page_says_the_same_in_chinese(world, staff):
    person = world.person(lang="zh-CN")
    world.http.post(f"{approved(world, staff, person)}/open", headers=staff["lin"])
    person.sign_in()

    assert "紧急情况下打开了您的数据" in person.get("/zh-CN/uses").text


def test_deciders_see_the_note_and_the_list_does_not(world, staff, person):
    path = ask(world, staff["lin"], person).headers["location"].removeprefix(world.issuer)

    shown = world.http.get(path, headers=staff["wang"]).json()
    listed = world.http.get("/v1/emergencies", headers=staff["zhao"])

    assert (shown["note"], shown["state"], shown["fields"]) == (NOTE, "asked", ["name", "phone"])
    assert [one["id"] for one in listed.json()] == [shown["id"]]
    assert NOTE not in listed.text


def test_each_denial_has_its_own_answer_and_gives_no_value(world, staff, person):
    path = ask(world, staff["lin"], person).headers["location"].removeprefix(world.issuer)

    def said(name, verb, **body):
        answer = world.http.post(f"{path}/{verb}", headers=staff[name], **body)
        assert ZHANG["phone"] not in answer.text
        return answer.status_code, answer.json()["code"]

    assert said("lin", "open") == (409, "staff.not_approved")
    assert said("lin", "approve") == (403, "staff.own_request")
    assert said("lin's other key", "approve") == (403, "staff.own_request")
    assert said("wang", "open") == (403, "staff.not_requester")
    world.http.post(f"{path}/approve", headers=staff["wang"])
    assert said("wang", "approve") == (409, "staff.already_voted")
    world.http.post(f"{path}/approve", headers=staff["zhao"])
    assert said("lin's other key", "open") == (403, "staff.not_requester")
    assert said("lin", "open", json={"fields": ["email"]}) == (403, "staff.field_not_requested")
    world.clock.pass_seconds(WINDOW_MS / 1000)
    assert said("lin", "open") == (409, "staff.window")
    assert said("zhao", "refuse") == (409, "staff.request_closed")
    person.sign_in()
    assert "Turned away" in person.get("/en/uses").text


def test_a_no_after_the_second_yes_stops_it(world, staff, person):
    path = approved(world, staff, person)

    refused = world.http.post(f"{path}/refuse", headers=staff["wang"])

    assert refused.json()["state"] == "refused"
    assert world.http.post(f"{path}/open", headers=staff["lin"]).json()["code"] == "staff.not_approved"


@ONE_STORE
@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"subject": encode_id("sub", new_subject())}, 404, "staff.unknown_person"),
        ({"subject": "13812341234"}, 400, "malformed_id"),
        ({"subject": None}, 400, "bad_dual_request"),
        ({"fields": []}, 400, "bad_dual_request"),
        ({"fields": ["phone", "phone"]}, 400, "bad_dual_request"),
        ({"fields": ["nonsense"]}, 400, "bad_dual_request"),
        ({"note": ""}, 400, "bad_dual_request"),
        ({"reason": "curiosity"}, 400, "unknown_member"),
        ({"scan": SCAN}, 400, "bad_dual_request"),
        ({"scan": SCAN, "subject": None, "fields": ["birth_date"]}, 400, "bad_dual_request"),
        (
            {"scan": {**SCAN, "wanted_count": 100_001}, "subject": None, "fields": ["phone"]},
            400,
            "bad_dual_request",
        ),
        ({"scan": {**SCAN, "wanted": "00"}, "subject": None, "fields": ["phone"]}, 400, "bad_dual_request"),
        ({"scan": {**SCAN, "wanted": "xy"}, "subject": None, "fields": ["phone"]}, 400, "invalid_input"),
        ({"extra": 1}, 400, "unknown_member"),
    ],
    ids=[
        "unknown",
        "no id",
        "nobody",
        "nothing",
        "twice",
        "no field",
        "silent",
        "reason",
        "scan",
        "listable",
        "all",
        "no hash",
        "no hex",
        "extra",
    ],
)
def test_a_request_that_cannot_be_meant_is_refused(world, staff, person, changes, status, code):
    answer = ask(world, staff["lin"], person, **changes)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


@ONE_STORE
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 5_000])
@pytest.mark.parametrize("path", ["/v1/emergencies", "/v1/emergencies/dual_x/open"])
def test_no_body_is_our_failure(world, staff, path, body):
    answer = world.http.post(path, content=body, headers=staff["lin"])

    assert answer.status_code == 400


def test_a_request_nobody_made_is_not_found(world, staff):
    name = encode_id("dual", world.clock().to_bytes(6) + bytes(10))

    for verb in ("approve", "refuse", "open"):
        answer = world.http.post(f"/v1/emergencies/{name}/{verb}", headers=staff["lin"])
        assert (answer.status_code, answer.json()["code"]) == (404, "staff.unknown_request")
    assert world.http.get(f"/v1/emergencies/{name}", headers=staff["lin"]).status_code == 404


@pytest.mark.parametrize(
    ("failure", "code", "event"),
    [
        (LedgerAlarm("ledger.example/2026/0", "down"), "ledger.alarm", "ledger_alarm"),
        (
            OperationalError("INSERT", None, Exception("nobody answers")),
            "database_unreachable",
            "unexpected_error",
        ),
    ],
    ids=["alarm", "unreachable"],
)
def test_with_the_ledger_down_there_is_no_answer(
    world, staff, person, monkeypatch, capsys, failure, code, event
):
    path = approved(world, staff, person)

    def down(*_):
        raise failure

    monkeypatch.setattr("consent.staff.emergency.append", down)
    answer = world.http.post(f"{path}/open", headers=staff["lin"])

    assert (answer.status_code, answer.json()["code"]) == (503, code)
    assert int(answer.headers["retry-after"]) > 0
    logged = capsys.readouterr().err
    assert event in [json.loads(line)["event"] for line in logged.splitlines()]
    assert ZHANG["phone"] not in answer.text + logged
    person.sign_in()
    assert "Opened your data" not in person.get("/en/uses").text


def test_an_ended_staff_key_opens_nothing(world, staff, person):
    from api.staff.keys import end_staff_keys

    path = approved(world, staff, person)
    with world.vault.data.write() as conn:
        assert end_staff_keys(conn, actor="Lin", now_ms=world.clock())

    assert world.http.post(f"{path}/open", headers=staff["lin"]).status_code == 401
