"""When a person is erased, everybody who holds something is told to erase it, whichever way their consent ended."""

import base64
import json

import pytest
from sqlalchemy import select

from consent.delivery.events import ERASURE, REVOKED, WITHDRAWN
from consent.erasure.demands import demand_erasure
from consent.grants.annulling import Ruling, annul
from consent.ids import grant_text
from consent.redemption.disclose import Disclosure, disclose_many
from consent.schema.tables import event_outbox
from consent.withdrawal.withdraw import ERASURE as BY_ERASURE
from consent.withdrawal.withdraw import withdraw


@pytest.fixture
def used(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person, uses=3)
    assert isinstance(disclose_many(world.vault, [world.request(issued)], world.now)[0], Disclosure)
    return app, person, issued


def events(world):
    with world.vault.data.read() as conn:
        bodies = conn.execute(select(event_outbox.c.body)).scalars().all()
    parts = [body.split(".")[1] for body in bodies]
    return [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts]


def end(world, issued, authority=None):
    assert annul(world.vault, issued.grant_id, Ruling(reason="a test", authority=authority), world.now)


def demand(world, person):
    with world.vault.data.write() as conn:
        return demand_erasure(conn, world.vault, [(person.bucket, person.subject)], world.now)


def test_a_withdrawal_by_erasure_says_both_in_one_event(world, used):
    _, person, issued = used
    withdraw(world.vault, person.subject, person.bucket, issued.grant_id, world.now, channel=BY_ERASURE)

    (said,) = events(world)

    assert set(said["events"]) == {WITHDRAWN, ERASURE}
    assert said["events"][ERASURE]["duties"] == said["events"][WITHDRAWN]["duties"]
    assert demand(world, person) == 0


@pytest.mark.parametrize("authority", [None, "A Court"])
def test_whoever_holds_something_from_a_consent_that_ended_otherwise_is_told_once(world, used, authority):
    app, person, issued = used
    end(world, issued, authority)

    assert [demand(world, person), demand(world, person)] == [1, 0]

    _, said = events(world)
    assert said["aud"] == app.client.recipient.id
    assert said["events"][ERASURE]["grant_id"] == grant_text(issued.grant_id)
    assert said["events"][ERASURE]["duties"][1].startswith("erase_by:")


def test_whoever_received_nothing_is_not_told_to_erase_it(world):
    app, person = world.app(), world.person()
    end(world, world.token(app, person))

    assert demand(world, person) == 0
    (said,) = events(world)
    assert said["events"][REVOKED]["duties"] == ["stop"]
