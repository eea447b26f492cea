"""Marks over HTTP: other bytes for each recipient, the same for each again, and what is stored for whoever wants that."""

import pytest

from consent.marks import tolerance
from consent.marks.carriers import CARRIERS
from vault.fields import FIELDS

MARKED = [code for code, field in CARRIERS.items() if field in {"phone", "email"}]


@pytest.fixture
def marked(world):
    tolerance.allow(world.vault, "account", MARKED, world.clock())
    return world


def values(number):
    return {
        "name": "李小四",
        "phone": f"139{number:04d}5678",
        "email": f"li{number}@example.com",
    }


def served(app, person, **sent):
    details = app.details(datatypes=["name", "phone", "email"])
    return app.disclose(app.token_for(person, details), **sent)


def test_two_recipients_are_answered_in_other_bytes_of_the_same_meaning(marked):
    apps = [marked.app(), marked.app("Leaky Shop")]
    known = [values(number) for number in range(5)]
    persons = [marked.person(one) for one in known]

    copies = [[served(app, person).json()["data"] for person in persons] for app in apps]
    again = [served(apps[0], person).json()["data"] for person in persons]

    assert copies[0] != copies[1]
    assert again == copies[0]
    for copy in copies:
        for stored, got in zip(known, copy, strict=True):
            assert got["name"] == stored["name"]
            assert got["phone"] != stored["phone"]
            assert {code: FIELDS[code].canonical(got[code]) for code in ("phone", "email")} == {
                code: stored[code] for code in ("phone", "email")
            }


def test_a_retry_is_answered_byte_for_byte_and_opting_out_holds_from_the_next_time_on(marked):
    app, person = marked.app(), marked.person(values(1))
    token = app.token_for(person, app.details(uses={"max": 2, "batch": 2}))
    first = app.disclose(token, idempotency_key="k")
    page = person.get("/en/account")

    chosen = person.post("/en/account/marks", {"csrf": person.csrf(page), "as": "exact"})
    again = app.disclose(token, idempotency_key="k")
    exact = app.disclose(token)
    shown = person.get("/en/account")
    wrong = person.post("/en/account/marks", {"csrf": person.csrf(shown), "as": "otherwise"})
    person.post("/en/account/marks", {"csrf": person.csrf(shown), "as": "marked"})

    assert (chosen.status_code, chosen.headers["location"]) == (303, "/en/account")
    assert first.content == again.content
    assert first.json()["data"]["phone"] != values(1)["phone"] == exact.json()["data"]["phone"]
    assert "exactly as it is stored." in shown.text
    assert wrong.status_code == 400
    assert not tolerance.opted_out(marked.vault, person.created.subject)


def test_the_rules_are_published_in_words(marked):
    rules = marked.http.get("/v1/marking-rules").json()

    assert rules["purposes"] == {"account": sorted(MARKED)}
    assert set(rules["carriers"]) == set(CARRIERS)
    assert all(one["en"] != one["zh-CN"] for one in rules["carriers"].values())
