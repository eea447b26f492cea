"""Changing values over HTTP: a version or a code for each, safe to repeat, in the ledger with the write."""

import json

import pytest
from sqlalchemy import func, select

from api.edge.access import Access
from api.edge.kept_tables import kept_person
from consent.people.anchors import Mismatch, check
from consent.people.honey import plant
from consent.people.keeping import NewPerson
from tests.races.crowd import at_once
from tests.vault.people import made_up as people
from vault.ids import encode_id, new_subject
from vault.reading.records import history, masked
from vault.tables import value


@pytest.fixture
def operator(world):
    return world.staff_key(Access.OPERATOR)


@pytest.fixture
def persons(world):
    return [world.person(people.values(at)).created.subject for at in range(2)]


def item(subject, field, text):
    return {"subject": encode_id("sub", subject), "field": field, "text": text}


def change(world, who, items, key=None, **how):
    headers = {**who, **({"Idempotency-Key": key} if key else {})}
    return world.http.patch("/v1/people", headers=headers, **({"json": items} | how))


def versions(world):
    with world.vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(value)).scalar_one()


def test_each_change_gets_its_version_or_a_code_and_stands_in_the_ledger(world, operator, persons):
    first, second = persons
    items = [
        item(first, "phone", people.phone(70)),
        item(first, "phone", "not a phone"),
        item(second, "phone", people.phone(70)),
        item(new_subject(), "name", "Nobody"),
        item(second, "shoe", "42"),
        {**item(second, "name", "X"), "subject": people.phone(0)},
        {"subject": encode_id("sub", second), "field": "name"},
        item(second, "email", people.values(1)["email"]),
    ]

    answer = change(world, operator, items)

    assert answer.status_code == 200
    results = answer.json()["results"]
    assert results[0] == {"field": "phone", "version": 2}
    assert results[7] == {"field": "email", "version": 1}
    assert results[1]["code"].startswith("phone")
    codes = [one["code"] for one in results[2:7]]
    assert codes == ["person_exists", "person_unknown", "field.unknown", "malformed_id", "malformed_json"]
    assert people.phone(70) not in answer.text
    assert masked(world.vault, first, ["phone"]) == {
        "phone": f"{people.phone(70)[:3]}****{people.phone(70)[-4:]}"
    }
    assert [one for one in check(world.vault) if isinstance(one, Mismatch)] == []


def test_one_change_a_line_is_the_same(world, operator, persons):
    lines = [json.dumps(item(persons[0], "name", "Person Q")), "", "broken", ""]
    headers = {**operator, "Content-Type": "application/x-ndjson"}

    results = world.http.patch("/v1/people", headers=headers, content="\n".join(lines)).json()["results"]

    assert results == [{"field": "name", "version": 2}, {"code": "malformed_json", "field": ""}]


def test_a_repeated_change_gets_its_first_answer_and_undoes_nobody_elses(world, operator, persons):
    items = [item(persons[0], "phone", people.phone(70)), item(persons[1], "name", people.values(1)["name"])]
    first = change(world, operator, items, key="fix-1").json()
    change(
        world, operator, [item(persons[0], "phone", people.phone(71)), item(persons[1], "name", "Person Q")]
    )

    again = change(world, operator, items, key="fix-1").json()

    assert again == first == {"results": [{"field": "phone", "version": 2}, {"field": "name", "version": 1}]}
    assert len(history(world.vault, persons[0], "phone")) == 3
    assert len(history(world.vault, persons[1], "name")) == 2


def test_a_key_stands_for_one_body_of_one_kind_of_request_and_nothing_kept_can_be_read(
    world, operator, persons
):
    wanted = [item(persons[0], "phone", people.phone(70))]
    change(world, operator, wanted, key="fix-1")

    other = change(world, operator, [item(persons[0], "phone", people.phone(71))], key="fix-1")
    headers = {**operator, "Idempotency-Key": "fix-1"}
    taken_in = world.http.post("/v1/people", headers=headers, json=[people.values(5)])

    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert "key" in taken_in.json()["results"][0]
    assert change(world, operator, wanted, key="a b").json()["code"] == "malformed_idempotency_key"
    with world.vault.data.read() as conn:
        rows = conn.execute(select(kept_person)).all()
    assert people.phone(70).encode() not in b"".join(x for row in rows for x in row if isinstance(x, bytes))


def test_copies_of_one_request_at_once_change_everything_once_and_answer_alike(world, operator, persons):
    items = [
        item(persons[0], "name", "Person Q"),
        item(persons[0], "name", "Person R"),
        item(persons[1], "phone", people.phone(70)),
    ]
    before = versions(world)

    answers = at_once([lambda: change(world, operator, items, key="same").json() for _ in range(8)])

    assert (
        answers
        == [
            {
                "results": [
                    {"field": "name", "version": 2},
                    {"field": "name", "version": 3},
                    {"field": "phone", "version": 2},
                ]
            }
        ]
        * 8
    )
    assert versions(world) == before + 3


def test_a_value_with_a_wrong_check_digit_is_taken_and_marked(world, operator, persons):
    wrong, right = "4111111111111112", "4111111111111111"
    taken = world.http.post(
        "/v1/people",
        headers={**operator, "Idempotency-Key": "k"},
        json=[{**people.values(8), "bank_card": wrong}, {**people.values(9), "bank_card": right}],
    ).json()["results"]
    changed = change(world, operator, [item(persons[0], "bank_card", text) for text in (wrong, right)])

    assert [one.get("checked") for one in taken] == [{"bank_card": False}, None]
    assert [one.get("checked") for one in changed.json()["results"]] == [False, None]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"[]", 422, "invalid_input"),
        (b"", 400, "malformed_json"),
        (b"{}", 400, "unknown_member"),
        (json.dumps([{}] * 2_001).encode(), 422, "too_many_changes"),
    ],
    ids=["nothing to do", "nothing", "an object", "too many"],
)
def test_a_body_that_cannot_be_meant_changes_nothing(world, operator, persons, body, status, code):
    before = versions(world)

    answer = world.http.patch("/v1/people", headers=operator, content=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert versions(world) == before


@pytest.mark.parametrize("role", [Access.AUDITOR, Access.INVESTIGATOR])
def test_only_operators_change_values(world, persons, role):
    answer = change(world, world.staff_key(role), [item(persons[0], "name", "Person Q")])

    assert answer.status_code == 403
    assert len(history(world.vault, persons[0], "name")) == 1


def test_a_value_that_is_somebody_elses_is_put_on_record_and_wakes_the_watch(world, operator, persons):
    plant(world.vault, [NewPerson(people.values(7))], world.clock())

    (result,) = change(world, operator, [item(persons[0], "phone", people.phone(7))]).json()["results"]

    assert result["code"] == "person_exists"
    (alarm,) = world.http.get("/v1/alarms", headers=operator).json()
    assert alarm["source"] == "find"
