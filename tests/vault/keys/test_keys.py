"""The keyring: made once, opened under the same root only, forgetting what was destroyed."""

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError

from vault.ids import Bucket, Buckets, RecordId, SubjectId, TenantId, bucket_for, new_subject
from vault.keys.keyring import SERVICE_KEYS, Keyring, KeysMissing, KeysUnavailable
from vault.keys.subjects import SubjectKey
from vault.keys.tables import MAX_WRAPS, index_root, service_key, subject_key, tenant_kek
from vault.keys.tenant import WRAP_BLOCK, KeyExhausted, add_index_root
from vault.keys.tenant_cache import TENANT_TTL_SECONDS
from vault.providers.base import ProviderDown
from vault.providers.local import LocalProvider
from vault.sealing.sealed import Place, Suite, Unopenable, seal

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
    secrets += [keyring.service_key(name) for name in SERVICE_KEYS]
    secrets += [bytes.fromhex(keyring.index_key(k).decode()) for k in range(9)]
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
    assert not Keyring.open(backend.keys, provider, TENANT).subject_keys([two])


def test_a_data_key_put_in_place_of_the_ledger_key_does_not_unwrap(keyring, backend, provider, now):
    (one,) = some(1)
    keyring.create_many([one], now)
    with backend.keys.write() as conn:
        wrapped = conn.execute(select(subject_key.c.wrapped).where(subject_key.c.kind == "data")).scalar_one()
        conn.execute(update(subject_key).where(subject_key.c.kind == "ledger").values(wrapped=wrapped))
    assert not Keyring.open(backend.keys, provider, TENANT).subject_keys([one])


def test_a_key_row_that_was_changed_does_not_unwrap(keyring, backend, provider, now):
    (one,) = some(1)
    keyring.create_many([one], now)
    for change in ({"epoch": 2}, {"wrapped": b"short"}):
        with backend.keys.write() as conn:
            conn.execute(update(subject_key).values(**change))
        assert not Keyring.open(backend.keys, provider, TENANT).subject_keys([one])


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


PLACE = Place(TENANT, SubjectId(b"s" * 16), RecordId(b"r" * 16), "phone", 1, 1)


def test_a_value_opens_under_the_epoch_its_blob_names():
    key = SubjectKey(PLACE.subject, 3, b"3" * 32, b"l" * 32, {2: b"2" * 32})
    new, old, gone = (
        seal(bytes([48 + n]) * 32, n, PLACE, b"text", bytes(24), suite=Suite.GCM) for n in (3, 2, 1)
    )
    assert key.open(PLACE, new) == key.open(PLACE, old) == b"text"
    assert (key.data_of(3), key.data_of(2), key.data_of(1)) == (b"3" * 32, b"2" * 32, None)
    assert [key.knows(blob) for blob in (new, old, gone, b"short")] == [True, True, False, True]
    for blob in (gone, b"short", seal(b"3" * 32, 2, PLACE, b"text", bytes(24), suite=Suite.GCM)):
        with pytest.raises(Unopenable):
            key.open(PLACE, blob)


class Counted:
    """A provider that counts and can stop answering."""

    def __init__(self, inner) -> None:
        self.inner = inner
        self.name = inner.name
        self.asked = 0
        self.down = False

    def wrap(self, key, context):
        return self.inner.wrap(key, context)

    def unwrap(self, blob, context):
        self.asked += 1
        if self.down:
            raise ProviderDown("no answer")
        return self.inner.unwrap(blob, context)


def test_a_tenants_keys_are_unwrapped_again_every_quarter_of_an_hour(keyring, backend, provider, clock):
    counted = Counted(provider)
    ring = Keyring.open(backend.keys, counted, TENANT, clock=clock)
    ring.service_key("permit")
    for _ in range(3):
        clock.now += 299.9
        ring.service_key("permit")
    assert counted.asked == 1
    clock.now += 0.4
    ring.service_key("permit")
    ring.index_key(65)
    assert counted.asked == 2


def test_without_the_provider_nothing_opens_after_a_quarter_of_an_hour(
    keyring, backend, provider, clock, now
):
    one, two = some(2)
    keyring.create_many([one], now)
    counted = Counted(provider)
    ring = Keyring.open(backend.keys, counted, TENANT, clock=clock)
    ring.subject_keys([one])
    counted.down = True
    assert ring.subject_keys([one])
    clock.now += TENANT_TTL_SECONDS
    for ask in (
        lambda: ring.subject_keys([one]),
        lambda: ring.service_key("permit"),
        lambda: ring.index_key(65),
        lambda: ring.create_many([two], now),
    ):
        with pytest.raises(KeysUnavailable) as refusal:
            ask()
        assert refusal.value.code == "keys_unavailable"
    counted.down = False
    assert ring.subject_keys([one])


def test_news_about_the_tenants_keys_are_followed_at_the_next_renewal(keyring, backend, provider):
    clock = Clock()
    ring = Keyring.open(backend.keys, provider, TENANT, clock=clock)
    assert ring.tag_epochs == (1,)
    under = keyring.wrapping(1)
    with backend.keys.write() as conn:
        add_index_root(conn, under, epoch=2, state="building", now_ms=0)
    assert ring.tag_epochs == (1,)
    keyring.evict_tenant()
    assert ring.tag_epochs == (1,)
    clock.now += 3.0
    assert (ring.tag_epochs, ring.index_epoch) == ((1, 2), 1)
    assert ring.index_key(65, 2) != ring.index_key(65, 1) == ring.index_key(65)


def test_wraps_are_counted_before_they_happen_in_blocks(keyring, backend, provider, now):
    def counted() -> int:
        with backend.keys.read() as conn:
            return conn.execute(select(tenant_kek.c.wraps)).scalar_one()

    assert counted() == WRAP_BLOCK
    keyring.create_many(some(3), now)
    assert counted() == 2 * WRAP_BLOCK
    keyring.create_many(some(3), now)
    assert counted() == 2 * WRAP_BLOCK
    Keyring.open(backend.keys, provider, TENANT).create_many(some(1), now)
    assert counted() == 3 * WRAP_BLOCK
    keyring.wrapping(WRAP_BLOCK)
    assert counted() == 4 * WRAP_BLOCK


def test_a_tenant_key_never_wraps_more_often_than_its_cipher_allows(keyring, backend, now):
    with backend.keys.write() as conn:
        conn.execute(update(tenant_kek).values(wraps=MAX_WRAPS - WRAP_BLOCK + 1))
    with pytest.raises(KeyExhausted) as refusal:
        keyring.create_many(some(1), now)
    assert refusal.value.code == "key_exhausted"
    with pytest.raises(DBAPIError), backend.keys.write() as conn:
        conn.execute(update(tenant_kek).values(wraps=MAX_WRAPS + 1))
    with backend.keys.read() as conn:
        assert conn.execute(select(func.count()).select_from(subject_key)).scalar_one() == 0


def test_a_tenant_has_one_active_key_and_one_index_epoch_that_is_read(keyring, backend):
    for table, number in ((tenant_kek, "version"), (index_root, "epoch")):
        with backend.keys.read() as conn:
            row = dict(conn.execute(select(table)).mappings().one())
        with pytest.raises(DBAPIError), backend.keys.write() as conn:
            conn.execute(table.insert().values({**row, number: 2}))
