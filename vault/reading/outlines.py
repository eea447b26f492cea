"""What the vault holds of whom, without opening anything: people, fields, versions, windows, and ties to others.

For whoever holds the stored rows against the ledger. Nothing here is a value.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, tuple_

from vault.families.guardians import Guardianship, guardians_of_many
from vault.ids import Bucket, SubjectId
from vault.people.drafts import PROFILE
from vault.storage.rowset import RowSet
from vault.tables import person

PAGE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionOutline:
    """One stored version; times are Unix milliseconds."""

    field: str
    version: int
    valid_from: int
    valid_to: int | None
    struck_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One person's row, every version of theirs by field and version, and their ties.

    `stands_for` are the people this one was merged into, `stood_for_by` those merged into this one, each with the
    time of the merge in Unix ms; `guardians` are the links in which this one is the ward.
    """

    bucket: Bucket
    subject: SubjectId
    state: str
    created_at: int
    versions: tuple[VersionOutline, ...]
    stands_for: tuple[tuple[SubjectId, int], ...]
    stood_for_by: tuple[tuple[SubjectId, int], ...]
    guardians: tuple[Guardianship, ...]


_PEOPLE = RowSet(
    "WITH {rows} SELECT p.bucket, p.subject, p.state, p.created_at FROM rows "
    "JOIN person p ON p.bucket = rows.bucket AND p.subject = rows.subject",
    bucket="int",
    subject="bytes",
)
_VERSIONS = RowSet(
    "WITH {rows} SELECT v.subject, v.field, v.version, v.valid_from, v.valid_to, v.struck_at "
    "FROM rows CROSS JOIN value v WHERE v.bucket = rows.bucket AND v.subject = rows.subject "
    "AND v.record = :record ORDER BY v.subject, v.field, v.version",
    bucket="int",
    subject="bytes",
)


_STANDS_FOR = RowSet(
    "WITH {rows} SELECT m.subject, m.keep, m.merged_at FROM rows JOIN person_merge m "
    "ON m.bucket = rows.bucket AND m.subject = rows.subject",
    bucket="int",
    subject="bytes",
)
_STOOD_FOR_BY = RowSet(
    "WITH {rows} SELECT m.keep, m.subject, m.merged_at FROM rows JOIN person_merge m "
    "ON m.keep_bucket = rows.bucket AND m.keep = rows.subject",
    bucket="int",
    subject="bytes",
)

type _Merges = dict[bytes, list[tuple[SubjectId, int]]]


def outlines(conn: Connection, people: Iterable[tuple[Bucket, SubjectId]]) -> list[Outline]:
    """The outlines of whoever of `people` has a row, in no order; five statements."""
    wanted = sorted(set(people))
    versions = _versions(conn, wanted)
    stands_for, stood_for_by = _merges(_STANDS_FOR(conn, wanted)), _merges(_STOOD_FOR_BY(conn, wanted))
    guardians: dict[bytes, list[Guardianship]] = {}
    for tie in guardians_of_many(conn, wanted):
        guardians.setdefault(tie.ward, []).append(tie)
    return [
        Outline(
            bucket=Bucket(bucket),
            subject=SubjectId(subject),
            state=state,
            created_at=created_at,
            versions=tuple(versions.get(subject, ())),
            stands_for=tuple(stands_for.get(subject, ())),
            stood_for_by=tuple(stood_for_by.get(subject, ())),
            guardians=tuple(guardians.get(subject, ())),
        )
        for bucket, subject, state, created_at in _PEOPLE(conn, wanted)
    ]


def _versions(
    conn: Connection, people: Sequence[tuple[Bucket, SubjectId]]
) -> dict[bytes, list[VersionOutline]]:
    found: dict[bytes, list[VersionOutline]] = {}
    for subject, field, version, valid_from, valid_to, struck_at in _VERSIONS(conn, people, record=PROFILE):
        found.setdefault(subject, []).append(
            VersionOutline(
                field=field, version=version, valid_from=valid_from, valid_to=valid_to, struck_at=struck_at
            )
        )
    return found


def _merges(rows: Iterable[tuple[Any, ...]]) -> _Merges:
    found: _Merges = {}
    for subject, other, merged_at in rows:
        found.setdefault(subject, []).append((SubjectId(other), merged_at))
    return found


def every_outline(conn: Connection) -> Iterator[Sequence[Outline]]:
    """Everybody there is or was, a page at a time."""
    row = (person.c.bucket, person.c.subject)
    after: tuple[int, bytes] = (-1, b"")
    while True:
        beyond = select(*row).where(tuple_(*row) > after).order_by(*row).limit(PAGE)
        page = [(Bucket(bucket), SubjectId(subject)) for bucket, subject in conn.execute(beyond)]
        if not page:
            return
        yield outlines(conn, page)
        after = page[-1]
