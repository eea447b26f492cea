"""One press, and everything that hangs on it: introspection, the event at its recipient, the chained receipt."""

import base64
import hashlib
import json
import re

import pytest
from sqlalchemy import update

from api.jobs.courier import Courier
from api.jobs.event_queue import EventQueue
from api.outward.fetching import Answer
from consent.schema.tables import recipient
from tests.flow.installation import payload_of

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
URI = "https://app.example/events"


def introspected(world, app, token):
    return world.http.post("/introspect", data={**app.identity(), "token": token}).json()


def test_after_the_press_the_token_is_dead_the_recipient_knows_and_the_receipt_is_chained(world):
    app, person = world.app(), world.person()
    with world.vault.data.write() as conn:
        conn.execute(update(recipient).values(event_uri=URI))
    spent, token = app.token_for(person), app.token_for(person)
    assert app.disclose(spent).status_code == 200
    assert introspected(world, app, token)["active"]

    mine = person.get("/me/grants").json()
    ended = person.post("/me/withdrawals", {"csrf": mine["csrf"], "everything": "yes"}).json()["withdrawn"]

    assert introspected(world, app, token)["active"] is False
    assert app.disclose(token).status_code == 401
    got = delivered(world)
    assert {url for url, _ in got} == {URI}
    said = [claims["events"]["urn:perusal:event:withdrawn"] for _, claims in got]
    assert {one["grant_id"] for one in said} == {one["grant_id"] for one in ended}
    assert sorted(len(one["duties"]) for one in said) == [1, 2]
    for one in ended:
        chain = person.get(f"/me/grants/{one['grant_id']}/receipts").json()["receipts"]
        assert chain[-1] == one["receipt"]
        assert payload_of(chain[-1])["prev"] == digest(chain[-2])
    assert len(re.findall("and confirmed, on", person.get("/en/grants").text)) == 2


def delivered(world):
    """What a courier pushed, acknowledged by a recipient in this process."""
    got = []

    def post(url, body, _headers):
        got.append((url, payload_of(body.decode())))
        return Answer(status=202, content_type="", body=b"")

    assert Courier(EventQueue(world.vault, post), world.clock, lambda: 0.0).deliver_due() == 2
    return got


def digest(token):
    part = token.split(".")[1]
    raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    assert json.loads(raw)["record"]["schema_version"] == "ISO/IEC TS 27560:2023"
    return "sha-256:" + base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")
