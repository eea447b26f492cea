"""Permits and whom their ledger entries are about: rows pointed at somebody else give nothing."""

from itertools import combinations

import pytest
from sqlalchemy import update

from consent.denials import DenialCode, Denied
from consent.ledger.tables import opening
from consent.permits.committed import committed_uses, open_uses
from consent.permits.issue import emergency_permits, permits
from consent.redemption.disclose import Disclosure, disclose_many
from consent.schema.dual_tables import dual_request, emergency_read
from consent.schema.tables import disclosure
from consent.staff.emergency import Opened
from tests.consent.dual.office import Office
from tests.consent.tampering import tampering


@pytest.fixture
def pair(world):
    """Two people of one bucket, so that nothing but the person distinguishes their rows."""
    # There are at most four buckets, so of five people two share one.
    return next(two for two in combinations(world.people(5), 2) if two[0].bucket == two[1].bucket)


@pytest.fixture
def used(world, pair):
    """A retry that gave the first person's values, and where the use stands."""
    own, _ = pair
    request = world.request(world.token(world.app(), own), key="k1")
    (answer,) = disclose_many(world.vault, [request], world.now)
    assert isinstance(answer, Disclosure)
    return request, (own.bucket, answer.disclosed.disclosure_id)


POINTED = {
    "the use": (disclosure,),
    "the use and its opening": (disclosure, opening),
    "the opening": (opening,),
}


@pytest.mark.parametrize("what", POINTED)
def test_a_use_that_somebody_pointed_at_another_person_gives_no_values_of_theirs(world, pair, used, what):
    (own, victim), (request, ref) = pair, used

    with tampering(world.vault.data) as conn:
        for table in POINTED[what]:
            mine = table.c.subject == own.subject
            conn.execute(update(table).where(mine).values(subject=victim.subject))

    assert permits(world.vault, [ref]) == [None]
    (answer,) = disclose_many(world.vault, [request], world.now + 1_000)
    assert not isinstance(answer, Disclosure)


def test_a_use_moved_to_another_instant_gives_no_values(world, used):
    _, ref = used

    with tampering(world.vault.data) as conn:
        conn.execute(update(disclosure).values(committed_at=disclosure.c.committed_at - 1))

    assert permits(world.vault, [ref]) == [None]


def test_the_opening_of_a_use_belongs_to_the_person_of_the_use(world, pair, used, caplog):
    (_, victim), (_, ref) = pair, used
    with world.vault.data.read() as conn:
        (before,) = open_uses(world.vault, committed_uses(conn, [ref]))
    assert before is not None

    with tampering(world.vault.data) as conn:
        conn.execute(update(disclosure).values(subject=victim.subject))
    with world.vault.data.read() as conn:
        assert open_uses(world.vault, committed_uses(conn, [ref])) == [None]
    assert "disagree" in caplog.text


BROKEN = {
    "the request and the read": (dual_request, emergency_read),
    "the request, the read and the opening": (dual_request, emergency_read, opening),
}


@pytest.mark.parametrize("what", BROKEN)
def test_an_emergency_read_pointed_at_another_person_gives_no_permit(world, pair, what):
    own, victim = pair
    office = Office(world.vault, world.now)
    opened = office.open(office.approved(own.subject).id)
    assert isinstance(opened, Opened)

    with tampering(world.vault.data) as conn:
        for table in BROKEN[what]:
            mine = table.c.subject == own.subject
            conn.execute(update(table).where(mine).values(subject=victim.subject))

    assert emergency_permits(world.vault, [(own.bucket, opened.read_id)]) == [None]


def test_an_approval_for_one_person_pointed_at_another_before_its_use_opens_nobody(world, pair):
    own, victim = pair
    office = Office(world.vault, world.now)
    approved = office.approved(own.subject)

    with tampering(world.vault.data) as conn:
        conn.execute(update(dual_request).values(subject=victim.subject))

    assert office.open(approved.id) == Denied(code=DenialCode.UNREADABLE)
