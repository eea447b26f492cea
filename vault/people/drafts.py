"""Turning what somebody typed into what the vault keeps: checked, canonical, sealed. No data base.

A refusal is a value: which field, and the stable code why. It never repeats the text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vault.fields.catalogue import BUILTIN, Catalogue, Field
from vault.fields.text import InvalidValue
from vault.ids import PROFILE, Bucket, Buckets, bucket_of_hash
from vault.sealing.sealed import Sealer
from vault.tags.making import IndexKeys, tagger
from vault.tags.shapes import Shape

__all__ = [
    "PROFILE",
    "DraftValue",
    "Refused",
    "UniqueKey",
    "canonical_values",
    "claims_of",
    "draft_person",
    "draft_value",
    "seal_draft",
]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing was stored: a stable code, and the field it is about ("" when about the whole person)."""

    code: str
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UniqueKey:
    """What a key field occupies in one index epoch: a place only one person may have. `tag` is signed 64 bits."""

    bucket: Bucket
    kind: int
    epoch: int
    tag: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftValue:
    """One checked value, not yet sealed; of a key field `claims` has its place in every epoch written to.

    `unique` is the place in the epoch that is looked up.
    """

    field: Field
    canonical: str
    stored: str
    unique: UniqueKey | None
    claims: tuple[UniqueKey, ...]

    def __repr__(self) -> str:
        return f"DraftValue({self.field.code!r})"


def draft_value(
    keys: IndexKeys, buckets: Buckets, code: str, text: str, *, catalogue: Catalogue = BUILTIN
) -> DraftValue | Refused:
    """Check one text as a value of field `code`."""
    try:
        field = catalogue.field(code)
        if len(text) > field.longest:
            return Refused(field.too_long, code)
        canonical = field.canonical(text)
        stored = canonical if field.stored is field.canonical else field.stored(text)
    except InvalidValue as refusal:
        return Refused(refusal.code, code)
    claims = claims_of(keys, buckets, field, canonical)
    reading = keys.index_epoch
    looked_up = next((claim for claim in claims if claim.epoch == reading), None)
    return DraftValue(field=field, canonical=canonical, stored=stored, unique=looked_up, claims=claims)


def draft_person(
    keys: IndexKeys, buckets: Buckets, values: Mapping[str, str], *, catalogue: Catalogue = BUILTIN
) -> tuple[DraftValue, ...] | Refused:
    """Check all of a new person's values; the first bad one refuses the person."""
    if not values:
        return Refused("person_empty", "")
    drafts: list[DraftValue] = []
    for code, text in values.items():
        draft = draft_value(keys, buckets, code, text, catalogue=catalogue)
        if isinstance(draft, Refused):
            return draft
        drafts.append(draft)
    return tuple(drafts)


def canonical_values(drafts: Sequence[DraftValue]) -> dict[str, str]:
    """The canonical forms by field code: what a person's tags are made of."""
    return {draft.field.code: draft.canonical for draft in drafts}


def seal_draft(sealer: Sealer, draft: DraftValue, version: int, salt: bytes) -> bytes:
    """The blob of a draft as version `version` of its field in the record of `sealer`."""
    return sealer.seal(draft.field.code, draft.field.schema, version, draft.stored.encode(), salt)


def claims_of(keys: IndexKeys, buckets: Buckets, field: Field, canonical: str) -> tuple[UniqueKey, ...]:
    """The places a canonical form occupies, one in every epoch written to; none when the field is no key field."""
    if not field.unique:
        return ()
    exact, message = field.number << 6 | Shape.EXACT, canonical.encode()
    claims: list[UniqueKey] = []
    for epoch in keys.tag_epochs:
        tag = tagger(keys, epoch).tag(exact, message)
        bucket = bucket_of_hash(tag.to_bytes(8, signed=True), buckets)
        claims.append(UniqueKey(bucket=bucket, kind=exact, epoch=epoch, tag=tag))
    return tuple(claims)
