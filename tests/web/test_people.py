"""Bulk writing and searching over HTTP: an answer for each item, safe to repeat, ids and never values."""

import hashlib
import json

import pytest
from sqlalchemy import func, select

from api.edge.access import Access
from api.edge.kept import KEPT_MS, sweep_kept
from api.edge.kept_tables import kept_person
from consent.accounts.keys import sign_in
from consent.staff.history import staff_events
from tests.races.crowd import at_once
from tests.vault.people import made_up as people
from vault.ids import decode_subject
from vault.tables import person


@pytest.fixture
def operator(world):
    return world.staff_key(Access.OPERATOR)


@pytest.fixture
def investigator(world):
    return world.staff_key(Access.INVESTIGATOR)


def write(world, who, items, key=None, **how):
    headers = {**who, **({"Idempotency-Key": key} if key else {})}
    return world.http.post("/v1/people", headers=headers, **({"json": items} | how))


def count(world):
    with world.vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(person)).scalar_one()


def test_each_item_gets_its_own_answer_and_every_key_signs_in(world, operator):
    items = [
        {**people.values(0), "lang": "en"},
        {"phone": "not a phone"},
        people.values(1),
        {"phone": people.phone(0)},
        {"nonsense": "x"},
        {**people.values(2), "lang": "tlh"},
        {"phone": 5},
    ]

    results = write(world, operator, items).json()["results"]

    codes = [result.get("code") for result in results]
    assert codes[0] is codes[2] is None
    assert codes[1].startswith(("phone", "invalid"))
    assert codes[3:] == ["person_exists", "field.unknown", "unknown_language", "malformed_json"]
    with world.vault.data.read() as conn:
        for at in (0, 2):
            who = sign_in(conn, results[at]["key"])
            assert who.subject == decode_subject(results[at]["subject"])
    assert count(world) == 2


def test_of_somebody_who_is_here_no_operator_hears_by_which_value(world, operator):
    write(world, operator, [people.values(0), {"email": "mine@example.com"}])
    guesses = [{"phone": people.phone(at), "email": "mine@example.com"} for at in range(3)]

    results = write(world, operator, guesses).json()["results"]

    assert results == [{"code": "person_exists", "field": ""}] * 3


def test_one_object_a_line_is_the_same(world, operator):
    lines = "\n".join(json.dumps(people.values(at)) for at in range(3)) + "\n\nbroken\n"
    headers = {**operator, "Content-Type": "application/x-ndjson"}

    answer = world.http.post("/v1/people", headers=headers, content=lines.encode())

    assert [result.get("code") for result in answer.json()["results"]] == [None, None, None, "malformed_json"]
    assert answer.headers["cache-control"] == "no-store"


def test_a_repeated_request_gets_the_first_answers_and_makes_nobody_twice(world, operator):
    items = [{"name": "Only A Name"}, people.values(0), {"phone": "bad"}]

    first = write(world, operator, items, key="load-1")
    again = write(world, operator, items, key="load-1")

    assert first.json() == again.json()
    assert count(world) == 2


def test_a_key_stands_for_one_body_of_one_member_of_staff(world, operator):
    write(world, operator, [people.values(0)], key="load-1")

    other_body = write(world, operator, [people.values(1)], key="load-1")
    other_member = write(world, world.staff_key(Access.OPERATOR), [people.values(2)], key="load-1")

    assert (other_body.status_code, other_body.json()["code"]) == (422, "idempotency_mismatch")
    assert "key" in other_member.json()["results"][0]
    assert count(world) == 2


def test_sixteen_copies_of_one_request_at_once_make_everybody_once_and_answer_alike(world, operator):
    items = [{"name": "Only A Name"}, *(people.values(at) for at in range(3))]

    answers = at_once([lambda: write(world, operator, items, key="same").json() for _ in range(16)])

    assert count(world) == 4
    assert all(answer == answers[0] for answer in answers), answers[:2]
    assert all("key" in result for result in answers[0]["results"])


def test_what_is_kept_for_a_repetition_is_sealed_and_forgotten_after_a_day(world, operator):
    key = write(world, operator, [people.values(0)], key="load-1").json()["results"][0]["key"]

    with world.vault.data.write() as conn:
        (row,) = conn.execute(select(kept_person)).all()
        sweep_kept(conn, world.clock() + KEPT_MS - 1)
        assert len(conn.execute(select(kept_person)).all()) == 1
        sweep_kept(conn, world.clock() + KEPT_MS)
        assert conn.execute(select(kept_person)).all() == []
    assert key.encode() not in b"".join(value for value in row if isinstance(value, bytes))


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"[]", 422, "invalid_input"),
        (b"", 400, "malformed_json"),
        (b"{}", 400, "unknown_member"),
        (b"[" * 5_000, 400, "malformed_json"),
        (json.dumps([{}] * 2_001).encode(), 422, "too_many_people"),
    ],
    ids=["nobody", "nothing", "an object", "deep", "too many"],
)
def test_a_body_that_cannot_be_meant_changes_nothing(world, operator, body, status, code):
    answer = world.http.post("/v1/people", headers=operator, content=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert count(world) == 0


@pytest.mark.parametrize("key", ["x" * 129, "a b", "张".encode()])
def test_a_malformed_key_is_refused(world, operator, key):
    answer = world.http.post(
        "/v1/people", headers={**operator, "Idempotency-Key": key}, json=[people.values(0)]
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_idempotency_key")


def test_a_search_answers_ids_and_stands_in_the_history_of_whoever_is_found(world, operator, investigator):
    results = write(world, operator, [people.values(0), people.values(1)]).json()["results"]
    rows = [
        {"phone": hashlib.sha1(people.phone(0).encode()).hexdigest()},
        {"email": "USER1@example.com"},
        {"phone": people.phone(9)},
    ]

    answer = world.http.post(
        "/v1/people/find", headers=investigator, json={"reason": "leak_investigation", "rows": rows}
    )

    found = [[one["subject"] for one in row["found"]] for row in answer.json()["results"]]
    assert found == [[results[0]["subject"]], [results[1]["subject"]], []]
    assert people.phone(0) not in answer.text
    subject = decode_subject(results[0]["subject"])
    with world.vault.data.read() as conn:
        who = sign_in(conn, results[0]["key"])
        (event,) = staff_events(conn, who.bucket, subject)
    assert (event.kind, event.reason) == ("staff_looked_up", "leak_investigation")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"reason": "leak_investigation", "rows": []}, "bad_dual_request"),
        ({"reason": "leak_investigation", "rows": [{}]}, "bad_dual_request"),
        ({"reason": "curiosity", "rows": [{"phone": "1"}]}, "unknown_member"),
        ({"rows": [{"phone": "1"}]}, "unknown_member"),
    ],
    ids=["no rows", "an empty row", "no reason of ours", "no reason"],
)
def test_a_search_without_a_reason_or_a_row_is_refused(world, investigator, body, code):
    answer = world.http.post("/v1/people/find", headers=investigator, json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_an_alarm_is_listed_for_operators_and_seen_once(world, operator, investigator):
    from consent.people.honey import plant
    from consent.people.keeping import NewPerson

    plant(world.vault, [NewPerson(people.values(7))], world.clock())
    body = {"reason": "leak_investigation", "rows": [{"phone": people.phone(7)}]}
    assert world.http.post("/v1/people/find", headers=investigator, json=body).status_code == 200

    (alarm,) = world.http.get("/v1/alarms", headers=operator).json()
    seen = world.http.post(f"/v1/alarms/{alarm['id']}/seen", headers=operator)
    (after,) = world.http.get("/v1/alarms", headers=operator).json()

    assert (alarm["source"], alarm["seen_at"], seen.status_code) == ("find", None, 204)
    assert after["seen_by"].startswith("operator/")
    unknown = alarm["id"][:-4] + "aaaa"
    assert world.http.post(f"/v1/alarms/{unknown}/seen", headers=operator).status_code in {400, 404}
