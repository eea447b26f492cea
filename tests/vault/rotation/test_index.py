"""A new index epoch: tags are written twice, filled, switched, dropped; nobody is ever not found."""

import pytest
from sqlalchemy import delete, select, update

from tests.vault.people.made_up import change, enrol, phone, values
from tests.vault.rotation.kit import crowd, index_states, rotate, steps, tag_rows, unique_rows
from vault.finding.tag_tables import tag
from vault.keys.keyring import EpochMoved
from vault.keys.tables import rotation as rotation_row
from vault.people.enrol import TAKEN
from vault.reading.records import NewPerson, Refused, Updated, create_many
from vault.rotation import Kind, resume, run, start, step
from vault.rotation import index as rotation
from vault.tags import Probe, confirm, match


def find(vault, number: str) -> set[bytes]:
    probes = [Probe("phone", number)]
    with vault.data.read() as conn:
        hits = match(conn, vault.keyring, probes)
        right = confirm(conn, vault.keyring, hits, probes)
    return {hit.subject for hit, yes in zip(hits, right, strict=True) if yes}


def kinds(vault) -> dict[bytes, set[tuple[int, int]]]:
    """By person, (kind, version) of the tags under the epoch that is read."""
    found: dict[bytes, set[tuple[int, int]]] = {}
    with vault.data.read() as conn:
        for row in conn.execute(select(tag).where(tag.c.epoch == vault.keyring.index_epoch)):
            found.setdefault(row.subject, set()).add((row.kind, row.version))
    return found


def test_the_new_epoch_holds_exactly_what_the_old_one_held(vault, others, now):
    people = crowd(vault, 8, now)
    change(vault, people[2].subject, "phone", phone(300), now + 5)
    change(vault, people[2].subject, "name", "张无忌", now + 6)
    before, tags, keys = kinds(vault), tag_rows(vault), unique_rows(vault)

    job = rotate(vault, Kind.INDEX, now)

    assert (job.over, job.target, job.done, job.total) == (True, 2, 8, 8)
    assert vault.keyring.index_epoch == 2
    assert kinds(vault) == before
    assert tag_rows(vault) == {2: tags[1]}
    assert unique_rows(vault) == {2: keys[1]}
    assert index_states(vault) == {2: "active"}
    for fresh in (vault, *others(1)):
        assert find(fresh, phone(2)) == find(fresh, phone(300)) == {people[2].subject}


def test_at_every_step_everybody_is_found_nobody_twice_created_and_changes_are_kept(vault, now, monkeypatch):
    monkeypatch.setattr(rotation, "BATCH", 3)
    monkeypatch.setattr(rotation, "DROP", 20)
    people = crowd(vault, 10, now)
    owners = {phone(at): one.subject for at, one in enumerate(people)}
    job, number, at = start(vault, Kind.INDEX, now), 1_000, now + 1
    stages = []
    while not job.over:
        stages.append(job.stage)
        (new,) = enrol(vault, range(number, number + 1), now)
        owners[phone(number)] = new.subject
        moved = people[number % 10].subject
        assert isinstance(change(vault, moved, "phone", phone(number + 500), at), Updated)
        owners[phone(number + 500)] = moved
        taken = create_many(vault, [NewPerson({"email": values(number)["email"]})], now)
        assert taken == [Refused(TAKEN, "email")]
        for text, owner in owners.items():
            assert find(vault, text) == {owner}, (job.stage, text)
        number, at = number + 1, at + 1
        job = step(vault, job, now)
    assert list(dict.fromkeys(stages)) == [
        "tell",
        "drain",
        "fill",
        "switch",
        "leave",
        "settle",
        "drop",
        "destroy",
    ]
    assert set(tag_rows(vault)) == set(unique_rows(vault)) == {2}
    for text, owner in owners.items():
        assert find(vault, text) == {owner}


def test_filling_waits_until_every_process_writes_the_new_epoch(vault, others, now):
    crowd(vault, 2, now)
    other = others(1)[0]
    assert other.keyring.tag_epochs == (1,)
    job = start(vault, Kind.INDEX, now)
    assert step(vault, job, now) is job
    other.keyring.close()
    assert other.keyring.tag_epochs == (1, 2)
    other.keyring.close()  # it asks for nothing more: each later step would wait for its lease to end
    assert run(vault, job, clock=lambda: now).over


def test_tags_made_before_an_epoch_began_are_not_committed_after_it(vault, now):
    made_with = vault.keyring.tag_keys
    vault.keyring.settle_tags(made_with)
    job = start(vault, Kind.INDEX, now)
    job = steps(vault, job, now, until=lambda job: job.stage == "drain")
    with pytest.raises(EpochMoved) as refusal:
        vault.keyring.settle_tags(made_with)
    assert refusal.value.code == "epoch_moved"
    run(vault, job, clock=lambda: now)


def test_a_fill_that_broke_off_is_done_again_without_doubles(vault, others, now, monkeypatch):
    monkeypatch.setattr(rotation, "BATCH", 3)
    crowd(vault, 7, now)
    before, rows = kinds(vault), tag_rows(vault)
    vault.keyring.close()
    job = steps(vault, start(vault, Kind.INDEX, now), now, until=lambda job: job.stage == "fill")
    step(vault, job, now)
    with vault.keyring.database.write() as conn:  # as if killed after the tags and before the row was moved
        conn.execute(update(rotation_row).values(cursor=b"", done=0))
    vault.keyring.close()
    fresh = others(1)[0]
    run(fresh, resume(fresh, Kind.INDEX), clock=lambda: now)
    assert kinds(fresh) == before
    assert tag_rows(fresh) == {2: rows[1]}


def test_epochs_are_never_numbered_twice(vault, now):
    crowd(vault, 2, now)
    assert [rotate(vault, Kind.INDEX, now).target for _ in range(3)] == [2, 3, 4]
    assert index_states(vault) == {4: "active"}
    assert set(tag_rows(vault)) == {4}


def test_the_same_value_has_another_tag_in_every_epoch(vault, now):
    crowd(vault, 1, now)
    with vault.data.read() as conn:
        before = set(conn.execute(select(tag.c.tag)).scalars())
    rotate(vault, Kind.INDEX, now)
    with vault.data.read() as conn:
        after = set(conn.execute(select(tag.c.tag)).scalars())
    assert not before & after


def test_a_missing_tag_is_back_after_a_rotation(vault, now):
    (one,) = crowd(vault, 1, now)
    with vault.data.write() as conn:
        conn.execute(delete(tag))
    assert find(vault, phone(0)) == set()
    rotate(vault, Kind.INDEX, now)
    assert find(vault, phone(0)) == {one.subject}
