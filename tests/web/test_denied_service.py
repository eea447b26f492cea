"""Nobody may refuse a service for want of what it does not need: a person says so, and it is on record (PIPL 16)."""

import re

import pytest
from sqlalchemy import delete, select, update

from consent.grants import service_denials
from consent.recipients.track_records import FEWEST, YEAR_MS, recount
from consent.schema.service_denial_tables import service_denial
from tests.vault.people import made_up as people

BUTTON = re.compile(r'action="(/en/grants/gr_\w+/service-denied)"')


def without_phone(app):
    return app.details(datatypes=["name"], optional_datatypes=["phone"])


def rows(world):
    with world.vault.data.read() as conn:
        return conn.execute(select(service_denial)).all()


def say(person):
    page = person.get("/en/grants")
    return person.post(BUTTON.search(page.text)[1], {"csrf": person.csrf(page)})


def record(world, app):
    recount(world.vault, world.clock())
    return world.http.get(f"/v1/recipients/{app.recipient_id}/record").json()["service_denied"]


def test_who_kept_back_what_was_optional_says_that_they_were_refused_for_it_and_it_is_on_record(world):
    app, person = world.app(), world.person()
    token = app.token_for(person, without_phone(app))

    first = say(person)
    page = person.get("/en/grants").text

    assert first.status_code == 303
    (row,) = rows(world)
    assert (row.recipient_id, row.fields, row.said_at) == (app.recipient_id, '["phone"]', world.clock())
    assert "refused you their service without: Mobile number" in page
    assert not BUTTON.search(page)
    assert app.disclose(token).json()["data"].keys() == {"name"}  # nothing of the permission changed
    copy = person.post("/en/copy", {"as": "file", "csrf": person.csrf(person.get("/en/grants"))}).json()
    assert copy["permissions"][0]["service_denied"]["fields"] == ["phone"]


def test_what_is_necessary_by_the_recipients_word_is_no_violation_to_record(world):
    app, person, other = world.app(), world.person(), world.person(people.values(2))
    app.token_for(person, without_phone(app), tick=("phone",))
    app.token_for(person)
    assert person.decide(app.authorize_path(without_phone(app)), "refuse")["error"] == "access_denied"
    app.token_for(other, without_phone(app))
    theirs = BUTTON.search(other.get("/en/grants").text)[1]

    page = person.get("/en/grants")

    assert not BUTTON.search(page.text)
    grants = re.findall(r'id="(gr_\w+)"', page.text)
    for path in [theirs, *(f"/en/grants/{one}/service-denied" for one in grants)]:
        assert person.post(path, {"csrf": person.csrf(page)}).status_code == 404
    assert len(grants) == 3
    assert rows(world) == []


def test_it_is_said_once_and_never_unsaid(world):
    app, person = world.app(), world.person()
    app.token_for(person, without_phone(app))
    page = person.get("/en/grants")
    path = BUTTON.search(page.text)[1]

    for _ in range(2):
        assert person.post(path, {"csrf": person.csrf(page)}).status_code == 303
        world.clock.pass_seconds(1)

    (row,) = rows(world)
    assert row.said_at == world.clock() - 2_000
    for change in (update(service_denial).values(fields='["name"]'), delete(service_denial)):
        with pytest.raises(Exception, match="append-only"), world.vault.data.write() as conn:
            conn.execute(change)


def test_five_people_and_no_fewer_show_in_the_record(world):
    app = world.app()
    shown = []
    for number in range(FEWEST):
        person = world.person(people.values(10 + number))
        for _ in range(2):  # two consents of one person count once
            app.token_for(person, without_phone(app))
            with world.vault.data.write() as conn:
                who = (person.created.bucket, person.created.subject)
                for grant_id in service_denials.left_off(conn, who):
                    assert service_denials.say(conn, who, grant_id, world.clock())
        shown.append(record(world, app))

    assert shown == [0] * (FEWEST - 1) + [FEWEST]
    _, page = world.person().open_request(app.authorize_path())
    assert f"{FEWEST} people said in the last year" in page.text
    world.clock.pass_seconds(YEAR_MS / 1000)
    assert record(world, app) == 0
