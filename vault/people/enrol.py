"""Bulk creation of people: set-based, one answer each, and nobody twice however many try at once.

For each 2,000 people: look up whose key values are taken, make their keys in the key data base, then write
everything else in one transaction in which the unique keys decide every race: written as if there were none,
and where there was one, written again without whoever lost it, who leaves nothing behind. A crash between the
two data bases leaves unused keys, never values that nothing opens.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from vault.ids import Bucket, SubjectId, bucket_for
from vault.keys.keyring import EpochMoved, SubjectKey
from vault.keys.tag_keys import TagKeys
from vault.opening import Vault
from vault.people.drafts import (
    PROFILE,
    DraftValue,
    Refused,
    UniqueKey,
    canonical_values,
    draft_person,
    seal_draft,
)
from vault.people.unique_keys import CLAIM, CLAIM_ALL, RELEASE, TAKEN_PLACES, Held, place
from vault.sealing.sealed import SALT_BYTES, Sealer
from vault.storage.pause import without_collector
from vault.storage.rowset import Call, RowSet, volley
from vault.tags.making import tags_for_person
from vault.tags.writing import first_tags

CHUNK: Final = 2_000
TAKEN: Final = "person_exists"


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody to create: texts by field code, as they were given."""

    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Created:
    """A person who exists now."""

    subject: SubjectId
    bucket: Bucket


@dataclass(frozen=True, slots=True)
class _Draft:
    at: int
    subject: SubjectId
    bucket: Bucket
    values: tuple[DraftValue, ...]

    def unique_keys(self) -> list[tuple[str, UniqueKey]]:
        return [(value.field.code, claim) for value in self.values for claim in value.claims]


_PEOPLE = RowSet(
    "WITH {rows} INSERT INTO person (bucket, subject, tenant, state, created_at) "
    "SELECT bucket, subject, :tenant, 'active', :now FROM rows",
    bucket="int",
    subject="bytes",
)
_VALUES = RowSet(
    "WITH {rows} INSERT INTO value "
    "(bucket, subject, record, field, version, schema, epoch, blob, blob_sha256, valid_from) "
    "SELECT bucket, subject, :record, field, 1, schema, epoch, blob, blob_sha256, :now FROM rows",
    bucket="int",
    subject="bytes",
    field="text",
    schema="int",
    epoch="int",
    blob="bytes",
    blob_sha256="bytes",
)


type _Tag = tuple[int, int, Bucket, SubjectId]
"""(tag, kind, bucket, subject)."""

type Within = Callable[[Connection, Mapping[int, Created], Sequence[Call]], None]
"""What else a transaction of `create_many` writes, as its last step, about whoever was created, by their place in the
list. The people themselves are the calls it is given, which it sends before, or with, its own first statement."""


def create_many(
    vault: Vault, people: Iterable[NewPerson], now_ms: int, *, within: Within | None = None
) -> list[Created | Refused]:
    """Create people; positions of the answer match. One bad item never spoils another.

    Refusals: the code of an invalid value, `field.unknown`, `person_empty`, or `person_exists` when a key
    field (phone, e-mail, resident number) is somebody else's, in the store or earlier in the list. What
    `within` writes about the people of one transaction is committed with them or not at all.
    """
    answers: list[Created | Refused] = []
    for part in batched(people, CHUNK):
        done = None
        while done is None:
            batch = _Batch(vault, vault.keyring.tag_keys, now_ms, _shifted(within, len(answers)))
            with without_collector():
                done = _create_part(batch, part)
        answers += done
    return answers


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one transaction of people is made with: the tag keys are those of its beginning."""

    vault: Vault
    tag_keys: TagKeys
    now_ms: int
    within: Within | None


def _shifted(within: Within | None, start: int) -> Within | None:
    if within is None or not start:
        return within
    return lambda conn, created, ahead: within(conn, {start + at: one for at, one in created.items()}, ahead)


def _create_part(batch: _Batch, people: Sequence[NewPerson]) -> list[Created | Refused] | None:
    """The answers; None when an index epoch began or ended meanwhile and nothing was written."""
    vault = batch.vault
    answers: dict[int, Created | Refused] = {}
    drafts: list[_Draft] = []
    for at, person in enumerate(people):
        drafted = draft_person(
            batch.tag_keys, vault.installation.buckets, person.values, catalogue=vault.catalogue
        )
        if isinstance(drafted, Refused):
            answers[at] = drafted
        else:
            drafts.append(_name(vault, at, drafted))
    drafts = _without_taken(vault, drafts, answers)
    drafts = _without_repeats(drafts, answers)
    homes = {draft.subject: draft.bucket for draft in drafts}
    keys = vault.keyring.create_many([(bucket, who) for who, bucket in homes.items()], batch.now_ms)
    try:
        lost = _store(batch, drafts, keys)
    except EpochMoved:
        vault.keyring.destroy_many([(bucket, who) for who, bucket in homes.items()])
        return None
    for draft in drafts:
        field = lost.get(draft.subject)
        answers[draft.at] = Created(draft.subject, draft.bucket) if field is None else Refused(TAKEN, field)
    vault.keyring.destroy_many([(homes[who], who) for who in lost])
    return [answers[at] for at in range(len(people))]


def _name(vault: Vault, at: int, values: tuple[DraftValue, ...]) -> _Draft:
    subject = SubjectId(secrets.token_bytes(16))
    return _Draft(at, subject, bucket_for(subject, vault.installation.buckets), values)


def _without_taken(
    vault: Vault, drafts: Sequence[_Draft], answers: dict[int, Created | Refused]
) -> list[_Draft]:
    owners = [(draft, field, key) for draft in drafts for field, key in draft.unique_keys()]
    rows = [place(key) for _, _, key in owners]
    with vault.data.glance() as conn:
        found = TAKEN_PLACES(conn, rows)
    for (i,) in sorted(found, reverse=True):
        draft, field, _ = owners[i]
        answers[draft.at] = Refused(TAKEN, field)
    return [draft for draft in drafts if draft.at not in answers]


def _without_repeats(drafts: Sequence[_Draft], answers: dict[int, Created | Refused]) -> list[_Draft]:
    seen: set[UniqueKey] = set()
    kept: list[_Draft] = []
    for draft in drafts:
        wanted = {key: field for field, key in draft.unique_keys()}
        repeated = next((field for key, field in wanted.items() if key in seen), None)
        if repeated is not None:
            answers[draft.at] = Refused(TAKEN, repeated)
        else:
            seen.update(wanted)
            kept.append(draft)
    return kept


def _store(
    batch: _Batch, drafts: Sequence[_Draft], keys: Mapping[SubjectId, SubjectKey]
) -> dict[SubjectId, str]:
    """Write the drafts; answers who lost a race, with the field they lost it by. Raises EpochMoved."""
    vault = batch.vault
    sealed = {draft.subject: _seal(vault, draft, keys[draft.subject]) for draft in drafts}
    tags = [(epoch, _tags(batch, epoch, drafts)) for epoch in batch.tag_keys.tag_epochs]
    lost: dict[SubjectId, str] = {}
    try:
        with vault.data.write() as conn:
            _write(
                batch, conn, drafts, [Call(CLAIM_ALL, _claims(drafts)), *_people(batch, drafts, sealed, tags)]
            )
    except IntegrityError:
        # Somebody was faster since the places were looked at. Again, giving way to them.
        with vault.data.write() as conn:
            lost = _claim(conn, drafts)
            won = [draft for draft in drafts if draft.subject not in lost]
            winners = [(epoch, [row for row in rows if row[3] not in lost]) for epoch, rows in tags]
            _write(batch, conn, won, _people(batch, won, sealed, winners))
    return lost


def _people(
    batch: _Batch,
    drafts: Sequence[_Draft],
    sealed: Mapping[SubjectId, list[tuple[Any, ...]]],
    tags: Sequence[tuple[int, list[_Tag]]],
) -> list[Call]:
    now = {"now": batch.now_ms}
    values = [row for draft in drafts for row in sealed[draft.subject]]
    return [
        Call(
            _PEOPLE,
            [(draft.bucket, draft.subject) for draft in drafts],
            {"tenant": batch.vault.installation.tenant, **now},
        ),
        Call(_VALUES, values, {"record": PROFILE, **now}),
        *(call for epoch, rows in tags for call in first_tags(epoch, rows)),
    ]


def _write(batch: _Batch, conn: Connection, drafts: Sequence[_Draft], calls: Sequence[Call]) -> None:
    """Everything about these people, and then the certainty that their tags are of the epochs that count."""
    if batch.within is not None and drafts:
        batch.within(conn, {draft.at: Created(draft.subject, draft.bucket) for draft in drafts}, calls)
    else:
        volley(conn, *calls)
    batch.vault.keyring.settle_tags(batch.tag_keys)


def _tags(batch: _Batch, epoch: int, drafts: Sequence[_Draft]) -> list[_Tag]:
    """(tag, kind, bucket, subject) of everybody, in the order in which the index takes them best."""
    rows = [
        (tag, number, draft.bucket, draft.subject)
        for draft in drafts
        for number, tag, _ in tags_for_person(
            batch.tag_keys, canonical_values(draft.values), epoch=epoch, catalogue=batch.vault.catalogue
        )
    ]
    rows.sort(key=itemgetter(0))
    return rows


def _claim(conn: Connection, drafts: Sequence[_Draft]) -> dict[SubjectId, str]:
    """Take the places that are free; who did not get all of theirs, and by which field."""
    rows = _claims(drafts)
    fields = [field for draft in drafts for field, _ in draft.unique_keys()]
    claimed = set(CLAIM(conn, rows))
    lost = {row[4]: field for field, row in zip(fields, rows, strict=True) if row[:4] not in claimed}
    RELEASE(conn, [row for row in rows if row[4] in lost and row[:4] in claimed])
    return lost


def _claims(drafts: Sequence[_Draft]) -> list[Held]:
    return [(*place(key), draft.subject) for draft in drafts for _, key in draft.unique_keys()]


def _seal(vault: Vault, draft: _Draft, key: SubjectKey) -> list[tuple[Any, ...]]:
    salts = secrets.token_bytes(SALT_BYTES * len(draft.values))
    own = vault.installation
    sealer = Sealer(key.data, key.epoch, (own.tenant, draft.subject, PROFILE), suite=own.suite)
    rows: list[tuple[Any, ...]] = []
    for at, value in enumerate(draft.values):
        salt = salts[SALT_BYTES * at : SALT_BYTES * (at + 1)]
        blob = seal_draft(sealer, value, 1, salt)
        digest = hashlib.sha256(blob).digest()
        rows.append(
            (draft.bucket, draft.subject, value.field.code, value.field.schema, key.epoch, blob, digest)
        )
    return rows
