"""The keyring: made once, opened under the same root only, forgetting what was destroyed."""

import pytest
from sqlalchemy import func, select, update

from vault.ids import Bucket, Buckets, SubjectId, TenantId, bucket_for, new_subject
from vault.key_tables import service_key, subject_key, tenant_kek
from vault.keys import SERVICE_KEYS, Keyring, KeysMissing
from vault.providers.local import LocalProvider
from vault.sealed import Unopenable

TENANT = TenantId(b"tenant of tests!")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def keyring(backend, provider, now, clock):
    return Keyring.create(backend.keys, provider, TENANT, now, clock=clock)


def some(count: int) -> list[tuple[Bucket, SubjectId]]:
    subjects = [new_subject() for _ in range(count)]
    return [(bucket_for(subject, Buckets(0, 4)), subject) for subject in subjects]


def test_keys_made_now_are_the_keys_found_after_a_restart(keyring, backend, provider, now):
    people = some(5)
    made = keyring.create_many(people, now)
    again = Keyring.open(backend.keys, provider, TENANT)
    assert again.subject_keys(people) == made
    assert again.index_key(65) == keyring.index_key(65)
    assert all(again.service_key(name) == keyring.service_key(name) for name in SERVICE_KEYS)


def test_every_key_is_of_its_own(keyring, now):
    made = keyring.create_many(some(50), now).values()
    secrets = [key.data for key in made] + [key.ledger for key in made]
    secrets += [keyring.service_key(name) for name in SERVICE_KEYS] + [keyring.index_key(k) for k in range(9)]
    assert all(len(secret) == 32 for secret in secrets)
    assert len(set(secrets)) == len(secrets)


def test_someone_without_keys_is_absent(keyring, now):
    known, unknown = some(2)
    keyring.create_many([known], now)
    assert set(keyring.subject_keys([known, unknown, known])) == {known[1]}


def test_asking_for_nobody_asks_nothing(keyring):
    assert keyring.subject_keys([]) == {}


def test_more_people_than_fit_one_statement_are_found(keyring, backend, provider, now):
    people = some(4_500)
    keyring.create_many(people, now)
    assert len(Keyring.open(backend.keys, provider, TENANT).subject_keys(people)) == 4_500


def test_destroyed_keys_are_gone_at_once_here_and_after_sixty_seconds_elsewhere(
    keyring, backend, provider, now
):
    people = some(3)
    keyring.create_many(people, now)
    clock = Clock()
    other = Keyring.open(backend.keys, provider, TENANT, clock=clock)
    other.subject_keys(people)
    keyring.destroy_many(people[:1])
    assert set(keyring.subject_keys(people)) == {people[1][1], people[2][1]}
    assert len(other.subject_keys(people)) == 3
    clock.now += 60.0
    assert set(other.subject_keys(people)) == {people[1][1], people[2][1]}


def test_nothing_in_the_key_data_base_is_a_key(keyring, backend, now):
    made = keyring.create_many(some(3), now)
    with backend.keys.read() as conn:
        stored = [row.wrapped for row in conn.execute(select(subject_key.c.wrapped))]
        stored += [row.wrapped for row in conn.execute(select(service_key.c.wrapped))]
    secrets = [key.data for key in made.values()] + [keyring.service_key(name) for name in SERVICE_KEYS]
    assert not any(secret in wrapped for secret in secrets for wrapped in stored)


def test_a_key_row_moved_to_another_person_does_not_unwrap(keyring, backend, provider, now):
    one, two = some(2)
    keyring.create_many([one, two], now)
    with backend.keys.write() as conn:
        mine = (subject_key.c.subject == one[1]) & (subject_key.c.kind == "data")
        wrapped = conn.execute(select(subject_key.c.wrapped).where(mine)).scalar_one()
        theirs = (subject_key.c.subject == two[1]) & (subject_key.c.kind == "data")
        conn.execute(update(subject_key).where(theirs).values(wrapped=wrapped))
    with pytest.raises(Unopenable):
        Keyring.open(backend.keys, provider, TENANT).subject_keys([two])


def test_a_data_key_put_in_place_of_the_ledger_key_does_not_unwrap(keyring, backend, provider, now):
    (one,) = some(1)
    keyring.create_many([one], now)
    with backend.keys.write() as conn:
        wrapped = conn.execute(select(subject_key.c.wrapped).where(subject_key.c.kind == "data")).scalar_one()
        conn.execute(update(subject_key).where(subject_key.c.kind == "ledger").values(wrapped=wrapped))
    with pytest.raises(Unopenable):
        Keyring.open(backend.keys, provider, TENANT).subject_keys([one])


def test_a_key_row_that_was_changed_does_not_unwrap(keyring, backend, provider, now):
    (one,) = some(1)
    keyring.create_many([one], now)
    for change in ({"epoch": 2}, {"wrapped": b"short"}):
        with backend.keys.write() as conn:
            conn.execute(update(subject_key).values(**change))
        with pytest.raises(Unopenable):
            Keyring.open(backend.keys, provider, TENANT).subject_keys([one])


def test_another_root_opens_nothing(keyring, backend):
    with pytest.raises(Unopenable):
        Keyring.open(backend.keys, LocalProvider(bytes(32)), TENANT)


def test_a_tenant_without_keys_is_refused(keyring, backend, provider):
    with pytest.raises(KeysMissing) as refusal:
        Keyring.open(backend.keys, provider, TenantId(bytes(16)))
    assert refusal.value.code == "keys_missing"


def test_a_tenant_key_moved_to_another_tenant_does_not_unwrap(keyring, backend, provider):
    other = TenantId(b"another tenant!!")
    with backend.keys.write() as conn:
        conn.execute(update(tenant_kek).values(tenant=other))
    with pytest.raises(Unopenable):
        Keyring.open(backend.keys, provider, other)


def test_a_duty_added_later_gets_its_key_at_the_next_opening(keyring, backend, provider):
    with backend.keys.write() as conn:
        conn.execute(service_key.delete().where(service_key.c.name == "event"))
    first = Keyring.open(backend.keys, provider, TENANT)
    second = Keyring.open(backend.keys, provider, TENANT)
    assert first.service_key("event") == second.service_key("event") != keyring.service_key("event")
    assert first.service_key("permit") == keyring.service_key("permit")


def test_a_service_key_nobody_declared_does_not_exist(keyring):
    with pytest.raises(KeyError):
        keyring.service_key("anything")


def test_creating_nobody_stores_nothing(keyring, backend, now):
    assert keyring.create_many([], now) == {}
    with backend.keys.read() as conn:
        assert conn.execute(select(func.count()).select_from(subject_key)).scalar_one() == 0


def test_no_repr_shows_a_key(keyring, now):
    (key,) = keyring.create_many(some(1), now).values()
    assert repr(key) == "SubjectKey(epoch=1)"
    assert repr(keyring._secrets) == "TenantSecrets(...)"
