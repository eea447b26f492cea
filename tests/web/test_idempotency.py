"""One Idempotency-Key, one request: what comes under it again is the same or is told that it is not (consent.md
§3, 38, 39).
"""

import pytest
from sqlalchemy import func, select

from consent.schema.tables import disclosure


@pytest.fixture
def ready(world):
    app, person = world.app(), world.person()
    return app, app.token_for(person, app.details(uses={"max": 3, "batch": 3}))


def count(world):
    with world.vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(disclosure)).scalar_one()


def test_the_same_key_with_another_body_is_told_so_and_spends_nothing(world, ready):
    app, token = ready
    first = app.disclose(token, idempotency_key="order-7")

    other = app.disclose(token, idempotency_key="order-7", body={"fields": ["name"]})
    same = app.disclose(token, idempotency_key="order-7")

    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert "data" not in other.json()
    assert (same.status_code, same.content) == (200, first.content)
    assert count(world) == 1


def test_the_same_key_for_another_token_is_told_so_and_spends_nothing(world, ready):
    app, token = ready
    other = app.token_for(world.person({"name": "李小四", "phone": "13912345678"}))
    assert app.disclose(token, idempotency_key="order-7").status_code == 200

    answer = app.disclose(other, idempotency_key="order-7")

    if answer.status_code == 200:  # a person of another bucket: there the key was free
        assert world.vault.installation.buckets.many > 1
        return
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert app.disclose(other).status_code == 200
