"""The tenant key is replaced while everybody reads, writes and enrols."""

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from tests.vault.people import enrol
from tests.vault.rotation.kit import crowd, kek_states, kek_versions, read, rotate, steps
from vault.key_tables import tenant_kek
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
