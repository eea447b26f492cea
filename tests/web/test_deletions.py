"""A recipient's proof of deletion: signed, once for each event, shown to the person, and nobody else's."""

import json
import re

import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from sqlalchemy import select, update

from consent.ids import event_text
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.tables import entry
from consent.schema.tables import deletion_proof, event_outbox
from consent.withdrawal.deletions import STATEMENT_TYPE

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def ended(world):
    """A person, their app, and the permission that was used once and withdrawn."""
    app, person = world.app(), world.person()
    app.disclose(app.token_for(person))
    grant = re.search(r"/grants/(gr_\w+)/withdraw", person.get("/en/grants").text)[1]
    world.clock.pass_seconds(10)
    person.withdraw(grant)
    return person, app, grant


def event(world):
    with world.vault.data.read() as conn:
        return event_text(conn.execute(select(event_outbox.c.id)).scalar_one())


def statement(world, app, grant, *, key=None, typ=STATEMENT_TYPE, **changes):
    claims = {
        "iss": app.client_id,
        "aud": world.issuer,
        "iat": app.now_s,
        "grant_id": grant,
        "event_id": event(world),
        "erased_at": app.now_s,
        "method": "crypto_erased",
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    return jws.serialize_compact({"alg": "ES256", "typ": typ}, json.dumps(claims), key or app.key)


def report(world, app, text):
    return world.http.post("/v1/deletions", data={**app.identity(), "statement": text})


def test_a_statement_is_kept_as_it_came_ledgered_and_shown_to_the_person(world, ended):
    person, app, grant = ended
    said = statement(world, app, grant)

    answer = report(world, app, said)

    assert answer.status_code == 201, answer.text
    assert (answer.json()["grant_id"], answer.json()["method"]) == (grant, "crypto_erased")
    with world.vault.data.read() as conn:
        row = conn.execute(select(deletion_proof)).one()
        body = conn.execute(select(entry.c.body).where(entry.c.id == row.id)).scalar_one()
    assert row.statement == said
    assert parse(body).kind is Kind.ERASE
    assert "Says it erased your data on" in person.get("/en/grants").text


def test_saying_the_same_again_is_answered_alike_and_saying_otherwise_is_refused(world, ended):
    _, app, grant = ended
    first = report(world, app, statement(world, app, grant))
    world.clock.pass_seconds(5)

    again = report(world, app, statement(world, app, grant, erased_at=app.now_s - 5))
    other = report(world, app, statement(world, app, grant, method="deleted"))

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert again.json() == first.json()
    with world.vault.data.read() as conn:
        assert len(conn.execute(select(deletion_proof)).all()) == 1


BAD = [
    {"aud": "https://elsewhere.example"},
    {"iss": "app_other"},
    {"method": "forgotten"},
    {"method": ["deleted"]},
    {"erased_at": None},
    {"erased_at": "now"},
    {"erased_at": True},
    {"grant_id": "gr_x"},
    {"grant_id": 7},
    {"event_id": "ds_x"},
    {"extra": "member"},
    {"typ": "JWT"},
    {"key": ECKey.generate_key("P-256")},
]


@pytest.mark.parametrize("changes", BAD)
def test_a_statement_that_is_not_exactly_one_is_refused_and_nothing_is_kept(world, ended, changes):
    _, app, grant = ended

    answer = report(world, app, statement(world, app, grant, **changes))

    assert (answer.status_code, answer.json()["code"]) == (400, "deletion.statement")
    with world.vault.data.read() as conn:
        assert conn.execute(select(deletion_proof)).all() == []


def test_nothing_can_have_been_erased_before_it_was_received_or_in_the_future(world, ended):
    _, app, grant = ended

    for erased_at in (app.now_s - 60, app.now_s + 60):
        answer = report(world, app, statement(world, app, grant, erased_at=erased_at))
        assert (answer.status_code, answer.json()["code"]) == (400, "deletion.time")


def test_nobody_reports_for_another_recipient_or_about_another_grant(world, ended):
    _, app, grant = ended
    other, someone = (
        world.app("Corner Shop", "marketing"),
        world.person({"name": "李四", "phone": "13912341234"}),
    )
    other.token_for(someone)
    theirs = re.search(r"/grants/(gr_\w+)/withdraw", someone.get("/en/grants").text)[1]

    for answer in (
        report(world, other, statement(world, other, grant)),
        report(world, app, statement(world, app, theirs)),
        report(world, app, statement(world, app, grant, event_id=event_text(b"\0" * 16))),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "deletion.unknown_event")


def test_a_caller_who_does_not_prove_who_it_is_is_turned_away(world, ended):
    _, app, grant = ended

    answer = world.http.post("/v1/deletions", data={"statement": statement(world, app, grant)})

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_the_page_says_whether_the_recipient_was_told(world, ended):
    person, *_ = ended
    assert "Being told to stop" in person.get("/en/grants").text

    world.clock.pass_seconds(3600)
    person.sign_in()
    assert "has not confirmed" in person.get("/en/grants").text

    with world.vault.data.write() as conn:
        conn.execute(update(event_outbox).values(delivered_at=world.clock()))
    assert "and confirmed, on" in person.get("/en/grants").text
