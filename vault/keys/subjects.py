"""People's keys as rows of the key data base: made, found, renewed, destroyed (vault.md §6.1).

A person has one ledger key for life, which names and opens their ledger entries, and a data key per epoch.
Usually there is one epoch; while the person's values move to a new key there are two, and a value opens
under the epoch that its blob names.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection

from vault.ids import Bucket, Person, SubjectId, TenantId
from vault.keys.wrapping import context, unwrap, wrap
from vault.sealing.sealed import KEY_BYTES, Place, Unopenable, blob_epoch, open_sealed
from vault.storage.rowset import RowSet

CHUNK: Final = 2_000
FIRST_EPOCH: Final = 1

type KeyRow = tuple[Bucket, SubjectId, str, int, int, bytes]
"""bucket, subject, "data" or "ledger", epoch, version of the tenant key, wrapped key."""


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """One person's keys, 32 bytes each: `data` seals values, `ledger` tags and opens their ledger entries.

    `epoch` and `data` are the newest; `older` holds the epochs that some value may still lie under.
    """

    subject: SubjectId
    epoch: int
    data: bytes
    ledger: bytes
    older: Mapping[int, bytes] = field(default_factory=dict)

    def data_of(self, epoch: int) -> bytes | None:
        """The data key of one epoch; None when there is none (any more, or not in this copy)."""
        return self.data if epoch == self.epoch else self.older.get(epoch)

    def open(self, place: Place, blob: bytes) -> bytes:
        """The plaintext of a blob sealed at `place` under whichever epoch it names; raises Unopenable."""
        key = self.data_of(blob_epoch(blob))
        if key is None:
            raise Unopenable("this blob does not open")
        return open_sealed(key, place, blob)

    def knows(self, blob: bytes) -> bool:
        """Whether the epoch a blob names is here: if not, these keys may be older than the blob."""
        try:
            return self.data_of(blob_epoch(blob)) is not None
        except Unopenable:
            return True  # no key whatever opens it

    def __repr__(self) -> str:
        return f"SubjectKey(epoch={self.epoch})"


class Assembled(NamedTuple):
    """People's keys, and those with a row that does not unwrap, who are without keys until it is put right."""

    people: dict[SubjectId, SubjectKey]
    damaged: frozenset[SubjectId]


_INSERT = RowSet(
    "WITH {rows} INSERT INTO subject_key (bucket, tenant, subject, kind, epoch, kek_version, wrapped) "
    "SELECT bucket, :tenant, subject, kind, epoch, kek_version, wrapped FROM rows WHERE true "
    "ON CONFLICT DO NOTHING",
    bucket="int",
    subject="bytes",
    kind="text",
    epoch="int",
    kek_version="int",
    wrapped="bytes",
)
_INSERT_EPOCHS = RowSet(
    # Only beside a ledger key: nobody gets a key back whose keys have just been destroyed.
    "WITH {rows} INSERT INTO subject_key (bucket, tenant, subject, kind, epoch, kek_version, wrapped) "
    "SELECT rows.bucket, :tenant, rows.subject, rows.kind, rows.epoch, rows.kek_version, rows.wrapped "
    "FROM rows JOIN subject_key k ON k.bucket = rows.bucket AND k.tenant = :tenant "
    "AND k.subject = rows.subject AND k.kind = 'ledger' WHERE true ON CONFLICT DO NOTHING",
    bucket="int",
    subject="bytes",
    kind="text",
    epoch="int",
    kek_version="int",
    wrapped="bytes",
)
_FIND = RowSet(
    "WITH {rows} SELECT k.bucket, k.subject, k.kind, k.epoch, k.kek_version, k.wrapped "
    "FROM rows CROSS JOIN subject_key k "
    "WHERE k.bucket = rows.bucket AND k.tenant = :tenant AND k.subject = rows.subject",
    bucket="int",
    subject="bytes",
)
_DESTROY = RowSet(
    "WITH {rows} DELETE FROM subject_key WHERE tenant = :tenant AND "
    "(bucket, subject) IN (SELECT bucket, subject FROM rows)",
    bucket="int",
    subject="bytes",
)
_DESTROY_OLDER = RowSet(
    # By whole keys: a look through `rows` for each key would cost the square of their number.
    "WITH {rows} DELETE FROM subject_key WHERE tenant = :tenant AND kind = 'data' AND (bucket, subject, epoch) IN "
    "(SELECT k.bucket, k.subject, k.epoch FROM rows JOIN subject_key k ON k.bucket = rows.bucket "
    "AND k.tenant = :tenant AND k.subject = rows.subject AND k.kind = 'data' AND k.epoch < rows.epoch)",
    bucket="int",
    subject="bytes",
    epoch="int",
)


@dataclass(frozen=True, slots=True)
class Wrapping:
    """Under which tenant key new rows are wrapped."""

    tenant: TenantId
    cipher: AESGCM
    version: int

    def row(self, person: Person, kind: str, epoch: int, key: bytes) -> KeyRow:
        """The row of one key."""
        bucket, subject = person
        bound = person_context(self.tenant, subject, kind, epoch, self.version)
        return bucket, subject, kind, epoch, self.version, wrap(self.cipher, key, bound)


def fresh(subjects: Iterable[SubjectId]) -> dict[SubjectId, SubjectKey]:
    """New keys for new people."""
    wanted = list(subjects)
    entropy = memoryview(secrets.token_bytes(2 * KEY_BYTES * len(wanted)))
    return {
        subject: SubjectKey(
            subject,
            FIRST_EPOCH,
            bytes(entropy[64 * at : 64 * at + 32]),
            bytes(entropy[64 * at + 32 : 64 * at + 64]),
        )
        for at, subject in enumerate(wanted)
    }


def insert(conn: Connection, tenant: TenantId, rows: Iterable[KeyRow]) -> None:
    """Store wrapped keys; an epoch that is there already stays what it is."""
    for chunk in batched(rows, CHUNK):
        _INSERT(conn, chunk, tenant=tenant)


def insert_epochs(conn: Connection, tenant: TenantId, rows: Iterable[KeyRow]) -> None:
    """Store further epochs of people who have keys; an epoch that is there already stays what it is."""
    for chunk in batched(rows, CHUNK):
        _INSERT_EPOCHS(conn, chunk, tenant=tenant)


def find(conn: Connection, tenant: TenantId, people: Sequence[Person]) -> list[KeyRow]:
    """Every wrapped key of these people."""
    return [row for chunk in batched(people, CHUNK) for row in _FIND(conn, chunk, tenant=tenant)]


def destroy(conn: Connection, tenant: TenantId, people: Sequence[Person]) -> None:
    """Delete every key of these people, ledger keys too."""
    for chunk in batched(people, CHUNK):
        _DESTROY(conn, chunk, tenant=tenant)


def destroy_older(
    conn: Connection, tenant: TenantId, people: Sequence[tuple[Bucket, SubjectId, int]]
) -> None:
    """Delete the data keys of epochs before the one given for each person."""
    for chunk in batched(people, CHUNK):
        _DESTROY_OLDER(conn, chunk, tenant=tenant)


def assemble(tenant: TenantId, keks: Mapping[int, AESGCM], rows: Iterable[KeyRow]) -> Assembled:
    """People's keys from their rows; one row that does not unwrap costs its own person's keys and nobody else's."""
    data: dict[SubjectId, dict[int, bytes]] = {}
    ledger: dict[SubjectId, bytes] = {}
    damaged: set[SubjectId] = set()
    for row in rows:
        _, subject, kind, epoch, _, _ = row
        key = unwrapped(tenant, keks, row)
        if key is None:
            damaged.add(subject)
        elif kind == "data":
            data.setdefault(subject, {})[epoch] = key
        else:
            ledger[subject] = key
    people: dict[SubjectId, SubjectKey] = {}
    for subject, epochs in data.items():
        # Without all of their keys nothing may be sealed for a person: it could lie under an epoch that has ended.
        if subject in ledger and subject not in damaged:
            newest = max(epochs)
            sealing = epochs.pop(newest)
            people[subject] = SubjectKey(subject, newest, sealing, ledger[subject], epochs)
    return Assembled(people, frozenset(damaged))


def unwrapped(tenant: TenantId, keks: Mapping[int, AESGCM], row: KeyRow) -> bytes | None:
    """The key in one row; None when it was altered or its tenant key is gone: nobody can open it any more."""
    _, subject, kind, epoch, version, wrapped = row
    if version not in keks:
        return None
    try:
        return unwrap(keks[version], wrapped, person_context(tenant, subject, kind, epoch, version))
    except Unopenable:
        return None


def person_context(tenant: TenantId, subject: SubjectId, kind: str, epoch: int, version: int) -> bytes:
    """What a person's wrapped key is bound to."""
    return context(b"sk", tenant, subject, kind, epoch, version)
