"""A person's own view, and the set-based questions a trace asks."""

import pytest

from consent.approving.approve import refuse
from consent.exposure import (
    count_disclosed,
    grants_behind,
    held_by,
    received_before,
    received_version,
    recipient_field_totals,
    recipient_totals,
    undisclosed,
)
from consent.grants import history
from consent.grants.timeline import EventKind, timeline
from consent.redemption.disclose import disclose_many
from consent.withdrawal.withdraw import withdraw


def use(world, app, person, **changes):
    answer = disclose_many(world.vault, [world.request(world.token(app, person, **changes))], world.now)[0]
    world.tick(1000)
    return answer.disclosed


def test_the_timeline_tells_the_story_newest_first_and_only_to_its_person(world):
    app, (person, other) = world.app(), world.people(2)
    issued = world.token(app, person, uses=2)
    use(world, app, other)
    disclose_many(world.vault, [world.request(issued)], world.now)
    world.tick(1000)
    disclose_many(world.vault, [world.request(issued, jkt="x" * 43)], world.now)
    world.tick(1000)
    refuse(world.vault, person, world.show(app, person).id, world.now)
    world.tick(1000)
    withdraw(world.vault, person.subject, person.bucket, issued.grant_id, world.now)

    with world.vault.data.read() as conn:
        events = timeline(conn, person.bucket, person.subject)

    assert [event.kind for event in events] == [
        EventKind.WITHDRAWN,
        EventKind.REFUSED,
        EventKind.DENIED,
        EventKind.USED,
        EventKind.APPROVED,
    ]
    assert {event.recipient for event in events} == {"Swift Parcel Ltd"}
    assert (events[2].code, events[2].count) == ("wrong_key", 1)
    assert events[3].fields == ("name", "phone")


def test_grants_and_uses_are_listed_and_found_by_their_owner_only(world):
    app, (person, other) = world.app(), world.people(2)
    used = use(world, app, person, uses=3)

    with world.vault.data.read() as conn:
        (line,) = history.grants(conn, person.bucket, person.subject)
        (read,) = history.uses(conn, person.bucket, person.subject)
        assert history.grant(conn, person.bucket, person.subject, line.id) == line
        assert history.use(conn, person.bucket, person.subject, read.id) == read
        assert history.grant(conn, person.bucket, other.subject, line.id) is None
        assert history.use(conn, person.bucket, other.subject, read.id) is None
        assert timeline(conn, other.bucket, other.subject) == []

    assert (line.used, line.max_uses, line.withdrawable) == (1, 3, True)
    assert (read.id, read.slot, read.quota, read.redelivered) == (used.disclosure_id, 1, 3, 0)
    assert (read.log.bucket, read.idx) == (used.bucket, used.position.idx)


@pytest.fixture
def spread(world):
    """Two apps; a gave both fields to both apps over time, b only to the second, c to nobody."""
    world.first, world.second = world.app(name="First Ltd"), world.app(name="Second Ltd")
    a, b, c = world.people(3)
    world.start = world.now
    return (
        a,
        b,
        c,
        [
            use(world, world.first, a),
            use(world, world.second, a, datatypes=["phone"]),
            use(world, world.second, b),
        ],
    )


def test_who_had_received_a_field_before_an_instant(world, spread):
    a, b, c, (first, second, third) = spread
    one, two = world.first.client.recipient.id, world.second.client.recipient.id
    people = [(p.bucket, p.subject, field) for p in (a, b, c) for field in ("name", "phone", "email")]

    with world.vault.data.read() as conn:
        everything = received_before(conn, people, world.now)
        early = received_before(conn, people, second.committed_at)

    assert sorted((at, who, read) for at, who, read, _ in everything) == sorted(
        [
            (0, one, first.disclosure_id),
            (1, one, first.disclosure_id),
            (1, two, second.disclosure_id),
            (3, two, third.disclosure_id),
            (4, two, third.disclosure_id),
        ]
    )
    assert {(at, who) for at, who, _, _ in early} == {(0, one), (1, one)}


def test_who_had_received_exactly_a_version(world, spread):
    a, _, _, (first, second, _) = spread
    changed = second.committed_at
    versions = [
        (a.bucket, a.subject, "phone", world.start, changed),
        (a.bucket, a.subject, "phone", changed, None),
    ]

    with world.vault.data.read() as conn:
        rows = received_version(conn, versions, world.now)

    assert [(at, read) for at, _, read, _ in rows] == [(0, first.disclosure_id), (1, second.disclosure_id)]


def test_totals_count_people_not_uses(world, spread):
    a, b, c, _ = spread
    use(world, world.second, b)
    one, two = world.first.client.recipient.id, world.second.client.recipient.id

    with world.vault.data.read() as conn:
        assert recipient_totals(conn) == {one: 1, two: 2}
        assert recipient_totals(conn, world.start + 1) == {one: 1}
        assert recipient_field_totals(conn) == {
            (one, "name"): 1,
            (one, "phone"): 1,
            (two, "name"): 1,
            (two, "phone"): 2,
        }
        assert (held_by(conn, two), held_by(conn, "org_nobody")) == (2, 0)
        assert count_disclosed(conn) == 2
        positions = undisclosed(conn, [(p.bucket, p.subject) for p in (a, b, c)], world.now)
    assert positions == [2]


def test_the_grants_behind_an_exposure_name_the_terms_a_claim_rests_on(world, spread):
    a, b, _, (_, second, third) = spread
    people = [(p.bucket, p.subject) for p in (a, b)]

    with world.vault.data.read() as conn:
        rows = grants_behind(conn, people, world.second.client.recipient.id, world.now)

    assert [(at, read, terms) for at, _, read, _, terms in rows] == [
        (0, second.disclosure_id, world.second.terms.id),
        (1, third.disclosure_id, world.second.terms.id),
    ]
