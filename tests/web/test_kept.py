"""What is kept of a bulk write tells nobody who steals it what was written, and goes with the person."""

import hashlib
import json

import pytest
from sqlalchemy import select

from api.edge.access import Access
from api.edge.kept_tables import kept_person
from api.staff.erasing import order_erasure
from consent.erasure.orders import By, Reason
from tests.vault.people import made_up as people
from vault.ids import SubjectId


@pytest.fixture
def operator(world):
    return world.staff_key(Access.OPERATOR)


def write(world, operator):
    body = json.dumps([people.values(0)]).encode()
    headers = {**operator, "Idempotency-Key": "k-1", "Content-Type": "application/json"}
    assert world.http.post("/v1/people", headers=headers, content=body).status_code == 200
    return body


def kept(world):
    with world.vault.data.read() as conn:
        return conn.execute(select(kept_person)).all()


def test_the_body_cannot_be_guessed_from_what_is_kept_of_it(world, operator):
    body = write(world, operator)
    (row,) = kept(world)
    assert row.request_hash != hashlib.sha256(body).digest()


def test_nothing_is_kept_of_somebody_whose_erasure_is_ordered(world, operator):
    write(world, operator)
    (row,) = kept(world)
    order_erasure(
        world.vault, [SubjectId(row.subject)], By(actor="self", reason=Reason.REQUESTED), world.clock()
    )
    assert kept(world) == []
