"""The outbox: leased, acknowledged once, tried again with growing waits, given up visibly, and sent again when asked."""

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from consent.outbox import (
    DEADLINE_MS,
    FIRST_WAIT_MS,
    LEASE_MS,
    LONGEST_WAIT_MS,
    OVERDUE_MS,
    Outcome,
    Result,
    again,
    give_up,
    next_attempt,
    overdue,
    settle,
    standing,
    take,
)
from consent.tables import event_outbox, recipient
from consent.withdraw import withdraw

URI = "https://app.example/events"
DELIVERED, REFUSED, FAILED = (
    Outcome(result=Result.DELIVERED),
    Outcome(result=Result.REFUSED, code="invalid_key"),
    Outcome(result=Result.FAILED, code="timeout"),
)


@pytest.fixture
def queued(world):
    """A person, their app, and the grant whose withdrawal is queued."""
    app, person = world.app(), world.person()
    issued = world.token(app, person)
    reachable(world, URI)
    withdraw(world.vault, person.subject, person.bucket, issued.grant_id, world.now)
    return person, app, issued.grant_id


def reachable(world, uri):
    with world.vault.data.write() as conn:
        conn.execute(update(recipient).values(event_uri=uri))


def due(world, limit=16):
    return take(world.vault.data, world.now, limit)


def row(world):
    with world.vault.data.read() as conn:
        return conn.execute(select(event_outbox)).one()


def late(world):
    with world.vault.data.read() as conn:
        return overdue(conn, world.now)


def told(world, person, grant):
    with world.vault.data.read() as conn:
        return standing(conn, person.bucket, [grant], world.now)[grant][0]


def test_an_event_is_leased_by_one_taker_and_free_again_after_the_lease(world, queued):
    (first,) = due(world)

    assert (first.event_uri, first.attempts) == (URI, 1)
    assert due(world) == []
    world.tick(LEASE_MS)
    (second,) = due(world)
    assert (second.id, second.attempts, second.body) == (first.id, 2, first.body)


def test_an_acknowledged_event_is_never_sent_again_and_never_unacknowledged(world, queued):
    person, _, grant = queued
    settle(world.vault.data, due(world)[0], DELIVERED, world.now, 0.0)

    world.tick(2 * DEADLINE_MS)
    assert due(world) == late(world) == []
    assert told(world, person, grant).delivered_at == row(world).delivered_at
    for change in ({"delivered_at": None}, {"delivered_at": 1}, {"body": "x"}, {"failed_at": 1}):
        with pytest.raises(DBAPIError), world.vault.data.write() as conn:
            conn.execute(update(event_outbox).values(change))


def test_a_failure_is_tried_again_after_a_wait_that_doubles(world, queued):
    waits = []
    for _ in range(4):
        (one,) = due(world)
        assert not settle(world.vault.data, one, FAILED, world.now, 0.0)
        waits.append(row(world).next_at - world.now)
        world.now = row(world).next_at

    assert waits == [FIRST_WAIT_MS * 2**turn for turn in range(4)]
    assert row(world).code == "timeout"


def test_the_wait_is_capped_scattered_and_ends_at_the_deadline():
    assert next_attempt(40, 0, 1_000, 0.0) == 1_000 + LONGEST_WAIT_MS
    assert next_attempt(1, 0, 1_000, 1.0) == 1_000 + FIRST_WAIT_MS // 2
    assert next_attempt(1, 0, DEADLINE_MS, 0.0) is None
    assert next_attempt(1, 0, DEADLINE_MS - FIRST_WAIT_MS, 0.0) == DEADLINE_MS


def test_after_a_week_of_failures_an_event_has_failed_and_stays_visible(world, queued):
    person, app, grant = queued
    attempts = 0
    while found := due(world):
        attempts += 1
        if settle(world.vault.data, found[0], FAILED, world.now, 0.0):
            break
        world.now = row(world).next_at

    assert 15 < attempts < 60
    assert world.now <= row(world).created_at + DEADLINE_MS
    (line,) = late(world)
    assert (line.recipient_id, line.count, line.failed, line.code) == (
        app.client.recipient.id,
        1,
        1,
        "timeout",
    )
    assert told(world, person, grant).overdue


def test_a_refusal_is_recorded_with_its_code_and_not_sent_again_by_itself(world, queued):
    assert settle(world.vault.data, due(world)[0], REFUSED, world.now, 0.0)

    world.tick(LEASE_MS)
    assert due(world) == []
    (line,) = late(world)
    assert (line.failed, line.code, line.kind) == (1, "invalid_key", "withdrawn")


def test_an_operator_sends_what_failed_once_more(world, queued):
    _, app, _ = queued
    settle(world.vault.data, due(world)[0], REFUSED, world.now, 0.0)

    with world.vault.data.write() as conn:
        assert again(conn, "org_other", world.now) == 0
        assert again(conn, app.client.recipient.id, world.now) == 1

    settle(world.vault.data, due(world)[0], DELIVERED, world.now, 0.0)
    assert late(world) == []


def test_an_event_is_overdue_an_hour_after_it_happened_and_not_before(world, queued):
    person, _, grant = queued
    due(world)

    world.tick(OVERDUE_MS - 1)
    assert late(world) == []
    assert not told(world, person, grant).overdue
    world.tick(1)
    assert len(late(world)) == 1
    assert told(world, person, grant).overdue


def test_an_event_without_an_address_waits_for_one_and_is_given_up_after_a_week(world, queued):
    reachable(world, None)
    assert due(world) == []
    world.tick(OVERDUE_MS)
    assert [line.code for line in late(world)] == ["no_address"]
    assert give_up(world.vault.data, world.now) == 0

    reachable(world, URI)
    assert len(due(world)) == 1
    reachable(world, None)
    world.tick(DEADLINE_MS)
    assert give_up(world.vault.data, world.now) == 1
    assert row(world).failed_at == world.now


def test_a_late_answer_does_not_undo_what_another_server_was_told(world, queued):
    (slow,) = due(world)
    world.tick(LEASE_MS)
    (fast,) = due(world)
    settle(world.vault.data, fast, DELIVERED, world.now, 0.0)

    settle(world.vault.data, slow, REFUSED, world.now, 0.0)

    assert (row(world).delivered_at, row(world).failed_at) == (world.now, None)
