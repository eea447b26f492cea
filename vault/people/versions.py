"""Appending versions to people's values inside a transaction that has taken those people: sealed, closed, tagged.

What changes and merges share. Who may have a value, and whose it was, is decided before.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from vault.ids import Bucket, SubjectId
from vault.keys.keyring import SubjectKey
from vault.keys.tag_keys import TagKeys
from vault.opening import Vault
from vault.people.canonical_history import canonical_history
from vault.people.drafts import PROFILE, DraftValue, seal_draft
from vault.people.stored import StoredValue
from vault.sealing.sealed import SALT_BYTES, Sealer
from vault.storage.rowset import RowSet
from vault.tags.making import tags_for_person
from vault.tags.writing import TagRow, write_tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A version that this transaction adds: current from `valid_from` (Unix ms) on."""

    bucket: Bucket
    subject: SubjectId
    field: str
    version: int
    valid_from: int


type Within = Callable[[Connection, Sequence[Written]], None]
"""What else a transaction of `update_many` writes, as its last step, about the versions it adds."""


@dataclass(frozen=True, slots=True)
class Step:
    """One checked change on its way; `at` is its place in the list."""

    at: int
    bucket: Bucket
    key: SubjectKey
    draft: DraftValue

    @property
    def place(self) -> tuple[SubjectId, str]:
        return self.key.subject, self.draft.field.code


@dataclass(frozen=True, slots=True)
class Batch:
    """What a part of the changes is made with: the tag keys are those of its beginning."""

    vault: Vault
    tag_keys: TagKeys
    now_ms: int
    clock: Callable[[], int]
    within: Within | None
    also: Callable[[Connection, Mapping[int, int]], None] | None = None


type Current = Mapping[SubjectId, Mapping[str, StoredValue]]


_NEWEST = RowSet(
    "WITH {rows} SELECT rows.subject, rows.field, (SELECT max(v.version) FROM value v "
    "WHERE v.bucket = rows.bucket AND v.subject = rows.subject AND v.record = :record "
    "AND v.field = rows.field), (SELECT p.key_epoch FROM person p WHERE p.bucket = rows.bucket "
    "AND p.subject = rows.subject) FROM rows",
    bucket="int",
    subject="bytes",
    field="text",
)


_CLOSE = RowSet(
    "WITH {rows} UPDATE value SET valid_to = rows.ends FROM rows WHERE value.bucket = rows.bucket "
    "AND value.subject = rows.subject AND value.record = :record AND value.field = rows.field "
    "AND value.version = rows.version",
    bucket="int",
    subject="bytes",
    field="text",
    version="int",
    ends="int",
)


_APPEND = RowSet(
    "WITH {rows} INSERT INTO value "
    "(bucket, subject, record, field, version, schema, epoch, blob, blob_sha256, valid_from) "
    "SELECT bucket, subject, :record, field, version, schema, epoch, blob, blob_sha256, valid_from FROM rows",
    bucket="int",
    subject="bytes",
    field="text",
    version="int",
    schema="int",
    epoch="int",
    blob="bytes",
    blob_sha256="bytes",
    valid_from="int",
)


def write_versions(
    conn: Connection,
    batch: Batch,
    steps: Sequence[Step],
    current: Current,
    begins: Mapping[SubjectId, int],
) -> list[Written]:
    """Append one version for each step, in order, and close the version before it; three statements and the tags.

    `current` holds what stands now of every person a step is about, `begins` the earliest beginning (Unix ms)
    of a version of theirs. At most one step for each field of a person.
    """
    newest = _newest(conn, steps)
    keys = _sealing_keys(batch.vault, steps, newest)
    written: list[Written] = []
    closed: list[tuple[Any, ...]] = []
    rows: list[tuple[Any, ...]] = []
    for step in steps:
        subject, code = step.place
        head = current[subject].get(code)
        starts = max(begins[subject], head.valid_from) if head else begins[subject]
        version = newest[step.place][0] + 1
        if head:
            closed.append((step.bucket, subject, code, head.version, starts))
        rows.append(
            (step.bucket, subject, code, version, *_sealed(batch.vault, step, keys[subject], version), starts)
        )
        written.append(
            Written(bucket=step.bucket, subject=subject, field=code, version=version, valid_from=starts)
        )
    _CLOSE(conn, closed, record=PROFILE)
    _APPEND(conn, rows, record=PROFILE)
    write_tags(conn, _new_tags(batch, steps, written, current))
    return written


def _newest(conn: Connection, steps: Iterable[Step]) -> dict[tuple[SubjectId, str], tuple[int, int]]:
    """By person and field, the newest version (0: none), and the oldest key epoch that may seal another."""
    rows = [(step.bucket, *step.place) for step in steps]
    found = _NEWEST(conn, rows, record=PROFILE)
    return {(subject, code): (newest or 0, epoch) for subject, code, newest, epoch in found}


def _sealing_keys(
    vault: Vault, steps: Iterable[Step], newest: Mapping[tuple[SubjectId, str], tuple[int, int]]
) -> dict[SubjectId, SubjectKey]:
    """The people's keys, read again for whoever was given a new one since the change began."""
    keys = {step.key.subject: step.key for step in steps}
    behind = sorted({(s.bucket, s.key.subject) for s in steps if s.key.epoch < newest[s.place][1]})
    return keys | vault.keyring.subject_keys(behind, fresh=True)


def _sealed(vault: Vault, step: Step, key: SubjectKey, version: int) -> tuple[int, int, bytes, bytes]:
    salt = secrets.token_bytes(SALT_BYTES)
    own = vault.installation
    sealer = Sealer(key.data, key.epoch, (own.tenant, key.subject, PROFILE), suite=own.suite)
    blob = seal_draft(sealer, step.draft, version, salt)
    return step.draft.field.schema, key.epoch, blob, hashlib.sha256(blob).digest()


def _new_tags(
    batch: Batch, steps: Sequence[Step], written: Sequence[Written], current: Current
) -> list[TagRow]:
    """What the people are found by now and were not before."""
    homes = {step.key.subject: step.bucket for step in steps}
    before = {subject: _forms(batch, current[subject]) for subject in homes}
    after = {subject: dict(forms) for subject, forms in before.items()}
    for step, new in zip(steps, written, strict=True):
        after[new.subject][new.field] = (step.draft.canonical, new.version)
    return [
        TagRow(tag, kind, epoch, homes[subject], subject, version)
        for epoch in batch.tag_keys.tag_epochs
        for subject in homes
        for kind, tag, version in _tags(batch, after[subject], epoch) - _tags(batch, before[subject], epoch)
    ]


def _forms(batch: Batch, values: Mapping[str, StoredValue]) -> dict[str, tuple[str, int]]:
    """(canonical form, version) by field code, of the values that it is known of."""
    known = canonical_history(batch.vault.catalogue, values.values()).forms
    return {code: (form, version) for (code, version), form in known.items()}


def _tags(batch: Batch, forms: Mapping[str, tuple[str, int]], epoch: int) -> set[tuple[int, int, int]]:
    """(kind, tag, version) of a person's values, given as (canonical form, version) by field code."""
    canonicals = {code: form for code, (form, _) in forms.items()}
    made = tags_for_person(batch.tag_keys, canonicals, epoch=epoch, catalogue=batch.vault.catalogue)
    return {(kind, tag, forms[code][1]) for kind, tag, code in made}
