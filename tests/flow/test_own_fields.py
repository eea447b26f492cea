"""An operator's own fields over HTTP: asked for where they are offered, approved by name, answered as they are kept."""

import pytest

from consent.wording import own_fields
from tests.flow.measured import FIELDS, measured_world, person_values


@pytest.fixture
def world(vault, tmp_path):
    made = measured_world(vault, tmp_path)
    with made.http:
        yield made


def test_an_offered_field_is_approved_by_its_name_and_answered_as_it_is_kept(world):
    app, person = world.app(), world.person(person_values(1))
    details = app.details(datatypes=["name", *FIELDS])
    _, page = person.open_request(app.authorize_path(details))

    answer = app.disclose(app.token_for(person, details))

    assert "Last visit" in page.text
    assert "Where the door is" in page.text
    assert answer.json()["data"] == {
        "name": "李小四",
        "x_visit": "2026-11-02T14:01:00Z",
        "x_door": "31.2305,121.4738",
    }


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
