"""What operators see of the keys without opening any."""

import pytest
from sqlalchemy import update

from tests.vault.people.made_up import enrol
from vault.keys.status import DUE_AGE_MS, DUE_WRAPS, key_status
from vault.keys.tables import tenant_kek
from vault.rotation import Kind, rotate_person, run, start


@pytest.fixture
def seen(vault, backend, now):
    return lambda at=now: key_status(backend.keys, vault.keyring.tenant, at)


def test_a_new_vault_has_one_of_each_and_nobody_in_it(seen, now):
    found = seen()
    assert [(one.version, one.state, one.provider, one.due) for one in found.tenant_keys] == [
        (1, "active", "local", False)
    ]
    assert [(one.epoch, one.state, one.created_at) for one in found.index_epochs] == [(1, "active", now)]
    assert (found.people, found.caches) == ({}, 0)


def test_people_are_counted_by_the_epoch_of_their_newest_key(vault, seen, now):
    first, *_ = enrol(vault, range(3), now)
    assert seen().people == {1: 3}
    assert rotate_person(vault, first.subject)
    assert seen().people == {1: 2, 2: 1}


def test_an_old_or_much_used_tenant_key_is_due_but_never_a_retired_one(vault, backend, seen, now):
    assert not seen(now + DUE_AGE_MS - 1).tenant_keys[0].due
    assert seen(now + DUE_AGE_MS).tenant_keys[0].due
    with backend.keys.write() as conn:
        conn.execute(update(tenant_kek).values(wraps=DUE_WRAPS))
    assert seen().tenant_keys[0].due

    run(vault, start(vault, Kind.TENANT, now))
    assert [(one.state, one.due) for one in seen().tenant_keys] == [("retired", False), ("active", False)]


def test_whoever_holds_keys_in_memory_is_counted_while_it_does(vault, seen):
    _ = vault.keyring.index_epoch
    assert seen(vault.keyring.wall_ms()).caches == 1
    vault.keyring.close()
    assert seen(vault.keyring.wall_ms()).caches == 0
