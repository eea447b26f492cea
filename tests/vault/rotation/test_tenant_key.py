"""The tenant key is replaced while everybody reads, writes and enrols."""

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests.vault.people.made_up import enrol
from tests.vault.rotation.kit import crowd, kek_states, kek_versions, read, rotate, steps
from vault.keys.tables import index_root, service_key, subject_key, tenant_kek
from vault.keys.tenant import add_index_root
from vault.rotation import (
    Kind,
    NothingToResume,
    RotationRunning,
    destroy_retired,
    jobs,
    resume,
    run,
    start,
    step,
)
from vault.rotation import tenant_key as rotation
from vault.rotation.people import rotate_person
from vault.storage.database import Dialect


def test_everything_lies_under_the_new_version_afterwards_and_opens_as_before(vault, others, now):
    people = crowd(vault, 30, now)
    before = read(vault, people, now)
    secrets = [vault.keyring.service_key("permit"), vault.keyring.index_key(65)]

    job = rotate(vault, Kind.TENANT, now)

    assert (job.over, job.target, job.left_over) == (True, 2, 0)
    assert job.done == job.total
    assert kek_versions(vault) == {2}
    assert kek_states(vault) == {1: "retired", 2: "active"}
    fresh = others(1)[0]
    assert read(fresh, people, now) == read(vault, people, now) == before
    assert [fresh.keyring.service_key("permit"), fresh.keyring.index_key(65)] == secrets


def test_rotating_twice_counts_on(vault, now):
    people = crowd(vault, 3, now)
    for version in (2, 3):
        assert rotate(vault, Kind.TENANT, now).target == version
    assert kek_versions(vault) == {3}
    assert all(isinstance(one, dict) for one in read(vault, people, now))
    assert [job.target for job in jobs(vault.keyring.database, vault.keyring.tenant)] != []


def test_a_process_that_has_not_heard_of_the_new_version_follows_the_rows(vault, others, now):
    people = crowd(vault, 20, now)
    deaf = others(1)[0]
    deaf.keyring.service_key(
        "permit"
    )  # it has renewed its lease just now, and will not again for three seconds
    job = start(vault, Kind.TENANT, now)
    with vault.keyring.database.write() as conn:  # everybody waits for nobody: the deaf one has not seen it
        conn.exec_driver_sql("DELETE FROM cache_member")
    run(vault, job, clock=lambda: now)

    assert all(isinstance(one, dict) for one in read(deaf, people, now))


def test_no_row_is_rewrapped_before_every_process_knows_the_new_version(vault, others, now):
    crowd(vault, 5, now)
    other = others(1)[0]
    other.keyring.service_key("permit")
    job = start(vault, Kind.TENANT, now)

    assert step(vault, job, now) is job
    assert kek_versions(vault) == {1}
    other.keyring.close()
    assert run(vault, job, clock=lambda: now).over


def test_people_who_come_while_the_keys_are_rewrapped_are_rewrapped_too(vault, now, monkeypatch):
    monkeypatch.setattr(rotation, "BATCH", 7)
    crowd(vault, 20, now)
    job = start(vault, Kind.TENANT, now)
    number = 100
    while not job.over:
        enrol(vault, range(number, number + 3), now)
        number += 3
        job = step(vault, job, now)
    assert kek_versions(vault) == {2}


def test_a_rotation_goes_on_where_it_was_left_by_whoever_resumes_it(vault, others, now, monkeypatch):
    monkeypatch.setattr(rotation, "BATCH", 7)
    people = crowd(vault, 20, now)
    vault.keyring.close()
    first, second = others(2)
    left = steps(first, start(first, Kind.TENANT, now), now, until=lambda job: job.done > 10)
    first.keyring.close()

    found = resume(second, Kind.TENANT)
    assert found == left
    assert run(second, found, clock=lambda: now).done == found.total
    assert kek_versions(second) == {2}
    assert all(isinstance(one, dict) for one in read(second, people, now))
    with pytest.raises(NothingToResume):
        resume(second, Kind.TENANT)


def test_two_workers_on_one_rotation_do_it_once(vault, now, monkeypatch):
    monkeypatch.setattr(rotation, "BATCH", 7)
    people = crowd(vault, 20, now)
    job = steps(vault, start(vault, Kind.TENANT, now), now, until=lambda job: job.stage == "rewrap")

    ahead = step(vault, job, now)
    behind = step(vault, job, now)

    assert behind == ahead
    assert run(vault, behind, clock=lambda: now).done == job.total
    assert all(isinstance(one, dict) for one in read(vault, people, now))


def test_one_rotation_of_a_kind_runs_at_a_time(vault, now):
    start(vault, Kind.TENANT, now)
    with pytest.raises(RotationRunning):
        start(vault, Kind.TENANT, now)
    assert kek_states(vault) == {1: "retired", 2: "active"}


def test_a_retired_version_is_destroyed_when_nothing_needs_it_and_not_before(vault, now):
    people = crowd(vault, 3, now)
    job = start(vault, Kind.TENANT, now)
    assert destroy_retired(vault) == 0
    run(vault, job, clock=lambda: now)
    assert destroy_retired(vault) == 1
    assert kek_states(vault) == {1: "destroyed", 2: "active"}
    assert all(isinstance(one, dict) for one in read(vault, people, now))


def test_the_data_base_refuses_to_destroy_a_version_that_is_needed(vault, now):
    crowd(vault, 1, now)
    for state in ("active", "retired", "destroyed"):
        with pytest.raises(DBAPIError), vault.keyring.database.write() as conn:
            conn.execute(update(tenant_kek).values(state=state, wrapped=b""))


def _late(vault, others, now, count, do):
    """`do`, which takes its tenant key, then waits until somebody else has rotated it and destroyed the old one."""
    (other,) = others(1)
    wrapping, done = vault.keyring.wrapping, []

    def waits(wanted, **more):
        under = wrapping(wanted, **more)
        if not done:
            assert wanted == count
            done.append(start(other, Kind.TENANT, now))
            run(other, done[0], clock=lambda: now, pause=lambda _: vault.keyring.is_clear(1 << 40))
            assert destroy_retired(other) == 1
        return under

    vault.keyring.wrapping = waits
    answer = do()
    assert kek_versions(vault) == {2}
    assert kek_states(vault) == {1: "destroyed", 2: "active"}
    return answer


def test_people_made_by_a_process_that_slept_through_a_rotation_have_keys_that_open(vault, others, now):
    made = _late(vault, others, now, 2, lambda: crowd(vault, 1, now))
    assert all(isinstance(one, dict) for one in read(others(1)[0], made, now))


def test_an_index_root_made_by_a_process_that_slept_through_a_rotation_opens(vault, others, now):
    _late(vault, others, now, 1, lambda: start(vault, Kind.INDEX, now))
    assert others(1)[0].keyring.tag_epochs == (1, 2)


def test_a_person_moved_by_a_process_that_slept_through_a_rotation_stays_readable(vault, others, now):
    people = crowd(vault, 1, now)
    assert _late(vault, others, now, 1, lambda: rotate_person(vault, people[0].subject))
    assert all(isinstance(one, dict) for one in read(others(1)[0], people, now))


@pytest.mark.parametrize("table", [subject_key, index_root, service_key], ids=lambda table: table.name)
def test_the_data_base_stores_and_moves_keys_under_the_active_version_only(vault, now, table):
    crowd(vault, 2, now)
    start(vault, Kind.TENANT, now)
    with vault.keyring.database.read() as conn:
        row = dict(conn.execute(select(table).limit(1)).mappings().one())
    number = "version" if table is service_key else "epoch"
    more = {"state": "retired"} if "state" in row else {}
    for version in (1, 3):
        with pytest.raises(IntegrityError), vault.keyring.database.write() as conn:
            conn.execute(table.insert().values({**row, **more, number: 9, "kek_version": version}))
    with vault.keyring.database.write() as conn:
        conn.execute(update(table).values(wrapped=table.c.wrapped))
        conn.execute(update(table).values(kek_version=2))
    with pytest.raises(IntegrityError), vault.keyring.database.write() as conn:
        conn.execute(update(table).values(kek_version=1))


def test_a_retirement_waits_for_whoever_is_just_storing_keys(vault, others, now):
    crowd(vault, 1, now)
    database = vault.keyring.database
    if database.dialect is Dialect.SQLITE:
        pytest.skip("SQLite lets one writer in at a time")
    under = vault.keyring.wrapping(1)
    with database.write() as conn:
        add_index_root(conn, under, epoch=7, state="retired", now_ms=now)
        with database.write() as other:
            other.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
            with pytest.raises(DBAPIError, match="lock timeout"):
                other.execute(update(tenant_kek).values(state="retired"))
