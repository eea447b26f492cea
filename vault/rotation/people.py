"""A new data key for people: their values are sealed again under it, then the old key is destroyed.

1  key data base: a key of the next epoch; who reads their keys from now on seals under it
2  data base, holding the person's row: every value of an older epoch is sealed again, and the row says that
   nothing may be sealed under an older epoch any more (the data base refuses it)
3  key data base: the older epochs are deleted and every cache is told

Killed anywhere, every value opens and the next run goes on with the key that is there. The ledger key stays:
it opens what the ledger has proved.
"""

import hashlib
import secrets
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, func, select, tuple_

from vault.ids import Bucket, Person, RecordId, SubjectId, bucket_for
from vault.keys import subjects as subject_keys
from vault.keys.evictions import announce
from vault.keys.keyring import Keyring
from vault.keys.subjects import SubjectKey, Wrapping
from vault.opening import Vault
from vault.rotation.jobs import Job, Kind, move, new_job, store
from vault.sealing.sealed import KEY_BYTES, SALT_BYTES, Place, Sealer, Unopenable
from vault.storage.rowset import RowSet
from vault.tables import person

BATCH: Final = 500
KEPT: Final = ("active", "merged")
"""States in which a person has values."""

_TAKE = RowSet(
    "WITH {rows} SELECT p.bucket, p.subject, p.key_epoch FROM rows JOIN person p ON p.bucket = rows.bucket "
    "AND p.subject = rows.subject WHERE p.state <> 'erased' ORDER BY p.bucket, p.subject {for_update:p}",
    bucket="int",
    subject="bytes",
)
_EPOCHS = RowSet(
    "WITH {rows} SELECT p.subject, p.key_epoch FROM rows JOIN person p ON p.bucket = rows.bucket "
    "AND p.subject = rows.subject WHERE p.state <> 'erased'",
    bucket="int",
    subject="bytes",
)
_VALUES = RowSet(
    "WITH {rows} SELECT v.bucket, v.subject, v.record, v.field, v.version, v.schema, v.blob "
    "FROM rows CROSS JOIN value v WHERE v.bucket = rows.bucket AND v.subject = rows.subject "
    "AND v.epoch < rows.epoch AND v.struck_at IS NULL",
    bucket="int",
    subject="bytes",
    epoch="int",
)
_RESEAL = RowSet(
    "WITH {rows} UPDATE value SET epoch = rows.epoch, blob = rows.blob, blob_sha256 = rows.blob_sha256 "
    "FROM rows WHERE value.bucket = rows.bucket AND value.subject = rows.subject "
    "AND value.record = rows.record AND value.field = rows.field AND value.version = rows.version",
    bucket="int",
    subject="bytes",
    record="bytes",
    field="text",
    version="int",
    epoch="int",
    blob="bytes",
    blob_sha256="bytes",
)
_LEAVE = RowSet(
    "WITH {rows} UPDATE person SET key_epoch = rows.epoch FROM rows WHERE person.bucket = rows.bucket "
    "AND person.subject = rows.subject AND person.key_epoch < rows.epoch",
    bucket="int",
    subject="bytes",
    epoch="int",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How many people have a new key, and who keeps the old one because a value of theirs does not open."""

    people: int
    behind: frozenset[SubjectId]

    @property
    def left_over(self) -> int:
        """How many keep the old one."""
        return len(self.behind)


def rotate_person(vault: Vault, subject: SubjectId) -> bool:
    """Give one person a new data key now, so that copies of the old one open nothing; False when impossible."""
    return move_people(vault, [(bucket_for(subject, vault.installation.buckets), subject)]).people == 1


def move_people(vault: Vault, people: Sequence[Person]) -> Moved:
    """Give people a new data key; whoever is erased or has no keys is passed over."""
    keys = _next_epoch(vault, people)
    with vault.data.write() as conn:
        moved = _move_values(conn, vault, keys)
    _destroy_older(vault, [(bucket, subject, keys[subject].epoch) for bucket, subject in moved])
    return Moved(people=len(moved), behind=frozenset(keys.keys() - {subject for _, subject in moved}))


def _next_epoch(vault: Vault, people: Sequence[Person]) -> dict[SubjectId, SubjectKey]:
    """People's keys, the newest of which nobody's values have to lie under yet."""
    ring = vault.keyring
    with vault.data.read() as conn:
        oldest = dict(_EPOCHS(conn, people))
    keys = ring.subject_keys(people, fresh=True)
    # A newer key without values under it was made by a run that was killed, or by somebody else just now.
    wanting = [
        (bucket, subject)
        for bucket, subject in people
        if subject in keys and keys[subject].epoch <= oldest.get(subject, 0)
    ]
    if wanting:
        ring.store_wrapped(
            len(wanting),
            lambda under: _add_epochs(ring, under, [(who, keys[who[1]].epoch + 1) for who in wanting]),
        )
        ring.forget(subject for _, subject in wanting)
        keys |= ring.subject_keys(wanting, fresh=True)
    return {subject: key for subject, key in keys.items() if key.epoch > oldest.get(subject, key.epoch)}


def _add_epochs(ring: Keyring, under: Wrapping, wanting: Sequence[tuple[Person, int]]) -> None:
    rows = [under.row(who, "data", epoch, secrets.token_bytes(KEY_BYTES)) for who, epoch in wanting]
    with ring.database.write() as conn:
        subject_keys.insert_epochs(conn, ring.tenant, rows)


def _move_values(conn: Connection, vault: Vault, keys: dict[SubjectId, SubjectKey]) -> list[Person]:
    """Seal again what lies under older epochs; answers whose values all lie under the newest now."""
    buckets = vault.installation.buckets
    held = _TAKE(conn, sorted((bucket_for(subject, buckets), subject) for subject in keys))
    targets = [(bucket, subject, keys[subject].epoch) for bucket, subject, _ in held]
    stuck: set[SubjectId] = set()
    sealed: list[tuple[Any, ...]] = []
    sealing = _Sealing(vault, keys)
    for row in _VALUES(conn, targets):
        again = sealing.again(row)
        if again is None:
            stuck.add(row[1])
        else:
            sealed.append(again)
    _RESEAL(conn, sealed)
    done = [target for target in targets if target[1] not in stuck]
    _LEAVE(conn, done)
    return [(bucket, subject) for bucket, subject, _ in done]


@dataclass(frozen=True, slots=True)
class _Sealing:
    """Seals values again under their people's newest keys; what a record's values share is prepared once."""

    vault: Vault
    keys: Mapping[SubjectId, SubjectKey]
    prepared: dict[tuple[SubjectId, RecordId], Sealer] = field(default_factory=dict)

    def again(self, row: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The row of `_RESEAL` for one of `_VALUES`; None when the value does not open."""
        bucket, subject, record, name, version, schema, blob = row
        tenant, key = self.vault.installation.tenant, self.keys[subject]
        try:
            text = key.open(Place(tenant, subject, record, name, schema, version), blob)
        except Unopenable:
            return None
        sealer = self.prepared.get((subject, record))
        if sealer is None:
            sealer = self.prepared[subject, record] = Sealer(
                key.data, key.epoch, (tenant, subject, record), suite=self.vault.installation.suite
            )
        fresh = sealer.seal(name, schema, version, text, secrets.token_bytes(SALT_BYTES))
        return bucket, subject, record, name, version, key.epoch, fresh, hashlib.sha256(fresh).digest()


def _destroy_older(vault: Vault, people: Sequence[tuple[Bucket, SubjectId, int]]) -> None:
    ring = vault.keyring
    if not people:
        return
    with ring.database.write() as conn:
        subject_keys.destroy_older(conn, ring.tenant, people)
        announce(conn, ring.tenant, (subject for _, subject, _ in people), ring.wall_ms())
    ring.forget(subject for _, subject, _ in people)


def begin(vault: Vault, now_ms: int) -> Job:
    """Start moving everybody; raises RotationRunning."""
    ring = vault.keyring
    with vault.data.read() as conn:
        total = count_kept(conn)
    job = new_job(ring.tenant, Kind.PERSON, "move", 0, total, now_ms)
    with ring.database.write() as conn:
        store(conn, job)
    return job


def move_next(vault: Vault, job: Job, now_ms: int) -> Job:
    """Move the next people; the job is over after the last one."""
    people = next_people(vault, job.cursor, BATCH)
    moved = move_people(vault, people)
    if len(people) == BATCH:
        cursor = pack_person(people[-1])
        after = job.to("move", now_ms, cursor=cursor, done=len(people), left_over=moved.left_over)
    else:
        after = job.to("move", now_ms, left_over=moved.left_over).finished(now_ms, done=len(people))
    with vault.keyring.database.write() as conn:
        move(conn, job, after)
    return after


_CURSOR = struct.Struct(">i16s")


def next_people(vault: Vault, cursor: bytes, count: int) -> list[Person]:
    """The people after a cursor (empty: from the start) who have values, in order of their ids."""
    wanted = select(person.c.bucket, person.c.subject).where(_kept())
    if cursor:
        wanted = wanted.where(tuple_(person.c.bucket, person.c.subject) > tuple_(*_CURSOR.unpack(cursor)))
    with vault.data.read() as conn:
        rows = conn.execute(wanted.order_by(person.c.bucket, person.c.subject).limit(count)).all()
    return [(Bucket(row.bucket), SubjectId(row.subject)) for row in rows]


def count_kept(conn: Connection) -> int:
    """How many people have values."""
    return int(conn.execute(select(func.count()).select_from(person).where(_kept())).scalar_one())


def pack_person(who: Person) -> bytes:
    """The cursor that stands behind a person."""
    return _CURSOR.pack(*who)


def _kept() -> Any:
    return person.c.state.in_(KEPT)
