"""Backups of keys: whole, sealed, mortal; and a restored one never brings an erased person back."""

import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from tests.backends import Backend, open_backend
from tests.conftest import fresh_backend
from tests.vault.people import made_up as people
from vault.backups.archive import KeysPresent, backup, restore
from vault.backups.keys import DAY_MS, BackupExpired, BackupKeys, MalformedBackup
from vault.backups.made import made_before
from vault.backups.tables import key_backup
from vault.finding.find import find
from vault.keys.keyring import Keyring
from vault.keys.tables import index_root, service_key, subject_key, tenant_kek
from vault.opening import Vault, open_vault
from vault.providers.local import create_root, open_root
from vault.reader import Unreadable, UnreadableCode, open_many
from vault.reading.records import NewPerson, Refused, create_many
from vault.rotation import Kind, resume, run, start
from vault.rotation.people import rotate_person
from vault.sealing.sealed import Unopenable

DAYS = 30
ROW_TABLES = (tenant_kek, index_root, service_key, subject_key)


@dataclass
class Site:
    """One installation, its epoch keys, and copies of its data bases made on demand."""

    backend: Backend
    vault: Vault
    provider: object
    store: BackupKeys
    copies: Callable[[str], Backend]

    def backup(self, now: int) -> bytes:
        file = io.BytesIO()
        backup(self.backend.data, self.backend.keys, self.provider, self.store, file, now)
        return file.getvalue()

    def restore(self, saved: bytes, into: Backend, **more):
        return restore(into.data, into.keys, self.provider, self.store, io.BytesIO(saved), **more)

    def reads(self, backend: Backend, person, now: int):
        """What the person's phone number reads as through these data bases."""
        opened = open_vault(backend.data, backend.keys, self.provider)
        return open_many(opened, [people.permit(opened, person, ("phone",), now)])[0]


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request, tmp_path):
    """As everywhere, and copies can be made of it."""
    yield from fresh_backend(request, request.param, tmp_path)


@pytest.fixture
def copies(
    backend: Backend, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[str], Backend]]:
    """Copies of the data bases as they are now: "data" copies the data, "keys" the keys; what is not named:
    the data is shared, the keys are empty."""
    made: list[tuple[Backend, list[str]]] = []

    def copy(what: str) -> Backend:
        backend.data.close()
        backend.keys.close()
        maker = _sqlite_copy if backend.name == "sqlite" else _postgres_copy
        made.append(maker(backend, request, tmp_path / str(len(made)), what))
        return made[-1][0]

    yield copy
    for one, names in made:
        one.close()
        for name in names:
            request.getfixturevalue("postgres").drop(name)


def _sqlite_copy(backend, request, folder, what):
    template = request.getfixturevalue("sqlite_template")
    folder.mkdir()
    urls = {"data": backend.data_url, "keys": f"sqlite:///{folder}/keys.sqlite"}
    shutil.copy(template / "keys.sqlite", folder / "keys.sqlite")
    for name, source in (("data", backend.data_url), ("keys", backend.keys_url)):
        if name in what:
            shutil.copy(source.removeprefix("sqlite:///"), folder / f"{name}.sqlite")
            urls[name] = f"sqlite:///{folder}/{name}.sqlite"
    return open_backend("sqlite", urls["data"], urls["keys"]), []


def _postgres_copy(backend, request, _folder, what):
    server = request.getfixturevalue("postgres")
    names = {
        name: server.clone(getattr(backend, name).engine.url.database if name in what else "perusal_keys")
        for name in ("data", "keys")
        if name in what or name == "keys"
    }
    urls = {name: server.url(clone) for name, clone in names.items()}
    made = open_backend("postgresql", urls.get("data", backend.data_url), urls["keys"])
    return made, list(names.values())


@pytest.fixture
def site(backend, vault, provider, copies, tmp_path) -> Site:
    store = BackupKeys(tmp_path / "backup-keys", provider, vault.installation.tenant)
    return Site(backend, vault, provider, store, copies)


def test_a_backup_is_noted_for_good_and_by_a_restore_where_the_data_base_does_not_know_it(site, now):
    older = site.copies("data")
    saved = site.backup(now)
    assert _noted(site.backend) == [now]
    with pytest.raises(IntegrityError), site.backend.data.write() as conn:
        conn.execute(key_backup.delete())

    assert _noted(older) == []
    restore(older.data, older.keys, site.provider, site.store, io.BytesIO(saved))

    assert _noted(older) == [now]


def _noted(backend):
    with backend.data.read() as conn:
        return made_before(conn, 1 << 60)


def test_a_restored_backup_holds_every_key_and_opens_every_value(site, now):
    crowd = people.enrol(site.vault, range(40), now)
    saved = site.backup(now)
    fresh = site.copies("")

    done = site.restore(saved, fresh)

    assert (done.without_keys, done.erased_again, done.made_at) == (0, 0, now)
    for table in ROW_TABLES:
        with fresh.keys.read() as new, site.backend.keys.read() as old:
            assert _count(new, table) == _count(old, table) > 0, table.name
    assert [site.reads(fresh, person, now) for person in crowd[:3]] == [
        {"phone": people.phone(i)} for i in range(3)
    ]


def test_a_backup_made_in_the_middle_of_a_change_of_the_tenant_key_is_restored_under_the_new_one(site, now):
    crowd = people.enrol(site.vault, range(3), now)
    start(site.vault, Kind.TENANT, now)
    crowd += people.enrol(site.vault, range(3, 5), now)
    fresh = site.copies("")

    site.restore(site.backup(now), fresh)

    with fresh.keys.read() as conn:
        for table in (index_root, service_key, subject_key):
            assert set(conn.execute(select(table.c.kek_version)).scalars()) == {2}
    assert [site.reads(fresh, who, now) for who in crowd] == [{"phone": people.phone(i)} for i in range(5)]


def test_a_backup_made_in_the_middle_of_an_index_rotation_leaves_the_next_one_free(site, now):
    crowd = people.enrol(site.vault, range(2), now)
    start(site.vault, Kind.INDEX, now)
    fresh = site.copies("")

    done = site.restore(site.backup(now), fresh)

    opened = open_vault(fresh.data, fresh.keys, site.provider)
    assert (done.refill, opened.keyring.tag_epochs) == (False, (1,))
    assert run(opened, start(opened, Kind.INDEX, now + 1)).over
    assert [one.subject for one in find(opened, {"phone": people.phone(0)})] == [crowd[0].subject]


def test_a_restore_says_whose_keys_are_older_than_their_values(site, now):
    crowd = people.enrol(site.vault, range(3), now)
    saved = site.backup(now)
    assert rotate_person(site.vault, crowd[1].subject)
    fresh = site.copies("")

    done = site.restore(saved, fresh)

    assert (done.without_keys, done.outdated, done.refill) == (0, 1, False)
    assert site.reads(fresh, crowd[0], now) == {"phone": people.phone(0)}
    assert isinstance(site.reads(fresh, crowd[1], now), Unreadable)


def test_after_a_restore_from_before_an_index_rotation_the_index_is_made_again(site, now):
    crowd = people.enrol(site.vault, range(3), now)
    saved = site.backup(now)
    run(site.vault, start(site.vault, Kind.INDEX, now + 1))
    fresh = site.copies("")

    done = site.restore(saved, fresh)

    opened = open_vault(fresh.data, fresh.keys, site.provider)
    assert done.refill
    assert opened.keyring.tag_epochs == (1, 3), "no number that tags are stored under is given again"
    assert run(opened, resume(opened, Kind.INDEX)).over
    assert [one.subject for one in find(opened, {"phone": people.phone(0)})] == [crowd[0].subject]
    again = create_many(opened, [NewPerson({"phone": people.phone(0)})], now + 9)
    assert again == [Refused("person_exists", "phone")]


def test_an_old_data_base_does_not_open_for_an_erased_person_under_todays_keys(site, now):
    kept, gone = people.enrol(site.vault, range(2), now)
    old = site.copies("data")
    people.erase(site.vault, gone, now + 1)

    mixed = open_vault(old.data, site.backend.keys, site.provider)

    answers = open_many(mixed, [people.permit(mixed, who, ("phone",), now) for who in (kept, gone)])
    assert answers == [{"phone": people.phone(0)}, Unreadable(UnreadableCode.ERASED)]


def test_a_restore_within_the_horizon_erases_again(site, now):
    kept, gone = people.enrol(site.vault, range(2), now)
    saved = site.backup(now)
    people.erase(site.vault, gone, now + 1)
    fresh = site.copies("")

    done = site.restore(saved, fresh)

    assert (done.erased_again, done.without_keys) == (1, 0)
    assert site.reads(fresh, kept, now) == {"phone": people.phone(0)}
    assert site.reads(fresh, gone, now) == Unreadable(UnreadableCode.ERASED)
    with fresh.keys.read() as conn:
        assert conn.execute(select(subject_key).where(subject_key.c.subject == gone.subject)).all() == []


def test_with_both_data_bases_older_a_list_kept_elsewhere_erases_again(site, now):
    kept, gone = people.enrol(site.vault, range(2), now)
    saved = site.backup(now)
    old = site.copies("data")
    people.erase(site.vault, gone, now + 1)

    done = site.restore(saved, old, also=[gone.subject])

    assert (done.erased_again, done.back, done.without_keys) == (1, 1, 0)
    assert site.reads(old, kept, now) == {"phone": people.phone(0)}
    assert isinstance(site.reads(old, gone, now), Unreadable)


def test_after_the_horizon_no_backup_opens_not_even_beside_an_old_data_base(site, now):
    people.enrol(site.vault, range(2), now)
    saved = site.backup(now)
    old = site.copies("data")
    later = now + DAYS * DAY_MS

    assert site.store.expire(DAYS, later) == []
    (destroyed,) = site.store.expire(DAYS, later + 1)

    assert not destroyed.path.exists()
    with pytest.raises(BackupExpired):
        site.restore(saved, old)
    with old.keys.read() as conn:
        assert _count(conn, subject_key) == 0


def test_the_key_of_an_expired_epoch_is_overwritten_before_it_is_unlinked(site, now, monkeypatch):
    epoch = site.store.begin(now)
    before = epoch.path.read_bytes()
    seen: list[bytes] = []
    unlink = Path.unlink
    monkeypatch.setattr(Path, "unlink", lambda path: (seen.append(path.read_bytes()), unlink(path))[1])

    site.store.expire(DAYS, now + (DAYS + 1) * DAY_MS)

    assert [len(data) for data in seen] == [len(before)]
    assert seen[0] != before
    assert not epoch.path.exists()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_whoever_is_killed_while_destroying_a_key_leaves_none_and_the_next_one_finishes(
    site, now, provider, monkeypatch
):
    first = site.store.begin(now)
    later = now + (DAYS + 1) * DAY_MS
    second = site.store.begin(later)

    class Killed(Exception):
        pass

    def kill(_path):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", kill)
        with pytest.raises(Killed):
            site.store.expire(DAYS, later)

    assert site.store.epochs() == [second]
    with pytest.raises(BackupExpired):
        site.store.key(first.made_at)
    assert site.store.rewrap(provider) == 1
    assert site.store.expire(DAYS, later) == []
    assert [path.name for path in first.path.parent.iterdir()] == [second.path.name]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_file_that_is_no_key_does_not_hold_up_a_change_of_the_root(site, now, provider):
    broken, whole = site.store.begin(now), site.store.begin(now + 1)
    broken.path.write_bytes(bytes(broken.path.stat().st_size))

    assert site.store.rewrap(provider) == 1
    assert len(site.store.key(whole.made_at)) == 32


def test_backups_of_one_day_share_an_epoch_and_the_next_day_begins_another(site, now):
    assert site.store.current(now) == site.store.current(now + DAY_MS - 1)
    assert site.store.current(now + DAY_MS).made_at == now + DAY_MS
    assert len(site.store.epochs()) == 2


def test_people_created_after_the_backup_are_counted_as_unreadable(site, now):
    people.enrol(site.vault, range(2), now)
    saved = site.backup(now)
    people.enrol(site.vault, range(2, 5), now + 1)

    assert site.restore(saved, site.copies("")).without_keys == 3


def test_nothing_is_restored_over_keys_that_are_there(site, now):
    people.enrol(site.vault, range(2), now)
    saved = site.backup(now)

    with pytest.raises(KeysPresent):
        site.restore(saved, site.backend)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_changed_cut_or_foreign_backup_restores_nothing(site, now, tmp_path):
    people.enrol(site.vault, range(2), now)
    saved = site.backup(now)
    fresh = site.copies("")
    flipped = [saved[:at] + bytes([saved[at] ^ 1]) + saved[at + 1 :] for at in (0, 4, 16, 30, 60, 200, -1)]

    for broken in [*flipped, saved[:36], saved[:-40], saved + b"x", b""]:
        with pytest.raises((MalformedBackup, Unopenable, BackupExpired)):
            site.restore(broken, fresh)
    other = BackupKeys(tmp_path / "backup-keys", site.provider, b"t" * 16)
    with pytest.raises(MalformedBackup):
        restore(fresh.data, fresh.keys, site.provider, other, io.BytesIO(saved))
    with fresh.keys.read() as conn:
        assert [_count(conn, table) for table in ROW_TABLES] == [0, 0, 0, 0]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_backup_shows_no_key_and_no_person(site, now):
    (who,) = people.enrol(site.vault, range(1), now)
    saved = site.backup(now)
    key = site.vault.keyring.subject_keys([(who.bucket, who.subject)])[who.subject]

    for secret in (key.data, key.ledger, who.subject):
        assert secret not in saved
        assert secret.hex().encode() not in saved


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_backup_outlives_a_change_of_the_root(site, now, tmp_path):
    (who,) = people.enrol(site.vault, range(1), now)
    saved = site.backup(now)
    create_root(tmp_path / "other.root", "another passphrase")
    fresh_root = open_root(tmp_path / "other.root", "another passphrase")

    assert site.store.rewrap(fresh_root) == 1
    assert site.store.rewrap(fresh_root) == 1, "a change that was interrupted is simply repeated"

    with pytest.raises(Unopenable):
        site.restore(saved, site.copies(""))
    moved = BackupKeys(tmp_path / "backup-keys", fresh_root, site.vault.installation.tenant)
    fresh = site.copies("")
    restore(fresh.data, fresh.keys, fresh_root, moved, io.BytesIO(saved))
    opened = open_vault(fresh.data, fresh.keys, fresh_root)
    assert open_many(opened, [people.permit(opened, who, ("phone",), now)]) == [{"phone": people.phone(0)}]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_epoch_keys_are_their_owners_only_and_say_nothing(site, now):
    epoch = site.store.begin(now)

    assert epoch.path.stat().st_mode & 0o777 == 0o600
    assert site.store.key(epoch.made_at) not in epoch.path.read_bytes()


def test_a_restored_keyring_still_finds_and_writes(site, now):
    people.enrol(site.vault, range(3), now)
    saved = site.backup(now)
    fresh = site.copies("")
    site.restore(saved, fresh)

    opened = open_vault(fresh.data, fresh.keys, site.provider)

    assert people.change(opened, _somebody(opened), "name", "Renamed", now + 1).version == 2
    assert isinstance(opened.keyring, Keyring)


def _somebody(vault: Vault):
    from vault.reading.records import people as everybody

    with vault.data.read() as conn:
        return next(everybody(conn))[1]


def _count(conn, table) -> int:
    return conn.execute(select(func.count()).select_from(table)).scalar_one()
