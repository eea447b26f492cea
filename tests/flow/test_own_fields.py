"""An operator's own fields over HTTP: asked for where they are offered, approved by name, answered as they are kept."""

import pytest

from consent.marks import tolerance
from consent.marks.low_digits import CODES, DECIMALS, FRACTION, SECOND
from consent.wording import own_fields, purposes
from tests.flow.installation import START, open_world
from tests.measured import FIELDS, kept, measured, values


@pytest.fixture
def world(vault, tmp_path):
    with vault.data.write() as conn:
        purposes.seed(conn)
    made = open_world(measured(vault, START), tmp_path)
    with made.http:
        yield made


def person_values(number):
    return {"name": "李小四", "phone": f"139{number:04d}5678", **values(number)}


def test_an_offered_field_is_approved_by_its_name_and_answered_as_it_is_kept(world):
    app, person = world.app(), world.person(person_values(1))
    details = app.details(datatypes=["name", *FIELDS])
    _, page = person.open_request(app.authorize_path(details))

    answer = app.disclose(app.token_for(person, details))

    assert "Last visit" in page.text
    assert "Where the door is" in page.text
    assert answer.json()["data"] == {"name": "李小四", **kept(1)}


def test_a_field_that_is_offered_elsewhere_or_no_more_cannot_be_asked_for_and_what_was_granted_stands(world):
    app, person = world.app(), world.person(person_values(2))
    shop = world.app("Other Shop", "payment")
    details = app.details(datatypes=["x_visit"])
    token = app.token_for(person, details)

    assert own_fields.withhold(world.vault, "account", "x_visit", world.clock())
    assert not own_fields.withhold(world.vault, "account", "x_visit", world.clock())
    refused = [app.push(details), shop.push(shop.details(datatypes=["x_door"]))]
    own_fields.offer(world.vault, "account", "x_visit", world.clock())

    for answer in refused:
        assert answer.status_code == 400
        assert "details.excess_field" in answer.text
    assert app.push(details).status_code == 201
    assert set(app.disclose(token).json()["data"]) == {"x_visit"}


def test_digits_beyond_the_precision_are_other_ones_for_each_recipient_and_published_to_mean_nothing(world):
    tolerance.allow(world.vault, "account", (SECOND, FRACTION, DECIMALS), world.clock())
    apps = [world.app(), world.app("Leaky Shop")]
    person = world.person(person_values(3))

    def served(app, **sent):
        details = app.details(datatypes=list(FIELDS))
        return app.disclose(app.token_for(person, details), **sent).json()["data"]

    copies = [served(app) for app in apps]
    again = [served(app) for app in apps]
    page = person.get("/en/account")
    person.post("/en/account/marks", {"csrf": person.csrf(page), "as": "exact"})
    exact = served(apps[0])
    rules = world.http.get("/v1/marking-rules").json()

    assert copies == again
    assert copies[0] != copies[1]
    for code in FIELDS:
        field = world.vault.catalogue.field(code)
        assert {field.canonical(copy[code]) for copy in copies} == {kept(3)[code]}
        assert kept(3)[code] not in {copy[code] for copy in copies}
    assert exact == kept(3)
    assert rules["measured"]["x_visit"] == {
        "kind": "moment",
        "precision": "minute",
        "en": "Last visit",
        "zh-CN": "最近一次到访",
    }
    assert rules["measured"]["x_door"]["precision"] == "4"
    assert {code: rules["carriers"][code]["field"] for code in CODES} == {
        code: of.value for code, of in CODES.items()
    }
