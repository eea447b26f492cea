"""A new index epoch: every tag is made again under a new root, then the old tags and the old root are gone.

| stage   | written  | read | what happens                                                       |
|---------|----------|------|--------------------------------------------------------------------|
| tell    | old, new | old  | until every process writes both                                    |
| drain   | old, new | old  | until whoever wrote the old one only has committed                 |
| fill    | old, new | old  | tags and unique keys of everybody's stored versions, in batches    |
| switch  | old, new | new  | until every process reads the new one                              |
| leave   | new      | new  | until no process writes the old one                                |
| settle  | new      | new  | until whoever still wrote it has committed                         |
| drop    | new      | new  | tags of the old epoch, in the order of their numbers               |
| destroy | new      | new  | unique keys and blind codes of the old epoch, then the old root    |
"""

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import Connection, delete, func, select, update

from vault.families.merge import survivors
from vault.finding.tag_tables import tag, unique_key
from vault.ids import Person, SubjectId, bucket_for
from vault.keys.evictions import TENANT, announce
from vault.keys.keyring import KeysUnavailable
from vault.keys.subjects import Wrapping
from vault.keys.tables import index_root
from vault.keys.tag_keys import TagKeys
from vault.keys.tenant import add_index_root
from vault.linkage.tables import linkage_code
from vault.opening import Vault
from vault.people.canonical_history import CanonicalHistory, canonical_history
from vault.people.drafts import UniqueKey, claims_of
from vault.people.holds import lock_people
from vault.people.stored import StoredValue, every_values
from vault.rotation.barrier import barrier, passed
from vault.rotation.claims import carry
from vault.rotation.jobs import Job, Kind, move, new_job, store
from vault.rotation.people import count_kept, next_people, pack_person
from vault.rotation.refill import REFILL
from vault.tags.making import tags_for, tags_for_person
from vault.tags.writing import TagRow, write_tags

BATCH: Final = 250
DROP: Final = 20_000


def begin(vault: Vault, now_ms: int) -> Job:
    """Make the next epoch's root; raises RotationRunning."""
    ring = vault.keyring
    with vault.data.read() as conn:
        total = count_kept(conn)
    return ring.store_wrapped(1, lambda under: _begin(vault, under, total, now_ms))


def _begin(vault: Vault, under: Wrapping, total: int, now_ms: int) -> Job:
    ring = vault.keyring
    with ring.database.write() as conn:
        newest = select(func.max(index_root.c.epoch)).where(index_root.c.tenant == ring.tenant)
        target = int(conn.execute(newest).scalar_one()) + 1
        job = new_job(ring.tenant, Kind.INDEX, "tell", target, total, now_ms)
        store(conn, job)
        add_index_root(conn, under, epoch=target, state="building", now_ms=now_ms)
        return _told(conn, vault, job, "tell", now_ms)


def tell(vault: Vault, job: Job, now_ms: int) -> Job:
    """Go on when every process writes the new epoch too."""
    return _drained_next(vault, job, "drain", now_ms)


def drain(vault: Vault, job: Job, now_ms: int) -> Job:
    """Go on when whoever did not write it yet has committed."""
    return _when_passed(vault, job, job.to("fill", now_ms))


def fill(vault: Vault, job: Job, now_ms: int) -> Job:
    """Tags and unique keys of the next people under the new epoch; after the last one everybody reads it.

    After a restore (`refill`) there is nothing to carry over: first everybody gets the unique keys of their own
    values, then (stage "reclaim") those of their duplicates', as far as nobody else has them.
    """
    ring = vault.keyring
    people = next_people(vault, job.cursor, BATCH)
    keys = _building(vault, job)
    with vault.data.write() as conn:
        _fill(conn, vault, keys, job, people)
    with ring.database.write() as conn:
        if len(people) == BATCH:
            after = job.to(job.stage, now_ms, cursor=pack_person(people[-1]), done=len(people))
            move(conn, job, after)
            return after
        if job.stage == REFILL:
            again = job.to("reclaim", now_ms)
            move(conn, job, again)
            return again
        _become(conn, job, "active", "leaving")
        _become(conn, job, "building", "active")
        return _told(conn, vault, job, "switch", now_ms, done=len(people))


def switch(vault: Vault, job: Job, now_ms: int) -> Job:
    """When every process reads the new epoch, nobody has to write the old one."""
    ring = vault.keyring
    if not ring.is_clear(int.from_bytes(job.cursor)):
        return job
    with ring.database.write() as conn:
        _become(conn, job, "leaving", "retired")
        return _told(conn, vault, job, "leave", now_ms)


def leave(vault: Vault, job: Job, now_ms: int) -> Job:
    """Go on when no process writes the old epoch."""
    return _drained_next(vault, job, "settle", now_ms)


def settle(vault: Vault, job: Job, now_ms: int) -> Job:
    """Go on when whoever still wrote it has committed."""
    return _when_passed(vault, job, job.to("drop", now_ms))


def drop(vault: Vault, job: Job, now_ms: int) -> Job:
    """Delete the next tags of epochs before the new one, in the order of their numbers."""
    lowest = int.from_bytes(job.cursor, signed=True) if job.cursor else -(1 << 63)
    buckets = vault.installation.buckets
    old = (tag.c.epoch < job.target, tag.c.bucket.between(buckets.first, buckets.first + buckets.many - 1))
    with vault.data.write() as conn:
        highest = conn.execute(
            select(tag.c.tag).where(*old, tag.c.tag >= lowest).order_by(tag.c.tag).offset(DROP).limit(1)
        ).scalar()
        here = tag.c.tag >= lowest if highest is None else tag.c.tag.between(lowest, highest)
        conn.execute(delete(tag).where(*old, here))
    after = (
        job.to("destroy", now_ms)
        if highest is None
        else job.to("drop", now_ms, cursor=highest.to_bytes(8, signed=True))
    )
    return _move(vault, job, after)


def destroy(vault: Vault, job: Job, now_ms: int) -> Job:
    """Delete the old unique keys and blind codes, then the old root: what an old backup still holds of these tags
    says nothing.
    """
    buckets = vault.installation.buckets
    with vault.data.write() as conn:
        for bucket in buckets.every():
            conn.execute(
                delete(unique_key).where(unique_key.c.bucket == bucket, unique_key.c.epoch < job.target)
            )
            conn.execute(
                delete(linkage_code).where(linkage_code.c.bucket == bucket, linkage_code.c.epoch < job.target)
            )
    with vault.keyring.database.write() as conn:
        conn.execute(
            delete(index_root).where(
                index_root.c.tenant == job.tenant,
                index_root.c.state == "retired",
                index_root.c.epoch < job.target,
            )
        )
        after = job.finished(now_ms)
        move(conn, job, after)
    return after


def _building(vault: Vault, job: Job) -> TagKeys:
    """The tag keys, the new epoch's among them: this process must write it like all the others."""
    keys = vault.keyring.tag_keys
    if job.target not in keys.tag_epochs:
        keys = vault.keyring.refreshed().tags
    if job.target not in keys.tag_epochs:
        raise KeysUnavailable("the index epoch that is being built is not here")
    return keys


def _fill(conn: Connection, vault: Vault, keys: TagKeys, job: Job, people: Sequence[Person]) -> None:
    """Holding their rows, write what these people are found by under the job's epoch.

    Of a value whose canonical form is lost nothing is made: it is not found in the new epoch.
    """
    buckets, built = vault.installation.buckets, keys.only(job.target)
    # Whoever has a duplicate's key values must not give one back meanwhile.
    owners = [(bucket_for(who, buckets), who) for who in survivors(conn, people).values()]
    states = lock_people(conn, [*people, *owners])
    homes = {subject: bucket for bucket, subject in people if states.get(subject) in {"active", "merged"}}
    opening = vault.keyring.subject_keys([(bucket, subject) for subject, bucket in homes.items()])
    found = every_values(conn, vault, {who: (homes[who], key) for who, key in opening.items()})
    survivor = survivors(conn, [(bucket, subject) for subject, bucket in homes.items()])
    claims: list[tuple[SubjectId, Sequence[UniqueKey]]] = []
    rows: list[TagRow] = []
    for subject, values in found.items():
        history = canonical_history(vault.catalogue, values)
        rows += [
            TagRow(number, kind, job.target, homes[subject], subject, version)
            for kind, number, version in _tags(vault, built, values, history)
        ]
        owner = survivor.get(subject, subject)  # key values of a duplicate belong to who it was merged into
        if job.stage == "fill" or (job.stage == REFILL) == (owner == subject):
            claims += [(owner, places) for places in _claims(vault, keys, values, history)]
    write_tags(conn, rows)
    carry(conn, claims, reading=keys.index_epoch if job.stage == "fill" else None, target=job.target)


def _claims(
    vault: Vault, keys: TagKeys, values: Iterable[StoredValue], history: CanonicalHistory
) -> Iterable[Sequence[UniqueKey]]:
    """What each of the current versions occupies."""
    for one in values:
        form = history.forms.get((one.field, one.version))
        if one.valid_to is None and form is not None:
            yield claims_of(keys, vault.installation.buckets, vault.catalogue.field(one.field), form)


def _tags(
    vault: Vault, keys: TagKeys, values: Sequence[StoredValue], history: CanonicalHistory
) -> set[tuple[int, int, int]]:
    """(kind, tag, version) of everything that was ever current, pairs of values as they stood together."""
    # Changed twice in a millisecond, a version was current at no instant and has tags all the same.
    made = {
        (kind, number, version)
        for (code, version), text in history.forms.items()
        for kind, number in tags_for(keys, code, text, catalogue=vault.catalogue)
    }
    for instant in {one.valid_from for one in values}:
        then = {
            one.field: one
            for one in values
            if (one.field, one.version) in history.forms
            and one.valid_from <= instant
            and (one.valid_to is None or one.valid_to > instant)
        }
        texts = {code: history.forms[code, one.version] for code, one in then.items()}
        found = tags_for_person(keys, texts, catalogue=vault.catalogue)
        made |= {(kind, number, then[code].version) for kind, number, code in found}
    return made


def _become(conn: Connection, job: Job, before: str, after: str) -> None:
    mine = (index_root.c.tenant == job.tenant, index_root.c.state == before)
    conn.execute(update(index_root).where(*mine).values(state=after))


def _told(conn: Connection, vault: Vault, job: Job, stage: str, now_ms: int, *, done: int = 0) -> Job:
    """In the transaction that changed an epoch's state: tell every process, and wait in `stage`."""
    seq = announce(conn, job.tenant, [TENANT], vault.keyring.wall_ms())
    after = job.to(stage, now_ms, cursor=seq.to_bytes(8), done=done)
    move(conn, job, after)
    return after


def _drained_next(vault: Vault, job: Job, stage: str, now_ms: int) -> Job:
    if not vault.keyring.is_clear(int.from_bytes(job.cursor)):
        return job
    return _move(vault, job, job.to(stage, now_ms, cursor=barrier(vault.data).to_bytes(8)))


def _when_passed(vault: Vault, job: Job, after: Job) -> Job:
    return _move(vault, job, after) if passed(vault.data, int.from_bytes(job.cursor)) else job


def _move(vault: Vault, before: Job, after: Job) -> Job:
    with vault.keyring.database.write() as conn:
        move(conn, before, after)
    return after
