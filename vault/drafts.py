"""Turning what somebody typed into what the vault keeps: checked, canonical, tagged, sealed. No data base.

A refusal is a value: which field, and the stable code why. It never repeats the text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vault.fields.catalogue import Field, field_of
from vault.fields.text import MAX_INPUT, InvalidValue
from vault.ids import Bucket, Buckets, RecordId, SubjectId, TenantId, bucket_of_hash
from vault.sealed import Place, seal
from vault.tags import IndexKeys, kind, tags_for

PROFILE: Final = RecordId(bytes(16))
"""The record every person has: the values that are about the person as such."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing was stored: a stable code, and the field it is about ("" when about the whole person)."""

    code: str
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UniqueKey:
    """What a key field occupies: a place only one person may have. `tag` is signed 64 bits."""

    bucket: Bucket
    kind: int
    tag: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftValue:
    """One checked value, not yet sealed; `tags` are (kind, tag) pairs."""

    field: Field
    stored: str
    tags: tuple[tuple[int, int], ...]
    unique: UniqueKey | None


def draft_value(keys: IndexKeys, buckets: Buckets, code: str, text: str) -> DraftValue | Refused:
    """Check one text as a value of field `code`."""
    try:
        field = field_of(code)
        if len(text) > MAX_INPUT:
            return Refused(f"{code}.invalid", code)
        canonical, stored = field.canonical(text), field.stored(text)
    except InvalidValue as refusal:
        return Refused(refusal.code, code)
    tags = tuple(tags_for(keys, code, canonical))
    return DraftValue(
        field=field,
        stored=stored,
        tags=tags,
        unique=_unique_key(field, tags, buckets) if field.unique else None,
    )


def draft_person(
    keys: IndexKeys, buckets: Buckets, values: Mapping[str, str]
) -> tuple[DraftValue, ...] | Refused:
    """Check all of a new person's values; the first bad one refuses the person."""
    if not values:
        return Refused("person_empty", "")
    drafts: list[DraftValue] = []
    for code, text in values.items():
        draft = draft_value(keys, buckets, code, text)
        if isinstance(draft, Refused):
            return draft
        drafts.append(draft)
    return tuple(drafts)


def seal_draft(
    key: bytes, epoch: int, tenant: TenantId, subject: SubjectId, draft: DraftValue, version: int, salt: bytes
) -> bytes:
    """The blob of a draft as version `version` of its field in the person's profile."""
    place = Place(tenant, subject, PROFILE, draft.field.code, draft.field.schema, version)
    return seal(key, epoch, place, draft.stored.encode(), salt)


def _unique_key(field: Field, tags: tuple[tuple[int, int], ...], buckets: Buckets) -> UniqueKey:
    exact = kind(field.code)
    tag = dict(tags)[exact]
    return UniqueKey(bucket=bucket_of_hash(tag.to_bytes(8, signed=True), buckets), kind=exact, tag=tag)
