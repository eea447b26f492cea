"""What the matching stage found, kept as rows: one per stored version, counted, never a value.

Counts are added inside the transaction that also moves the stage forward, so a stage cut short by a crash goes on
where it stopped and counts nothing twice.
"""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, select

from breach.match import Found, Item
from breach.tables import trace_item
from vault.ids import Bucket, RecordId, SubjectId
from vault.rowset import RowSet

type Person = tuple[Bucket, SubjectId]

_PAGE = 5_000
_CHUNK = 10_000
_ADD = RowSet(
    "WITH {rows} INSERT INTO trace_item (bucket, trace, subject, field, record, version, agreed, conflicting) "
    "SELECT bucket, trace, subject, field, record, version, agreed, conflicting FROM rows WHERE true "
    "ON CONFLICT (bucket, trace, subject, field, record, version) DO UPDATE SET "
    "agreed = trace_item.agreed + excluded.agreed, "
    "conflicting = trace_item.conflicting + excluded.conflicting",
    bucket="int",
    trace="bytes",
    subject="bytes",
    field="text",
    record="bytes",
    version="int",
    agreed="int",
    conflicting="int",
)


def add(conn: Connection, trace_id: bytes, found: Mapping[Item, Found]) -> None:
    """Add the counts of one batch."""
    rows = [
        (bucket, trace_id, subject, field, record, version, counts.agreed, counts.conflicting)
        for (bucket, subject, field, record, version), counts in found.items()
    ]
    for start in range(0, len(rows), _CHUNK):
        _ADD(conn, rows[start : start + _CHUNK])


def people(conn: Connection, trace_id: bytes, *, agreed: bool = True) -> Iterator[tuple[Person, list[Item]]]:
    """Every found person with the items found, in the order of their ids; `agreed`: agreeing rows only."""
    for person, rows in groupby(
        _rows(conn, trace_id, agreed=agreed), key=lambda row: (row.bucket, row.subject)
    ):
        listed = [(row.bucket, row.subject, row.field, row.record, row.version) for row in rows]
        yield (
            (Bucket(person[0]), SubjectId(person[1])),
            [(Bucket(b), SubjectId(s), f, RecordId(r), v) for b, s, f, r, v in listed],
        )


def _rows(conn: Connection, trace_id: bytes, *, agreed: bool) -> Iterator[Any]:
    """Pages by key: memory stays bounded, and no cursor is held open between them."""
    column = trace_item.c
    key = (column.bucket, column.subject, column.field, column.record, column.version)
    query = select(*key).where(column.trace == trace_id).order_by(*key).limit(_PAGE)
    query = query.where(column.agreed > 0) if agreed else query
    after: tuple[Any, ...] | None = None
    while True:
        page = conn.execute(query if after is None else query.where(_beyond(key, after))).all()
        yield from page
        if len(page) < _PAGE:
            return
        after = tuple(page[-1])


def _beyond(key: tuple[Any, ...], after: tuple[Any, ...]) -> Any:
    """Lexicographic "greater than", written out: SQLite and PostgreSQL agree on it for every type."""
    condition = key[-1] > after[-1]
    for column, value in reversed(list(zip(key[:-1], after[:-1], strict=True))):
        condition = (column > value) | ((column == value) & condition)
    return condition
