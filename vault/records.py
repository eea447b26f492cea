"""People and their values over time: creating, changing, counting, and a person's own masked view.

A change appends a version and closes the one before; nothing is overwritten. Old versions keep their tags, so
that a leak of last year's phone number still finds its owner.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from vault.drafts import PROFILE, DraftValue, Refused, draft_value, seal_draft
from vault.enrol import TAKEN, Created, NewPerson, create_many
from vault.holds import next_instant, take_person
from vault.ids import Bucket, SubjectId, bucket_for
from vault.keys import SubjectKey
from vault.masks import mask
from vault.opening import Vault
from vault.rowset import RowSet
from vault.sealed import SALT_BYTES, Place, Unopenable, open_sealed
from vault.tables import person, value
from vault.tags import Hit

__all__ = [
    "PROFILE",
    "Created",
    "NewPerson",
    "Refused",
    "Updated",
    "Window",
    "count_people",
    "create_many",
    "masked",
    "people",
    "update_value",
    "windows",
]

UNKNOWN_PERSON = "person_unknown"
_PAGE = 5_000


@dataclass(frozen=True, slots=True)
class Updated:
    """The version that is current now (1 is the first); unchanged when the same value was given again."""

    version: int


@dataclass(frozen=True, slots=True)
class Window:
    """When a version was the current one: from (inclusive) to (exclusive) in Unix ms; None: still is."""

    valid_from: int
    valid_to: int | None


_CLAIM = RowSet(
    "WITH {rows} INSERT INTO unique_key (bucket, kind, epoch, tag, subject) "
    "SELECT bucket, kind, :epoch, tag, subject FROM rows WHERE true ON CONFLICT DO NOTHING",
    bucket="int",
    kind="int",
    tag="int",
    subject="bytes",
)
_OWNER = RowSet(
    "WITH {rows} SELECT k.subject FROM rows JOIN unique_key k ON k.bucket = rows.bucket "
    "AND k.kind = rows.kind AND k.epoch = :epoch AND k.tag = rows.tag",
    bucket="int",
    kind="int",
    tag="int",
)
_RELEASE = RowSet(
    "WITH {rows} DELETE FROM unique_key WHERE kind = :kind AND epoch = :epoch AND subject = :subject "
    "AND (bucket, tag) IN (SELECT bucket, tag FROM rows)",
    bucket="int",
    tag="int",
)
_CLOSE = RowSet(
    "WITH {rows} UPDATE value SET valid_to = :now FROM rows WHERE value.bucket = rows.bucket "
    "AND value.subject = rows.subject AND value.record = rows.record AND value.field = rows.field "
    "AND value.version = rows.version",
    bucket="int",
    subject="bytes",
    record="bytes",
    field="text",
    version="int",
)
_TAG = RowSet(
    "WITH {rows} INSERT INTO tag (bucket, kind, epoch, tag, subject, record, version) "
    "SELECT bucket, kind, :epoch, tag, subject, record, version FROM rows",
    bucket="int",
    kind="int",
    tag="int",
    subject="bytes",
    record="bytes",
    version="int",
)
_HEADS = RowSet(
    "WITH {rows} SELECT v.field, v.version, v.schema, v.blob, v.valid_from FROM rows JOIN value v "
    "ON v.bucket = rows.bucket AND v.subject = rows.subject AND v.record = rows.record "
    "AND v.field = rows.field AND v.valid_to IS NULL",
    bucket="int",
    subject="bytes",
    record="bytes",
    field="text",
)
_WINDOWS = RowSet(
    "WITH {rows} SELECT rows.i, v.valid_from, v.valid_to FROM rows CROSS JOIN value v "
    "WHERE v.bucket = rows.bucket AND v.subject = rows.subject AND v.record = rows.record "
    "AND v.field = rows.field AND v.version = rows.version ORDER BY rows.i",
    bucket="int",
    subject="bytes",
    record="bytes",
    field="text",
    version="int",
)


def update_value(
    vault: Vault,
    subject: SubjectId,
    field: str,
    text: str,
    now_ms: int,
    *,
    clock: Callable[[], int] = next_instant,
) -> Updated | Refused:
    """Make `text` the current value of a person's field; refuses like `create_many`, or `person_unknown`.

    The version begins at `now_ms`, at what `clock` says once the person's row is ours, or where the version
    before it began, whichever is latest (Unix ms): never in a past that somebody may have read.
    """
    draft = draft_value(vault.keyring, vault.installation.buckets, field, text)
    if isinstance(draft, Refused):
        return draft
    bucket = bucket_for(subject, vault.installation.buckets)
    key = vault.keyring.subject_keys([(bucket, subject)]).get(subject)
    if key is None:
        return Refused(UNKNOWN_PERSON, "")
    with vault.data.write() as conn:
        if not take_person(conn, bucket, subject):
            return Refused(UNKNOWN_PERSON, "")
        return _change(conn, vault, _Change(bucket, key, draft, max(now_ms, clock())))


@dataclass(frozen=True, slots=True)
class _Change:
    bucket: Bucket
    key: SubjectKey
    draft: DraftValue
    begins: int


def _change(conn: Connection, vault: Vault, change: _Change) -> Updated | Refused:
    code, subject = change.draft.field.code, change.key.subject
    head = next(iter(_HEADS(conn, [(change.bucket, subject, PROFILE, code)])), None)
    current = _open_head(vault, change.key, head) if head else None
    if head and current == change.draft.stored:
        return Updated(head[1])
    if not _move_unique_key(conn, vault, change, current):
        return Refused(TAKEN, code)
    starts = change.begins
    if head:
        starts = max(starts, head[4])
        _CLOSE(conn, [(change.bucket, subject, PROFILE, code, head[1])], now=starts)
    return Updated(_append(conn, vault, change, starts))


def _move_unique_key(conn: Connection, vault: Vault, change: _Change, current: str | None) -> bool:
    new, epoch, subject = change.draft.unique, vault.keyring.index_epoch, change.key.subject
    if new is None:
        return True
    _CLAIM(conn, [(new.bucket, new.kind, new.tag, subject)], epoch=epoch)
    if _OWNER(conn, [(new.bucket, new.kind, new.tag)], epoch=epoch) != [(subject,)]:
        return False
    old = current and draft_value(vault.keyring, vault.installation.buckets, change.draft.field.code, current)
    if isinstance(old, DraftValue) and old.unique and old.unique != new:
        released = [(old.unique.bucket, old.unique.tag)]
        _RELEASE(conn, released, kind=new.kind, epoch=epoch, subject=subject)
    return True


def _append(conn: Connection, vault: Vault, change: _Change, starts: int) -> int:
    draft, key = change.draft, change.key
    mine = (value.c.bucket == change.bucket, value.c.subject == key.subject, value.c.record == PROFILE)
    newest = select(func.max(value.c.version)).where(*mine, value.c.field == draft.field.code)
    version = (conn.execute(newest).scalar() or 0) + 1
    salt = secrets.token_bytes(SALT_BYTES)
    blob = seal_draft(key.data, key.epoch, vault.installation.tenant, key.subject, draft, version, salt)
    conn.execute(
        value.insert().values(
            bucket=change.bucket,
            subject=key.subject,
            record=PROFILE,
            field=draft.field.code,
            version=version,
            schema=draft.field.schema,
            epoch=key.epoch,
            blob=blob,
            blob_sha256=hashlib.sha256(blob).digest(),
            valid_from=starts,
        )
    )
    rows = [(change.bucket, *pair, key.subject, PROFILE, version) for pair in draft.tags]
    _TAG(conn, rows, epoch=vault.keyring.index_epoch)
    return version


def count_people(conn: Connection) -> int:
    """How many people there are who have not been erased."""
    return conn.execute(
        select(func.count()).select_from(person).where(person.c.state == "active")
    ).scalar_one()


def people(conn: Connection) -> Iterator[tuple[Bucket, SubjectId]]:
    """Everybody who has not been erased, in an order that has nothing to do with who they are."""
    after: tuple[int, bytes] = (-1, b"")
    listed = select(person.c.bucket, person.c.subject).where(person.c.state == "active")
    listed = listed.order_by(person.c.bucket, person.c.subject).limit(_PAGE)
    while True:
        beyond = (person.c.bucket > after[0]) | (
            (person.c.bucket == after[0]) & (person.c.subject > after[1])
        )
        page = conn.execute(listed.where(beyond)).all()
        for row in page:
            yield Bucket(row.bucket), SubjectId(row.subject)
        if len(page) < _PAGE:
            return
        after = (page[-1].bucket, page[-1].subject)


def windows(conn: Connection, hits: Sequence[Hit]) -> list[Window]:
    """For each hit, when the version it found was the current one; one statement."""
    rows = [(hit.bucket, hit.subject, hit.record, hit.field, hit.version) for hit in hits]
    found = {i: Window(valid_from, valid_to) for i, valid_from, valid_to in _WINDOWS(conn, rows)}
    return [found[i] for i in range(len(hits))]


def masked(vault: Vault, subject: SubjectId, fields: Sequence[str]) -> dict[str, str]:
    """A person's current values, masked, for that person's own page; no permit, because nobody else reads.

    The caller has authenticated `subject`. Fields without a readable value are absent.
    """
    bucket = bucket_for(subject, vault.installation.buckets)
    key = vault.keyring.subject_keys([(bucket, subject)]).get(subject)
    if key is None:
        return {}
    with vault.data.read() as conn:
        heads = _HEADS(conn, [(bucket, subject, PROFILE, code) for code in fields])
    shown: dict[str, str] = {}
    for head in heads:
        opened = _open_head(vault, key, head)
        if opened is not None:
            shown[head[0]] = mask(head[0], opened)
    return {code: shown[code] for code in fields if code in shown}


def _open_head(vault: Vault, key: SubjectKey, head: Sequence[Any]) -> str | None:
    field, version, schema, blob, _ = head
    place = Place(vault.installation.tenant, key.subject, PROFILE, field, schema, version)
    try:
        return open_sealed(key.data, place, blob).decode()
    except Unopenable:
        return None
