"""The root is changed: all tenant keys go over to it in one transaction, or none does."""

import pytest
from sqlalchemy import select, update

from tests.vault.rotation.kit import crowd, read
from vault.keys.keyring import Keyring, KeysUnavailable
from vault.keys.tables import tenant_kek
from vault.opening import open_vault
from vault.providers.base import ProviderDown
from vault.providers.local import LocalProvider
from vault.rotation import Kind, OpensNothing, jobs, opens, rewrap_root
from vault.sealing.sealed import Unopenable

OTHER = LocalProvider(b"r" * 32)


def test_the_new_root_opens_everything_and_the_old_one_nothing(vault, backend, provider, now):
    people = crowd(vault, 3, now)
    before = read(vault, people, now)

    job = rewrap_root(backend.keys, provider, OTHER, now)

    assert (job.over, job.done, job.kind) == (True, 1, Kind.ROOT)
    assert jobs(backend.keys, vault.keyring.tenant) == [job]
    assert read(open_vault(backend.data, backend.keys, OTHER), people, now) == before
    with pytest.raises(Unopenable):
        open_vault(backend.data, backend.keys, provider)
    assert read(vault, people, now) == before


def test_a_running_process_goes_on_under_the_new_root_when_it_is_given_it(vault, backend, provider, now):
    people = crowd(vault, 1, now)
    rewrap_root(backend.keys, provider, OTHER, now)
    with pytest.raises(KeysUnavailable):
        vault.keyring.refreshed()
    with pytest.raises(KeysUnavailable):
        vault.keyring.adopt(LocalProvider(b"x" * 32))
    assert isinstance(read(vault, people, now)[0], dict)
    vault.keyring.adopt(OTHER)
    vault.keyring.refreshed()
    assert isinstance(read(vault, people, now)[0], dict)


def test_a_root_that_fails_in_the_middle_changes_nothing(vault, backend, provider, now):
    class Down:
        name = "down"

        def wrap(self, *_):
            raise ProviderDown("no answer")

    with pytest.raises(ProviderDown):
        rewrap_root(backend.keys, provider, Down(), now)
    assert isinstance(open_vault(backend.data, backend.keys, provider).keyring, Keyring)
    assert jobs(backend.keys, vault.keyring.tenant) == []


def test_the_wrong_old_root_changes_nothing(vault, backend, provider, now):
    with pytest.raises(Unopenable):
        rewrap_root(backend.keys, LocalProvider(b"w" * 32), OTHER, now)
    open_vault(backend.data, backend.keys, provider)


def test_after_a_kill_the_rows_say_which_root_is_the_right_one(vault, backend, provider, now):
    assert opens(backend.keys, [provider, OTHER]) is provider
    assert opens(backend.keys, [OTHER, provider]) is provider
    rewrap_root(backend.keys, provider, OTHER, now)
    assert opens(backend.keys, [provider, OTHER]) is OTHER
    with pytest.raises(OpensNothing):
        opens(backend.keys, [provider])


def test_destroyed_versions_are_left_out(vault, backend, provider, now):
    with backend.keys.write() as conn:
        row = conn.execute(select(tenant_kek)).mappings().one()
        conn.execute(tenant_kek.insert().values({**row, "version": 9, "state": "destroyed", "wrapped": b""}))
    assert rewrap_root(backend.keys, provider, OTHER, now).done == 1
    assert opens(backend.keys, [OTHER]) is OTHER


def test_without_any_tenant_there_is_nothing_to_change(backend, provider, now):
    with pytest.raises(OpensNothing):
        rewrap_root(backend.keys, provider, OTHER, now)


def test_what_wrapped_a_tenant_key_is_written_beside_it(vault, backend, provider, now):
    class Named(LocalProvider):
        @property
        def name(self):
            return "elsewhere"

    rewrap_root(backend.keys, provider, Named(b"r" * 32), now)
    with backend.keys.write() as conn:
        assert conn.execute(select(tenant_kek.c.provider)).scalar_one() == "elsewhere"
        conn.execute(update(tenant_kek).values(provider="local"))
