"""A person's values as that person may see them on their own page: masked, now or then, with their history.

No permit is asked for, because nobody else reads and nothing leaves in clear; the caller has authenticated
the person. Also: when the versions that tags have found were the current ones.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from vault.families.merge import survivors
from vault.ids import PROFILE, Bucket, SubjectId, bucket_for
from vault.keys.keyring import SubjectKey
from vault.masks import mask
from vault.opening import Vault
from vault.people.stored import StoredValue, current_values, every_value
from vault.storage.rowset import RowSet
from vault.tags import Hit


@dataclass(frozen=True, slots=True)
class Window:
    """When a version was the current one: from (inclusive) to (exclusive) in Unix ms; None: still is."""

    valid_from: int
    valid_to: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionLine:
    """One version of a field: when it was current (Unix ms), and what may be shown of it.

    `masked` is None when nothing opens any more; `struck_at` says when the text was destroyed on purpose.
    """

    version: int
    valid_from: int
    valid_to: int | None
    masked: str | None
    struck_at: int | None


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


def windows(conn: Connection, hits: Sequence[Hit]) -> list[Window]:
    """For each hit, when the version it found was the current one; one statement."""
    rows = [(hit.bucket, hit.subject, hit.record, hit.field, hit.version) for hit in hits]
    found = {i: Window(valid_from, valid_to) for i, valid_from, valid_to in _WINDOWS(conn, rows)}
    return [found[i] for i in range(len(hits))]


def masked(
    vault: Vault, subject: SubjectId, fields: Sequence[str], *, as_of: int | None = None
) -> dict[str, str]:
    """The values that are current now, or were at `as_of` (Unix ms), masked; in the order of `fields`.

    Fields without a readable value are absent; so is everything of a person who is erased, was merged into somebody
    else, or has no keys.
    """
    found = standing(vault, subject, as_of=as_of, fields=fields)
    shown = {code: found[code].masked for code in fields if code in found}
    return {code: text for code, text in shown.items() if text is not None}


def standing(
    vault: Vault, subject: SubjectId, *, as_of: int | None = None, fields: Collection[str] | None = None
) -> dict[str, VersionLine]:
    """By field code, the version that is current now, or was at `as_of` (Unix ms). Of somebody who was erased or
    merged into another, nothing.

    Without `fields`, everything there is.
    """
    key = _key(vault, subject)
    if key is None:
        return {}
    bucket = bucket_for(subject, vault.installation.buckets)
    people = {subject: (bucket, key)}
    with vault.data.read() as conn:
        if survivors(conn, [(bucket, subject)]):
            return {}
        found = current_values(conn, vault, people, fields=fields, as_of=as_of)[subject]
    return {code: _line(vault, found[code]) for code in sorted(found)}


def history(vault: Vault, subject: SubjectId, field: str) -> list[VersionLine]:
    """Every version of one field, the first one first; none for a person who is erased or has no keys."""
    key = _key(vault, subject)
    if key is None:
        return []
    with vault.data.read() as conn:
        found = every_value(conn, vault, bucket_for(subject, vault.installation.buckets), key)
    return [_line(vault, one) for one in found if one.field == field]


def _line(vault: Vault, value: StoredValue) -> VersionLine:
    return VersionLine(
        version=value.version,
        valid_from=value.valid_from,
        valid_to=value.valid_to,
        masked=None if value.text is None else mask(value.field, value.text, vault.catalogue),
        struck_at=value.struck_at,
    )


def _key(vault: Vault, subject: SubjectId) -> SubjectKey | None:
    bucket = bucket_for(subject, vault.installation.buckets)
    return vault.keyring.subject_keys([(bucket, subject)]).get(subject)


_VERSIONS = RowSet(
    "WITH {rows} SELECT rows.i, v.version FROM rows JOIN value v ON v.bucket = rows.bucket "
    "AND v.subject = rows.subject AND v.record = rows.record AND v.field = rows.field "
    "WHERE v.valid_from <= :at AND (v.valid_to IS NULL OR v.valid_to > :at)",
    bucket="int",
    subject="bytes",
    record="bytes",
    field="text",
)


def versions_at(
    conn: Connection, asked: Sequence[tuple[Bucket, SubjectId, str]], at_ms: int
) -> list[int | None]:
    """Which version of each (bucket, subject, field) was the current one at `at_ms` (Unix ms); None without a value."""
    rows = [(bucket, subject, PROFILE, field) for bucket, subject, field in asked]
    found = {i: version for i, version in _VERSIONS(conn, rows, at=at_ms)}  # noqa: C416  # rows have any type
    return [found.get(at) for at in range(len(asked))]
