"""Changing people's values: appended as versions, set-based, one answer each.

A change appends a version and closes the one before; nothing is overwritten. Old versions keep their tags, so
that a leak of last year's phone number still finds its owner. All changes of one call happen at once: a number
that one person gives up in it is free from the next call on. A version begins after the person was created and
never in a past that somebody may have read (`holds`).
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import batched
from typing import Any, Final

from sqlalchemy import Connection

from vault.drafts import PROFILE, DraftValue, Refused, UniqueKey, draft_value, seal_draft
from vault.enrol import TAKEN
from vault.fields.catalogue import canonical
from vault.holds import next_instant, take_people
from vault.ids import Bucket, SubjectId, bucket_for
from vault.keys import EpochMoved, SubjectKey
from vault.opening import Vault
from vault.rowset import RowSet
from vault.sealed import SALT_BYTES
from vault.stored import StoredValue, current_values
from vault.tag_keys import TagKeys
from vault.tags.making import tags_for_person
from vault.tags.writing import TagRow, write_tags

UNKNOWN_PERSON: Final = "person_unknown"
CHUNK: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A text to become the current value of a person's field."""

    subject: SubjectId
    field: str
    text: str

    def __repr__(self) -> str:
        return f"Change({self.field!r})"


@dataclass(frozen=True, slots=True)
class Updated:
    """The version that is current now (1 is the first); unchanged when the same value was given again."""

    version: int


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
class _Step:
    """One checked change on its way; `at` is its place in the list."""

    at: int
    bucket: Bucket
    key: SubjectKey
    draft: DraftValue

    @property
    def place(self) -> tuple[SubjectId, str]:
        return self.key.subject, self.draft.field.code


_NEWEST = RowSet(
    "WITH {rows} SELECT rows.subject, rows.field, (SELECT max(v.version) FROM value v "
    "WHERE v.bucket = rows.bucket AND v.subject = rows.subject AND v.record = :record "
    "AND v.field = rows.field) FROM rows",
    bucket="int",
    subject="bytes",
    field="text",
)
_CLAIM = RowSet(
    # In key order: two batches that want the same keys then wait for each other instead of deadlocking.
    "WITH {rows} INSERT INTO unique_key (bucket, kind, epoch, tag, subject) "
    "SELECT bucket, kind, epoch, tag, subject FROM rows WHERE true ORDER BY bucket, kind, epoch, tag "
    "ON CONFLICT DO NOTHING",
    bucket="int",
    kind="int",
    epoch="int",
    tag="int",
    subject="bytes",
)
_OWNERS = RowSet(
    "WITH {rows} SELECT rows.i, k.subject FROM rows JOIN unique_key k ON k.bucket = rows.bucket "
    "AND k.kind = rows.kind AND k.epoch = rows.epoch AND k.tag = rows.tag",
    bucket="int",
    kind="int",
    epoch="int",
    tag="int",
)
_RELEASE = RowSet(
    "WITH {rows} DELETE FROM unique_key WHERE (bucket, kind, epoch, tag, subject) IN "
    "(SELECT bucket, kind, epoch, tag, subject FROM rows)",
    bucket="int",
    kind="int",
    epoch="int",
    tag="int",
    subject="bytes",
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


@dataclass(frozen=True, slots=True)
class _Batch:
    """What a part of the changes is made with: the tag keys are those of its beginning."""

    vault: Vault
    tag_keys: TagKeys
    now_ms: int
    clock: Callable[[], int]
    within: Within | None


def update_value(
    vault: Vault,
    subject: SubjectId,
    field: str,
    text: str,
    now_ms: int,
    *,
    clock: Callable[[], int] = next_instant,
) -> Updated | Refused:
    """Make `text` the current value of one person's field: `update_many` of a list of one."""
    return update_many(vault, [Change(subject=subject, field=field, text=text)], now_ms, clock=clock)[0]


def update_many(
    vault: Vault,
    changes: Sequence[Change],
    now_ms: int,
    *,
    clock: Callable[[], int] = next_instant,
    within: Within | None = None,
) -> list[Updated | Refused]:
    """Make the changes; positions of the answer match. One bad item never spoils another.

    Refusals are those of `create_many`, and `person_unknown`. A version begins at `now_ms`, at what `clock`
    says once the person's row is ours, or where the version before it began, whichever is latest (Unix ms).
    Two changes of one field of one person are made one after the other. A constant number of statements for
    each 2,000 changes; what `within` writes is committed with them or not at all.
    """
    answers: dict[int, Updated | Refused] = {}
    for number, part in enumerate(batched(changes, CHUNK)):
        settled = False
        while not settled:
            # An index epoch began or ended: what was changed already is found unchanged the second time.
            with suppress(EpochMoved):
                _change_part(
                    _Batch(vault, vault.keyring.tag_keys, now_ms, clock, within), part, number, answers
                )
                settled = True
    return [answers[at] for at in range(len(changes))]


def _change_part(
    batch: _Batch, changes: Sequence[Change], number: int, answers: dict[int, Updated | Refused]
) -> None:
    steps = _check(batch, changes, number * CHUNK, answers)
    while steps:
        turn, steps = _one_each(steps)
        with batch.vault.data.write() as conn:
            made = _apply(conn, batch, turn)
            batch.vault.keyring.settle_tags(batch.tag_keys)
        answers |= made


def _check(
    batch: _Batch, changes: Sequence[Change], start: int, answers: dict[int, Updated | Refused]
) -> list[_Step]:
    vault = batch.vault
    buckets = vault.installation.buckets
    homes = {change.subject: bucket_for(change.subject, buckets) for change in changes}
    keys = vault.keyring.subject_keys([(bucket, subject) for subject, bucket in homes.items()])
    steps: list[_Step] = []
    for at, change in enumerate(changes, start):
        draft = draft_value(
            batch.tag_keys, buckets, change.field, change.text, catalogue=batch.vault.catalogue
        )
        key = keys.get(change.subject)
        if isinstance(draft, Refused):
            answers[at] = draft
        elif key is None:
            answers[at] = Refused(UNKNOWN_PERSON, "")
        else:
            steps.append(_Step(at, homes[change.subject], key, draft))
    return steps


def _one_each(steps: Sequence[_Step]) -> tuple[list[_Step], list[_Step]]:
    """The first step of every field of every person, and the steps that wait for those."""
    first: dict[tuple[SubjectId, str], _Step] = {}
    later = [step for step in steps if first.setdefault(step.place, step) is not step]
    return list(first.values()), later


def _apply(conn: Connection, batch: _Batch, steps: Sequence[_Step]) -> dict[int, Updated | Refused]:
    vault = batch.vault
    born = take_people(conn, [(step.bucket, step.key.subject) for step in steps])
    # Asked only now that nobody can read and be answered any more.
    begins = max(batch.now_ms, batch.clock())
    answers: dict[int, Updated | Refused] = {}
    known = [step for step in steps if step.key.subject in born]
    for step in steps:
        if step.key.subject not in born:
            answers[step.at] = Refused(UNKNOWN_PERSON, "")
    current = current_values(conn, vault, {step.key.subject: (step.bucket, step.key) for step in known})
    moving: list[_Step] = []
    for step in known:
        head = current[step.key.subject].get(step.draft.field.code)
        if head and head.text == step.draft.stored:
            answers[step.at] = Updated(head.version)
        else:
            moving.append(step)
    lost = _move_unique_keys(conn, batch, moving, current)
    answers |= {step.at: Refused(TAKEN, step.draft.field.code) for step in moving if step.at in lost}
    won = [step for step in moving if step.at not in lost]
    written = _write(conn, batch, won, current, {who: max(begins, at + 1) for who, at in born.items()})
    if batch.within is not None and written:
        batch.within(conn, written)
    return answers | {step.at: Updated(new.version) for step, new in zip(won, written, strict=True)}


type _Current = Mapping[SubjectId, Mapping[str, StoredValue]]


def _move_unique_keys(conn: Connection, batch: _Batch, steps: Sequence[_Step], current: _Current) -> set[int]:
    """Claim what the new values occupy and release what the old ones did; answers which steps came too late."""
    wanted = [(step, claim) for step in steps for claim in step.draft.claims]
    _CLAIM(conn, [(*_place(claim), step.key.subject) for step, claim in wanted])
    owners = dict(_OWNERS(conn, [_place(claim) for _, claim in wanted]))
    lost = {step.at for at, (step, _) in enumerate(wanted) if owners[at] != step.key.subject}
    released = [
        (*_place(claim), step.key.subject)
        for step in steps
        for claim in (
            # Who came too late in one index epoch gives back what was free in another.
            step.draft.claims
            if step.at in lost
            else set(_occupied(batch, step, current)) - set(step.draft.claims)
        )
    ]
    _RELEASE(conn, released)
    return lost


def _place(claim: UniqueKey) -> tuple[Bucket, int, int, int]:
    return claim.bucket, claim.kind, claim.epoch, claim.tag


def _occupied(batch: _Batch, step: _Step, current: _Current) -> tuple[UniqueKey, ...]:
    head = current[step.key.subject].get(step.draft.field.code)
    if head is None or head.text is None:
        return ()
    vault = batch.vault
    old = draft_value(
        batch.tag_keys,
        vault.installation.buckets,
        step.draft.field.code,
        head.text,
        catalogue=vault.catalogue,
    )
    return () if isinstance(old, Refused) else old.claims


def _write(
    conn: Connection,
    batch: _Batch,
    steps: Sequence[_Step],
    current: _Current,
    begins: Mapping[SubjectId, int],
) -> list[Written]:
    newest = _newest(conn, steps)
    written: list[Written] = []
    closed: list[tuple[Any, ...]] = []
    rows: list[tuple[Any, ...]] = []
    for step in steps:
        subject, code = step.place
        head = current[subject].get(code)
        starts = max(begins[subject], head.valid_from) if head else begins[subject]
        version = newest.get(step.place, 0) + 1
        if head:
            closed.append((step.bucket, subject, code, head.version, starts))
        rows.append((step.bucket, subject, code, version, *_sealed(batch.vault, step, version), starts))
        written.append(
            Written(bucket=step.bucket, subject=subject, field=code, version=version, valid_from=starts)
        )
    _CLOSE(conn, closed, record=PROFILE)
    _APPEND(conn, rows, record=PROFILE)
    write_tags(conn, _new_tags(batch, steps, written, current))
    return written


def _newest(conn: Connection, steps: Iterable[_Step]) -> dict[tuple[SubjectId, str], int]:
    rows = [(step.bucket, *step.place) for step in steps]
    return {(subject, code): newest or 0 for subject, code, newest in _NEWEST(conn, rows, record=PROFILE)}


def _sealed(vault: Vault, step: _Step, version: int) -> tuple[int, int, bytes, bytes]:
    key = step.key
    salt = secrets.token_bytes(SALT_BYTES)
    blob = seal_draft(key.data, key.epoch, vault.installation.tenant, key.subject, step.draft, version, salt)
    return step.draft.field.schema, key.epoch, blob, hashlib.sha256(blob).digest()


def _new_tags(
    batch: _Batch, steps: Sequence[_Step], written: Sequence[Written], current: _Current
) -> list[TagRow]:
    """What the people are found by now and were not before."""
    before = {
        step.key.subject: {
            code: (head.text, head.version)
            for code, head in current[step.key.subject].items()
            if head.text is not None
        }
        for step in steps
    }
    after = {subject: dict(values) for subject, values in before.items()}
    for step, new in zip(steps, written, strict=True):
        after[new.subject][new.field] = (step.draft.stored, new.version)
    homes = {step.key.subject: step.bucket for step in steps}
    return [
        TagRow(tag, kind, epoch, homes[subject], subject, version)
        for epoch in batch.tag_keys.tag_epochs
        for subject in homes
        for kind, tag, version in _tags(batch, after[subject], epoch) - _tags(batch, before[subject], epoch)
    ]


def _tags(batch: _Batch, values: Mapping[str, tuple[str, int]], epoch: int) -> set[tuple[int, int, int]]:
    """(kind, tag, version) of a person's values, given as (stored text, version) by field code."""
    fields = batch.vault.catalogue
    # A field defined since this process started has values that it can neither change nor tag.
    canonicals = {
        code: fields.field(code).canonical(text) for code, (text, _) in values.items() if code in fields
    }
    made = tags_for_person(batch.tag_keys, canonicals, epoch=epoch, catalogue=fields)
    return {(kind, tag, values[code][1]) for kind, tag, code in made}
