"""What the vault holds of whom, without opening anything: people, fields, versions and their windows.

For whoever holds the stored rows against the ledger. Nothing here is a value.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, tuple_

from vault.drafts import PROFILE
from vault.ids import Bucket, SubjectId
from vault.rowset import RowSet
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
    """One person's row and every version of theirs, by field and version."""

    bucket: Bucket
    subject: SubjectId
    state: str
    created_at: int
    merged_into: SubjectId | None
    versions: tuple[VersionOutline, ...]


_PEOPLE = RowSet(
    "WITH {rows} SELECT p.bucket, p.subject, p.state, p.created_at, p.merged_into FROM rows "
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


def outlines(conn: Connection, people: Iterable[tuple[Bucket, SubjectId]]) -> list[Outline]:
    """The outlines of whoever of `people` has a row, in no order; two statements."""
    wanted = sorted(set(people))
    versions: dict[bytes, list[VersionOutline]] = {}
    for subject, field, version, valid_from, valid_to, struck_at in _VERSIONS(conn, wanted, record=PROFILE):
        versions.setdefault(subject, []).append(
            VersionOutline(
                field=field, version=version, valid_from=valid_from, valid_to=valid_to, struck_at=struck_at
            )
        )
    return [
        Outline(
            bucket=Bucket(bucket),
            subject=SubjectId(subject),
            state=state,
            created_at=created_at,
            merged_into=None if merged_into is None else SubjectId(merged_into),
            versions=tuple(versions.get(subject, ())),
        )
        for bucket, subject, state, created_at, merged_into in _PEOPLE(conn, wanted)
    ]


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
