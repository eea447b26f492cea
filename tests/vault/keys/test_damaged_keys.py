"""One person's key row that does not unwrap costs that person their keys, and nobody else anything."""

import pytest
from sqlalchemy import select, update

from tests.vault.people import made_up as people
from tests.vault.people.made_up import permit
from vault.keys.subjects import unwrapped
from vault.keys.tables import subject_key
from vault.reader import Unreadable, open_many
from vault.rotation import Kind, run, start


def damage(vault, who, kind="data") -> None:
    """Flip a bit of a wrapped key."""
    mine = (subject_key.c.subject == who.subject) & (subject_key.c.kind == kind)
    with vault.keyring.database.write() as conn:
        (wrapped,) = conn.execute(select(subject_key.c.wrapped).where(mine)).scalars()
        conn.execute(update(subject_key).where(mine).values(wrapped=wrapped[:-1] + bytes([wrapped[-1] ^ 1])))
    vault.keyring.forget([who.subject])


@pytest.mark.parametrize("kind", ["data", "ledger"])
def test_whoever_has_a_damaged_row_has_no_keys_and_their_neighbours_have_theirs(vault, now, kind, caplog):
    healthy, hurt = people.enrol(vault, range(2), now)
    damage(vault, hurt, kind)
    wanted = [(one.bucket, one.subject) for one in (healthy, hurt)]
    assert set(vault.keyring.subject_keys(wanted, fresh=True)) == {healthy.subject}
    vault.keyring.subject_keys(wanted, fresh=True)
    (told,) = [record for record in caplog.records if record.name == "perusal.vault"]
    assert "does not open" in told.getMessage()


def test_a_batch_of_reads_answers_everybody_but_the_damaged(vault, now):
    healthy, hurt = people.enrol(vault, range(2), now)
    damage(vault, hurt)
    permits = [permit(vault, one, ("phone",), now + 1) for one in (hurt, healthy)]
    first, second = open_many(vault, permits)
    assert isinstance(first, Unreadable)
    assert not isinstance(second, Unreadable)


def test_a_repaired_row_is_read_again(vault, now):
    (hurt,) = people.enrol(vault, range(1), now)
    who = [(hurt.bucket, hurt.subject)]
    damage(vault, hurt)
    assert not vault.keyring.subject_keys(who)
    damage(vault, hurt)  # the same bit once more
    assert set(vault.keyring.subject_keys(who)) == {hurt.subject}


@pytest.mark.parametrize("kind", [Kind.TENANT, Kind.PERSON, Kind.INDEX])
def test_every_rotation_ends_and_leaves_a_damaged_row_for_whoever_repairs_it(vault, now, kind):
    healthy, hurt = people.enrol(vault, range(2), now)
    damage(vault, hurt)
    job = run(vault, start(vault, kind, now), pause=lambda _seconds: None)
    assert job.state == "done"
    who = [(one.bucket, one.subject) for one in (healthy, hurt)]
    assert set(vault.keyring.subject_keys(who, fresh=True)) == {healthy.subject}
    damage(vault, hurt)
    assert set(vault.keyring.subject_keys(who, fresh=True)) == {healthy.subject, hurt.subject}


def test_a_row_under_a_tenant_key_that_is_gone_does_not_unwrap(vault):
    row = (0, bytes(16), "data", 1, 7, bytes(60))
    assert unwrapped(vault.keyring.tenant, vault.keyring.tenant_keys([]), row) is None
