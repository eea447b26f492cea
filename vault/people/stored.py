"""People's own values opened inside the vault: what stands there now, what stood there then, every version.

What changes, merges, masks and tags work with. Clear text leaves the vault by other doors only. A version that
was struck out, is damaged or lies under a destroyed key is listed without a text. From the tombstone on an erased
person has no values here, however long the erasure takes to reach them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from vault.ids import Bucket, SubjectId
from vault.keys.keyring import SubjectKey
from vault.opening import Vault
from vault.people.drafts import PROFILE
from vault.sealing.sealed import Place, Unopenable
from vault.storage.rowset import RowSet

type People = Mapping[SubjectId, tuple[Bucket, SubjectKey]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredValue:
    """One version of one field, current from `valid_from` to before `valid_to` (None: still), in Unix ms.

    `text` is None when the version does not open; `struck_at` says when its text was destroyed on purpose.
    """

    field: str
    version: int
    valid_from: int
    valid_to: int | None
    struck_at: int | None
    text: str | None

    def __repr__(self) -> str:
        return f"StoredValue({self.field!r}, {self.version})"


_COLUMNS = "rows.i, v.field, v.version, v.schema, v.blob, v.valid_from, v.valid_to, v.struck_at"
_JOIN = (
    "FROM rows JOIN person p ON p.bucket = rows.bucket AND p.subject = rows.subject AND p.state <> 'erased' "
    "JOIN value v ON v.bucket = p.bucket AND v.subject = p.subject WHERE v.record = :record"
)
_CURRENT = RowSet(
    f"WITH {{rows}} SELECT {_COLUMNS} {_JOIN} AND v.valid_to IS NULL", bucket="int", subject="bytes"
)
_AS_OF = RowSet(
    f"WITH {{rows}} SELECT {_COLUMNS} {_JOIN} AND v.valid_from <= :at "
    "AND (v.valid_to IS NULL OR v.valid_to > :at)",
    bucket="int",
    subject="bytes",
)
_EVERY = RowSet(
    f"WITH {{rows}} SELECT {_COLUMNS} {_JOIN} ORDER BY rows.i, v.field, v.version",
    bucket="int",
    subject="bytes",
)

_ERASED = RowSet(
    "WITH {rows} SELECT p.subject FROM rows JOIN person p ON p.bucket = rows.bucket "
    "AND p.subject = rows.subject WHERE p.state = 'erased'",
    bucket="int",
    subject="bytes",
)


def erased_among(conn: Connection, people: Sequence[tuple[Bucket, SubjectId]]) -> set[SubjectId]:
    """Those of these people who are tombstoned, whether or not their keys are destroyed yet; one statement."""
    return {SubjectId(subject) for (subject,) in _ERASED(conn, people)}


def current_values(
    conn: Connection,
    vault: Vault,
    people: People,
    *,
    fields: Collection[str] | None = None,
    as_of: int | None = None,
) -> dict[SubjectId, dict[str, StoredValue]]:
    """By person and field code, the version that is current now, or was at `as_of` (Unix ms); one statement.

    `fields` restricts what is opened; every person asked about has a place in the answer.
    """
    rows = [(bucket, subject) for subject, (bucket, _) in people.items()]
    found = (
        _CURRENT(conn, rows, record=PROFILE)
        if as_of is None
        else _AS_OF(conn, rows, record=PROFILE, at=as_of)
    )
    values: dict[SubjectId, dict[str, StoredValue]] = {subject: {} for subject in people}
    keys = _opening(vault, people, ((*rows[row[0]], row[4]) for row in found))
    for i, *row in found:
        subject = rows[i][1]
        if fields is None or row[0] in fields:
            values[subject][row[0]] = _value(vault, keys[subject], row)
    return values


def every_value(conn: Connection, vault: Vault, bucket: Bucket, key: SubjectKey) -> list[StoredValue]:
    """Every version of everything about one person, by field and version."""
    return every_values(conn, vault, {key.subject: (bucket, key)})[key.subject]


def every_values(conn: Connection, vault: Vault, people: People) -> dict[SubjectId, list[StoredValue]]:
    """Every version of everything about these people, each by field and version; one statement."""
    rows = [(bucket, subject) for subject, (bucket, _) in people.items()]
    found = _EVERY(conn, rows, record=PROFILE)
    keys = _opening(vault, people, ((*rows[row[0]], row[4]) for row in found))
    values: dict[SubjectId, list[StoredValue]] = {subject: [] for subject in people}
    for i, *row in found:
        values[rows[i][1]].append(_value(vault, keys[rows[i][1]], row))
    return values


def _opening(
    vault: Vault, people: People, blobs: Iterable[tuple[Bucket, SubjectId, bytes]]
) -> dict[SubjectId, SubjectKey]:
    return vault.keyring.keys_for({subject: key for subject, (_, key) in people.items()}, blobs)


def _value(vault: Vault, key: SubjectKey, row: Sequence[Any]) -> StoredValue:
    field, version, schema, blob, valid_from, valid_to, struck_at = row
    place = Place(vault.installation.tenant, key.subject, PROFILE, field, schema, version)
    return StoredValue(
        field=field,
        version=version,
        valid_from=valid_from,
        valid_to=valid_to,
        struck_at=struck_at,
        text=None if struck_at is not None else _text(key, place, blob),
    )


def _text(key: SubjectKey, place: Place, blob: bytes) -> str | None:
    try:
        return key.open(place, blob).decode()
    except (Unopenable, UnicodeDecodeError):
        return None
