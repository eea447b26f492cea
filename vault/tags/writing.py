"""Storing and deleting tags: one statement for each 20,000, in the order of the tags.

That order halves the work of the data base: neighbours in the index are visited once. Under a role that
row-level security watches PostgreSQL refuses COPY, so it is an INSERT over arrays, which is nearly as fast.
"""

from collections.abc import Iterable, Sequence
from itertools import batched
from typing import NamedTuple

from sqlalchemy import Connection

from vault.ids import Bucket, SubjectId
from vault.storage.rowset import Call, RowSet

CHUNK = 20_000


class TagRow(NamedTuple):
    """One row of the tag table; `tag` is first because rows are written in its order."""

    tag: int
    kind: int
    epoch: int
    bucket: Bucket
    subject: SubjectId
    version: int


_COLUMNS = "tag, kind, epoch, bucket, subject, version"
_INSERT = RowSet(
    f"WITH {{rows}} INSERT INTO tag ({_COLUMNS}) SELECT tag, kind, :epoch, bucket, subject, 1 FROM rows WHERE true",
    tag="int",
    kind="int",
    bucket="int",
    subject="bytes",
)
_INSERT_MISSING = RowSet(
    f"WITH {{rows}} INSERT INTO tag ({_COLUMNS}) SELECT {_COLUMNS} FROM rows WHERE NOT EXISTS "
    "(SELECT 1 FROM tag t WHERE t.tag = rows.tag AND t.kind = rows.kind AND t.epoch = rows.epoch "
    "AND t.bucket = rows.bucket AND t.subject = rows.subject AND t.version = rows.version)",
    tag="int",
    kind="int",
    epoch="int",
    bucket="int",
    subject="bytes",
    version="int",
)
_DELETE = RowSet(
    f"WITH {{rows}} DELETE FROM tag WHERE ({_COLUMNS}) IN (SELECT {_COLUMNS} FROM rows)",
    tag="int",
    kind="int",
    epoch="int",
    bucket="int",
    subject="bytes",
    version="int",
)
_DELETE_KINDS = RowSet(
    "WITH {rows} DELETE FROM tag WHERE (bucket, subject, kind) IN (SELECT bucket, subject, kind FROM rows)",
    bucket="int",
    subject="bytes",
    kind="int",
)


def first_tags(epoch: int, rows: Sequence[tuple[int, int, Bucket, SubjectId]]) -> list[Call]:
    """What stores the (tag, kind, bucket, subject) of people's first versions, sorted; none may be there yet."""
    return [Call(_INSERT, part, {"epoch": epoch}) for part in batched(rows, CHUNK)]


def write_tags(conn: Connection, rows: Iterable[TagRow]) -> None:
    """Store tags, whichever of them are there already."""
    for part in batched(sorted(set(rows)), CHUNK):
        _INSERT_MISSING(conn, part)


def delete_tags(conn: Connection, rows: Iterable[TagRow]) -> None:
    """Delete exactly these rows, as far as they are there."""
    for part in batched(sorted(set(rows)), CHUNK):
        _DELETE(conn, part)


def delete_kinds(conn: Connection, rows: Iterable[tuple[Bucket, SubjectId, int]]) -> None:
    """Delete all that people have of these kinds, (bucket, subject, kind); reads the whole table."""
    _DELETE_KINDS(conn, sorted(set(rows)))
