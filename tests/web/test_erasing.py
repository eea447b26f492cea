"""Erasing while a server runs: sessions end at once, a job does the rest, and the horizon is public."""

import pytest
from sqlalchemy import select, update

from api.jobs.handlers import work_of
from api.jobs.lease import LEASE_MS, take
from api.jobs.worker import Worker
from api.staff import erasing
from api.staff.erasing import ERASE, order_erasure, resume_erasures
from consent.erasure.certificates import certificate
from consent.erasure.orders import By, Reason
from consent.instants import instant
from tests.flow.installation import open_world
from vault.backups.keys import DAY_MS, BackupKeys
from vault.erasure.erased_list import DamagedList, ErasedList
from vault.finding.tag_tables import tag, unique_key
from vault.keys.status import oldest_index_root
from vault.keys.tables import index_root

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
SELF = By(actor="self", reason=Reason.REQUESTED)


@pytest.fixture
def world(vault, tmp_path, monkeypatch):
    made = open_world(vault, tmp_path)
    monkeypatch.setattr(erasing.time, "sleep", made.clock.pass_seconds)
    with made.http:
        yield made


def work(world) -> Worker:
    return Worker(world.vault.data, world.clock, work_of(world.settings, world.vault, world.clock))


def certified(world, person) -> bool:
    created = person.created
    with world.vault.data.read() as conn:
        return certificate(conn, world.vault, created.bucket, created.subject) is not None


def test_the_order_ends_every_session_and_the_job_carries_it_out(world):
    person = world.person()
    person.sign_in()
    assert person.get("/en/grants").status_code == 200

    order_erasure(world.vault, [person.created.subject], SELF, world.clock())

    assert person.get("/en/grants").status_code != 200
    assert work(world).do_one()
    assert certified(world, person)
    assert not work(world).do_one()
    assert ErasedList(world.settings.erased_list).load() == {person.created.subject}


def test_a_worker_that_dies_leaves_the_erasure_to_the_next(world):
    person = world.person()
    order_erasure(world.vault, [person.created.subject], SELF, world.clock())
    assert take(world.vault.data, "dies", world.clock()).kind == ERASE

    world.clock.pass_seconds(LEASE_MS / 1000 + 1)

    assert work(world).do_one()
    assert certified(world, person)


def test_a_start_takes_up_what_has_lost_its_job(world):
    person = world.person()
    order_erasure(world.vault, [person.created.subject], SELF, world.clock())
    assert take(world.vault.data, "finishes nothing", world.clock()) is not None

    resume_erasures(world.settings, world.vault, world.clock())
    resume_erasures(world.settings, world.vault, world.clock())

    assert work(world).do_one()
    assert certified(world, person)
    assert not work(world).do_one(), "one start, one job"
    resume_erasures(world.settings, world.vault, world.clock())
    assert not work(world).do_one(), "nothing is left to take up"


def test_whoever_a_restored_data_base_brought_back_is_erased_again_at_the_next_start(world):
    kept, gone = world.person(), world.person({"name": "李四", "phone": "13900000001"})
    subject = gone.created.subject
    world.vault.keyring.destroy_many([(gone.created.bucket, subject)])
    ErasedList(world.settings.erased_list).add([subject])

    for _ in range(2):
        resume_erasures(world.settings, world.vault, world.clock())

    assert work(world).do_one()
    assert not work(world).do_one(), "once is enough"
    assert certified(world, gone)
    assert not certified(world, kept)
    with world.vault.data.read() as conn:
        held = conn.execute(select(unique_key.c.subject)).scalars().all()
        assert subject not in {*held, *conn.execute(select(tag.c.subject)).scalars()}


def test_a_damaged_list_of_the_erased_does_not_keep_a_server_from_starting(world, caplog):
    world.settings.erased_list.write_text("nobody\n")

    resume_erasures(world.settings, world.vault, world.clock())

    assert "list of erased people is damaged" in caplog.text


def test_anybody_may_read_how_long_backups_can_still_hold_the_erased(world):
    found, keyring = world.http.get("/.well-known/perusal-erasure"), world.vault.keyring

    assert found.status_code == 200
    assert found.json() == {
        "horizon_days": 395,
        "values_days": 30,
        "tags_days": 395,
        "oldest_backup_key": None,
        "oldest_index_key": instant(oldest_index_root(keyring.database, keyring.tenant)),
        "kept": True,
    }


def test_a_horizon_that_is_not_kept_says_so(world, provider):
    store = BackupKeys(world.settings.backup_keys, provider, world.vault.installation.tenant)
    store.begin(world.clock() - 32 * DAY_MS)

    assert world.http.get("/.well-known/perusal-erasure").json()["kept"] is False
    store.expire(30, world.clock())
    assert world.http.get("/.well-known/perusal-erasure").json()["kept"] is True


def test_the_horizon_is_not_kept_either_when_the_index_is_older_than_was_promised(world):
    year = world.settings.horizon.index_days * DAY_MS
    for age, kept in ((0, True), (year, True), (year + 2 * DAY_MS, False)):
        with world.vault.keyring.database.write() as conn:
            conn.execute(update(index_root).values(created_at=world.clock() - age))
        assert world.http.get("/.well-known/perusal-erasure").json()["kept"] is kept, age


def test_a_line_cut_short_in_the_list_of_the_erased_is_taken_back_and_a_damaged_list_is_refused(
    world, tmp_path
):
    kept = ErasedList(tmp_path / "list")
    kept.add([b"a" * 16, b"b" * 16])
    with kept.path.open("a") as file:
        file.write("sub_abc")

    assert kept.load() == {b"a" * 16, b"b" * 16}
    kept.add([b"c" * 16, b"a" * 16])
    assert len(kept.path.read_text().splitlines()) == 3
    kept.path.write_text("something else\n")
    with pytest.raises(DamagedList):
        kept.load()
