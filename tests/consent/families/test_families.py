"""Merges and guardians: told to whom it concerns, in the ledger, and found when rows and ledger part ways."""

import pytest
from sqlalchemy import delete, select, update

from consent.accounts import keys as accounts
from consent.denials import Denied
from consent.families.ties import (
    Guardianship,
    Merged,
    Refused,
    Tie,
    appoint,
    dismiss,
    end_due,
    merge,
    release,
)
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.tables import entry
from consent.people.anchors import Flaw, Mismatch, check
from consent.people.keeping import NewPerson, enrol_people
from consent.people.writes import merged_text, survived_text, write_id
from consent.redemption.disclose import disclose_many
from consent.schema.tables import event_outbox, withdrawal
from tests.consent.people.test_anchors import tampering
from tests.vault.people.made_up import phone
from vault.families.tables import guardianship, person_merge
from vault.reading.history import masked
from vault.tables import person

PROOF = bytes(range(32))


def mismatches(world) -> list[Mismatch]:
    return [step for step in check(world.vault) if isinstance(step, Mismatch)]


def merged(world, keep, drop):
    return merge(world.vault, keep.subject, drop.subject, world.now + 10, clock=lambda: world.now + 10)


def corrections(world) -> set[bytes]:
    with world.vault.data.read() as conn:
        found = [parse(body) for body in conn.execute(select(entry.c.body)).scalars()]
    return {one.id for one in found if one.kind is Kind.CORRECT}


def people_of(world, *values):
    return enrol_people(world.vault, [NewPerson(one) for one in values], world.now)


@pytest.fixture
def pair(world):
    return people_of(world, {"phone": phone(80)}, {"email": "two@example.com", "name": "Two"})


def test_a_merge_stands_in_both_chains_with_every_value_that_moved(world, pair):
    keep, drop = pair
    done = merged(world, keep, drop)
    assert isinstance(done, Merged)
    at = done.merged_at
    ids = corrections(world)
    assert write_id(drop.subject, merged_text(keep.subject, at)) in ids
    assert write_id(keep.subject, survived_text(drop.subject, at)) in ids
    assert len(ids) == 2 + len(done.moved) == 4
    assert mismatches(world) == []


def test_after_a_merge_the_others_consents_have_ended_and_every_recipient_is_told(world):
    app, (keep, drop) = world.app(), world.people(2)
    issued = world.token(app, drop, uses=3)
    merged(world, keep, drop)
    assert isinstance(disclose_many(world.vault, [world.request(issued)], world.now + 20)[0], Denied)
    with world.vault.data.read() as conn:
        assert conn.execute(select(withdrawal.c.channel)).scalars().all() == ["merge"]
        assert conn.execute(select(event_outbox.c.recipient_id)).scalars().all() == [app.client.recipient.id]


def test_after_a_merge_only_the_survivor_signs_in(world, pair):
    keep, drop = pair
    merged(world, keep, drop)
    with world.vault.data.read() as conn:
        assert accounts.sign_in(conn, keep.key) is not None
        assert accounts.sign_in(conn, drop.key) is None


def test_a_refused_merge_changes_nothing(world):
    app, drop = world.app(), world.person()
    world.token(app, drop, uses=3)
    gone = world.people(2)
    merged(world, *gone)
    assert merged(world, drop, gone[1]) == Refused("person_merged", "")
    assert merged(world, drop, drop) == Refused("merge_self", "")
    with world.vault.data.read() as conn:
        assert conn.execute(select(withdrawal)).all() == []


def test_a_merge_taken_out_of_the_rows_is_found(world, pair):
    keep, drop = pair
    merged(world, keep, drop)
    with tampering(world.vault.data) as conn:
        conn.execute(delete(person_merge))
        mine = person.c.subject == drop.subject
        conn.execute(update(person).where(mine).values(state="active", merged_into=None))
    assert {(one.flaw, one.subject) for one in mismatches(world)} == {
        (Flaw.NO_VERSION, keep.subject),
        (Flaw.NO_VERSION, drop.subject),
    }


@pytest.fixture
def family(world):
    return people_of(
        world,
        {"name": "Kim", "birth_date": "2015-03-04"},
        {"name": "Pat", "birth_date": "1980-01-01"},
        {"name": "Sam", "birth_date": "1981-01-01"},
    )


def test_a_guardian_stands_in_the_wards_chain_from_the_beginning_to_the_end(world, family):
    child, parent, _ = family
    tie = appoint(world.vault, child.subject, parent.subject, Tie.PARENT, PROOF, world.now)
    assert isinstance(tie, Guardianship)
    assert len(corrections(world)) == 1
    assert mismatches(world) == []
    dismiss(world.vault, child.subject, parent.subject, world.now + 5)
    assert len(corrections(world)) == 2
    assert mismatches(world) == []
    assert dismiss(world.vault, child.subject, parent.subject, world.now + 6) is None


def test_a_guardian_slipped_in_or_taken_out_is_found(world, family):
    child, parent, other = family
    appoint(world.vault, child.subject, parent.subject, Tie.PARENT, PROOF, world.now)
    with tampering(world.vault.data) as conn:
        conn.execute(update(guardianship).values(guardian=other.subject, guardian_bucket=other.bucket))
    assert [(one.flaw, one.subject) for one in mismatches(world)] == [
        (Flaw.NO_ENTRY, child.subject),
        (Flaw.NO_VERSION, child.subject),
    ]


def test_guardianships_end_by_themselves_when_the_ward_comes_of_age(world, family):
    child, parent, other = family
    tie = appoint(world.vault, child.subject, parent.subject, Tie.PARENT, PROOF, world.now)
    appoint(world.vault, child.subject, other.subject, Tie.APPOINTED, PROOF, world.now)
    assert end_due(world.vault, tie.valid_until - 1) == 0
    assert end_due(world.vault, tie.valid_until) == 1
    assert end_due(world.vault, tie.valid_until) == 0


def test_whoever_is_erased_guards_nobody_any_more(world, family):
    child, parent, _ = family
    appoint(world.vault, child.subject, parent.subject, Tie.PARENT, PROOF, world.now)
    assert release(world.vault, parent.subject, world.now + 3) == 1
    assert release(world.vault, parent.subject, world.now + 4) == 0
    assert mismatches(world) == []


def test_the_survivor_shows_what_the_other_had(world, pair):
    keep, drop = pair
    merged(world, keep, drop)
    assert masked(world.vault, keep.subject, ["phone", "email"]).keys() == {"phone", "email"}


def test_whoever_has_a_guardian_or_is_one_is_not_merged_away(world, family):
    child, parent, other = family
    appoint(world.vault, child.subject, parent.subject, Tie.PARENT, PROOF, world.now)

    for drop in (child, parent):
        assert merged(world, other, drop) == Refused("merge_guarded", "")
    dismiss(world.vault, child.subject, parent.subject, world.now + 1)
    assert isinstance(merged(world, other, parent), Merged)
