"""The outbox: leased, shared out, acknowledged once, tried again with growing waits, given up visibly, sent
again when asked.
"""

from dataclasses import replace

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from consent.delivery.deliveries import LEASE_MS, Outcome, Result, Room, next_attempt
from consent.delivery.outbox import (
    DEADLINE_MS,
    OVERDUE_MS,
    PACE,
    again,
    give_up,
    overdue,
    settle,
    standing,
    take,
)
from consent.schema.tables import event_outbox, recipient
from consent.withdrawal.withdraw import withdraw

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


def due(world, **room):
    return take(world.vault, world.now, Room(**room))


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


def test_whoever_finds_nothing_due_waits_for_no_writer(world, queued):
    due(world)

    with world.vault.data.write():
        assert due(world) == []


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

    assert waits == [PACE.first_ms * 2**turn for turn in range(4)]
    assert row(world).code == "timeout"


def test_the_wait_is_capped_scattered_and_ends_at_the_deadline():
    assert next_attempt(PACE, 40, DEADLINE_MS, 1_000, 0.0) == 1_000 + PACE.longest_ms
    assert next_attempt(PACE, 1, DEADLINE_MS, 1_000, 1.0) == 1_000 + PACE.first_ms // 2
    assert next_attempt(PACE, 1, DEADLINE_MS, DEADLINE_MS, 0.0) is None
    assert next_attempt(PACE, 1, DEADLINE_MS, DEADLINE_MS - PACE.first_ms, 0.0) == DEADLINE_MS


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


def test_what_is_sent_once_more_begins_its_week_and_its_waits_anew(world, queued):
    _, app, _ = queued
    while found := due(world):
        if settle(world.vault.data, found[0], FAILED, world.now, 0.0):
            break
        world.now = row(world).next_at
    world.tick(30 * DEADLINE_MS)
    with world.vault.data.write() as conn:
        again(conn, app.client.recipient.id, world.now)

    (one,) = due(world)
    assert (one.attempts, one.since) == (1, world.now)
    assert not settle(world.vault.data, one, FAILED, world.now, 0.0)
    assert row(world).next_at == world.now + PACE.first_ms
    assert late(world)[0].since == row(world).created_at, "it is overdue since it happened"


def test_whoever_held_an_event_before_it_was_sent_once_more_has_no_say_in_it(world, queued):
    _, app, _ = queued
    (old,) = due(world)
    world.tick(LEASE_MS)
    settle(world.vault.data, due(world)[0], REFUSED, world.now, 0.0)
    with world.vault.data.write() as conn:
        again(conn, app.client.recipient.id, world.now)
    before = row(world)

    assert not settle(world.vault.data, old, REFUSED, world.now, 0.0)

    assert row(world) == before


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


@pytest.mark.parametrize("outcome", [REFUSED, FAILED])
def test_a_late_failure_does_not_touch_what_another_server_holds(world, queued, outcome):
    (slow,) = due(world)
    world.tick(LEASE_MS)
    due(world)
    before = row(world)

    assert not settle(world.vault.data, slow, outcome, world.now, 0.0)

    assert row(world) == before


def test_a_late_acknowledgement_stands_whatever_another_server_was_told(world, queued):
    (slow,) = due(world)
    world.tick(LEASE_MS)
    (fast,) = due(world)
    assert settle(world.vault.data, fast, REFUSED, world.now, 0.0)

    settle(world.vault.data, slow, DELIVERED, world.now, 0.0)

    assert (row(world).delivered_at, row(world).failed_at, row(world).code) == (world.now, None, None)
    assert late(world) == []


def test_a_lease_that_ran_out_and_was_taken_by_nobody_still_counts(world, queued):
    (one,) = due(world)
    world.tick(2 * LEASE_MS)

    assert settle(world.vault.data, one, REFUSED, world.now, 0.0)

    assert row(world).failed_at == world.now


@pytest.fixture
def crowd(world):
    """Three recipients with four events each, in the order of their ids."""
    apps = [world.app(name=f"Parcel {number}") for number in range(3)]
    person = world.person()
    given = [world.token(app, person) for app in apps for _ in range(4)]
    reachable(world, URI)
    for one in given:
        withdraw(world.vault, person.subject, person.bucket, one.grant_id, world.now)
    return sorted(app.client.recipient.id for app in apps)


def test_each_recipient_has_its_share_of_a_round_and_no_more(world, crowd):
    taken = [one.addressee for one in due(world, limit=16, share=2)]

    assert taken == [who for who in crowd for _ in range(2)]


def test_what_is_under_way_counts_towards_a_recipients_share(world, crowd):
    busy = {crowd[0]: 2, crowd[1]: 1}

    assert [one.addressee for one in due(world, limit=16, share=2, busy=busy)] == [
        crowd[1],
        crowd[2],
        crowd[2],
    ]


def test_recipients_that_found_no_room_are_the_first_of_the_next_round(world, crowd):
    rounds, after = [], ""
    for _ in range(6):
        taken = due(world, limit=2, share=2, after=after)
        after = taken[-1].addressee
        rounds.append(after)

    assert rounds == crowd * 2
    assert due(world) == []


def test_a_recipients_oldest_event_is_sent_first(world, queued):
    person, app, _ = queued
    world.tick(1)
    newer = world.token(app, person)
    withdraw(world.vault, person.subject, person.bucket, newer.grant_id, world.now)

    first, second = due(world, share=1), due(world, share=1)

    assert first[0].since < second[0].since


def test_leases_are_counted_upwards_and_a_body_is_signed_once(world, queued):
    (one,) = due(world)
    assert one.lease == 1
    for change in (
        {"lease": 0},
        {"lease": 1},
        {"body": None},
        {"grant_id": None},
        {"suspension_id": "sus_x"},
    ):
        with pytest.raises(DBAPIError), world.vault.data.write() as conn:
            conn.execute(update(event_outbox).values(change))


def test_a_settlement_under_a_lease_of_nobody_changes_nothing(world, queued):
    (one,) = due(world)
    before = row(world)

    settle(world.vault.data, replace(one, lease=one.lease + 1), REFUSED, world.now, 0.0)

    assert row(world) == before
