"""Staff read by themselves over HTTP: within their bounds, with a second person for minors, and seen by the person."""

import re

import pytest

from api.edge.access import Access
from consent.recipients.register import RecipientKind
from tests.flow.installation import ZHANG
from tests.web.test_emergencies import key_of
from vault.ids import encode_id, new_subject

BOY = {"phone": "13912341234", "name": "Li Lei", "birth_date": "2010-03-01"}


@pytest.fixture
def staff(world):
    return {
        "lin": key_of(world, "Lin"),
        "wang": key_of(world, "Wang", Access.AUDITOR),
        "zhao": key_of(world, "Zhao"),
        "qian": key_of(world, "Qian", Access.INVESTIGATOR),
    }


def reading(world, who, person, **changes):
    body = {
        "subject": encode_id("sub", person.created.subject),
        "fields": ["phone"],
        "reason": "person_asked",
        "basis": "contract",
        **changes,
    }
    return world.http.post("/v1/staff-reads", json=body, headers=who)


def test_a_member_of_staff_reads_and_the_person_sees_who_why_and_what(world, staff):
    person = world.person()

    done = reading(world, staff["lin"], person)

    assert done.status_code == 200, done.text
    assert done.json()["data"] == {"phone": ZHANG["phone"]}
    assert done.headers["cache-control"] == "no-store"
    person.sign_in()
    timeline = person.get("/en/uses").text
    for said in ("Read your data", "Operator", "you asked for help", "for something you agreed with us"):
        assert said in timeline
    assert not re.search(r"\bLin\b", timeline)  # as a word: random tokens have any three letters
    assert "emergency" not in timeline
    assert "读取了您的数据" in person.get("/zh-CN/uses").text


def test_the_data_of_somebody_under_eighteen_takes_another_s_approval_and_they_see_both(world, staff):
    boy = world.person(BOY)

    refused = reading(world, staff["lin"], boy)
    ask = {
        "subject": encode_id("sub", boy.created.subject),
        "fields": ["name", "phone"],
        "reason": "person_asked",
        "note": "He asks where his parcel is.",
        "minor": True,
    }
    asked = world.http.post("/v1/emergencies", json=ask, headers=staff["lin"])
    path = asked.headers["location"].removeprefix(world.issuer)
    own = world.http.post(f"{path}/approve", headers=staff["lin"])
    yes = world.http.post(f"{path}/approve", headers=staff["wang"])
    done = reading(world, staff["lin"], boy, approval=asked.json()["id"])
    again = reading(world, staff["lin"], boy, approval=asked.json()["id"])

    assert (refused.status_code, refused.json()["code"]) == (403, "staff.minor_unapproved")
    assert BOY["phone"] not in refused.text
    assert (own.status_code, own.json()["code"]) == (403, "staff.own_request")
    assert (yes.json()["kind"], yes.json()["state"]) == ("minor_read", "approved")
    assert (done.status_code, done.json()["data"]) == (200, {"phone": BOY["phone"]})
    assert (again.status_code, again.json()["code"]) == (403, "staff.minor_unapproved")
    opened = world.http.post(f"{path}/open", headers=staff["lin"])
    assert (opened.status_code, opened.json()["code"]) == (404, "staff.unknown_request")
    boy.sign_in()
    timeline = boy.get("/en/uses").text
    for said in ("approved by Auditor", "Tried to read your data", "Asked a colleague to approve"):
        assert said in timeline
    assert "emergency" not in timeline
    own_copy = boy.get("/zh-CN/uses").text
    assert "由审计人员" in own_copy
    assert "请同事批准读取您的数据" in own_copy


@pytest.mark.parametrize(
    ("who", "changes", "status", "code"),
    [
        ("lin", {"reason": "court_order"}, 403, "staff.needs_two"),
        ("zhao", {"fields": ["resident_id"]}, 403, "staff.needs_two"),
        ("zhao", {"basis": "consent"}, 403, "staff.no_consent"),
        ("wang", {}, 403, "forbidden"),
        ("qian", {}, 403, "forbidden"),
        ("lin", {"subject": encode_id("sub", new_subject())}, 404, "staff.unknown_person"),
        ("lin", {"subject": "13812341234"}, 400, "malformed_id"),
        ("lin", {"fields": []}, 400, "bad_dual_request"),
        ("lin", {"reason": "curiosity"}, 400, "unknown_member"),
        ("lin", {"approval": "yes please"}, 400, "malformed_id"),
        ("lin", {"extra": 1}, 400, "unknown_member"),
    ],
)
def test_what_nobody_reads_alone_has_an_answer_of_its_own_and_gives_no_value(
    world, staff, who, changes, status, code
):
    person = world.person()

    answer = reading(world, staff[who], person, **changes)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ZHANG["phone"] not in answer.text
    assert "data" not in answer.json()


def test_what_people_grant_the_house_is_read_by_name_and_gets_no_token(world, staff):
    house = world.app(name="Perusal House", purpose="customer_care", kind=RecipientKind.STAFF)
    person = world.person()
    person.sign_in()

    refused = house.exchange(person.approve(house.authorize_path()))
    done = reading(world, staff["zhao"], person, basis="consent")
    spent = reading(world, staff["zhao"], person, basis="consent")

    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert done.json()["data"] == {"phone": ZHANG["phone"]}
    assert spent.json()["code"] == "staff.no_consent"
    timeline = person.get("/en/uses").text
    assert "Perusal House" in timeline
    assert "with your permission" in timeline
