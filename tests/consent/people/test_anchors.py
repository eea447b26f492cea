"""Stored rows against the ledger: whoever puts yesterday's rows back is found, and where."""

import pytest
from sqlalchemy import delete, text, update

from consent.ledger.tables import entry, opening
from consent.people.anchors import Flaw, Mismatch, check
from consent.people.keeping import Change, correct
from tests.consent.tampering import tampering
from tests.vault.people.made_up import phone
from vault.tables import person, value


def mismatches(world) -> list[Mismatch]:
    return [step for step in check(world.vault) if isinstance(step, Mismatch)]


@pytest.fixture
def changed(world):
    """A person whose phone number is at version 3, among others who must not be blamed."""
    who, *_ = world.people(4)
    for step in (1, 2):
        at = world.now + 100 * step
        correct(
            world.vault,
            [Change(subject=who.subject, field="phone", text=phone(70 + step))],
            at,
            clock=lambda at=at: at,
        )
    return who


def mine(who, *, field="phone", version=None):
    found = (value.c.subject == who.subject) & (value.c.field == field)
    return found if version is None else found & (value.c.version == version)


def test_what_was_written_the_proper_way_agrees(world, changed):
    assert mismatches(world) == []


def test_the_newest_version_deleted_and_the_one_before_reopened_is_found_and_located(world, changed):
    with tampering(world.vault.data) as conn:
        conn.execute(delete(value).where(mine(changed, version=3)))
        conn.execute(update(value).where(mine(changed, version=2)).values(valid_to=None))
    (found,) = mismatches(world)
    assert (found.flaw, found.subject) == (Flaw.NO_VERSION, changed.subject)
    assert found.origin.startswith(world.vault.installation.ledger_host)
    assert found.idx is not None


def test_the_whole_person_put_back_as_of_yesterday_is_found(world, changed):
    with tampering(world.vault.data) as conn:
        conn.execute(delete(value).where(mine(changed) & (value.c.version > 1)))
        conn.execute(update(value).where(mine(changed, version=1)).values(valid_to=None))
    found = mismatches(world)
    assert [(one.flaw, one.subject) for one in found] == [(Flaw.NO_VERSION, changed.subject)] * 2


def test_a_version_slipped_in_is_found_by_field_and_number(world, changed):
    with tampering(world.vault.data) as conn:
        conn.execute(update(value).where(mine(changed, version=3)).values(valid_to=world.now + 300))
        row = conn.execute(value.select().where(mine(changed, version=3))).one()
        conn.execute(
            value.insert().values(
                {**row._mapping, "version": 4, "valid_from": world.now + 300, "valid_to": None}
            )
        )
    assert mismatches(world) == [
        Mismatch(flaw=Flaw.NO_ENTRY, subject=changed.subject, field="phone", version=4)
    ]


def test_a_window_that_was_moved_is_found_even_when_its_neighbour_was_moved_along(world, changed):
    with tampering(world.vault.data) as conn:
        conn.execute(update(value).where(mine(changed, version=2)).values(valid_to=world.now + 150))
        conn.execute(update(value).where(mine(changed, version=3)).values(valid_from=world.now + 150))
    found = mismatches(world)
    assert (found[0].flaw, found[0].field, found[0].version) == (Flaw.NO_ENTRY, "phone", 3)
    assert found[1].flaw is Flaw.NO_VERSION


@pytest.mark.parametrize(
    ("version", "column", "ms", "flaw", "at"),
    [
        (2, "valid_to", 150, Flaw.WINDOW, 3),
        (2, "valid_to", None, Flaw.HEAD, 2),
        (3, "valid_to", 500, Flaw.HEAD, 3),
    ],
)
def test_windows_that_do_not_follow_each_other_are_found(world, changed, version, column, ms, flaw, at):
    with tampering(world.vault.data) as conn:
        if ms is None:  # only one version may be open at a time
            conn.execute(update(value).where(mine(changed, version=3)).values(valid_to=world.now + 300))
        new = None if ms is None else world.now + ms
        conn.execute(update(value).where(mine(changed, version=version)).values({column: new}))
    assert (flaw, "phone", at) in [(one.flaw, one.field, one.version) for one in mismatches(world)]


def test_a_field_given_at_enrolment_that_is_gone_is_found(world, changed):
    with tampering(world.vault.data) as conn:
        conn.execute(delete(value).where(mine(changed, field="email")))
    assert {(one.flaw, one.subject) for one in mismatches(world)} == {
        (Flaw.NO_ENTRY, changed.subject),
        (Flaw.NO_VERSION, changed.subject),
    }


def test_a_person_deleted_behind_the_ledgers_back_is_found(world, changed):
    with tampering(world.vault.data) as conn:
        conn.execute(text("DELETE FROM tag"))
        conn.execute(delete(value).where(value.c.subject == changed.subject))
        conn.execute(delete(person).where(person.c.subject == changed.subject))
    assert {(one.flaw, one.subject) for one in mismatches(world)} == {(Flaw.NO_PERSON, changed.subject)}


def test_an_entry_taken_out_of_the_ledger_leaves_its_version_unanchored(world, changed):
    with tampering(world.vault.data) as conn:
        last = conn.execute(
            opening.select()
            .where(opening.c.subject == changed.subject)
            .order_by(opening.c.idx.desc())
            .limit(1)
        ).one()
        here = lambda table: (table.c.bucket == last.bucket) & (table.c.idx == last.idx)  # noqa: E731
        conn.execute(delete(opening).where(here(opening)))
        conn.execute(delete(entry).where(here(entry)))
    assert mismatches(world) == [
        Mismatch(flaw=Flaw.NO_ENTRY, subject=changed.subject, field="phone", version=3)
    ]


def test_a_value_sealed_again_under_a_later_key_agrees_as_before(world, changed):
    with world.vault.data.write() as conn:
        conn.execute(
            update(value)
            .where(mine(changed, version=3))
            .values(epoch=2, blob=b"y" * 100, blob_sha256=b"y" * 32)
        )
    assert mismatches(world) == []
