"""What the matching stage found, kept as rows: one per stored version, flagged, never a value.

Flags only ever go from no to yes, and are written inside the transaction that also moves the stage forward, so a stage
cut short by a crash goes on where it stopped.
"""

from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, select, tuple_

from breach.match import AGREED, CONFLICTING, Item
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
    "agreed = CASE WHEN excluded.agreed = 1 THEN 1 ELSE trace_item.agreed END, "
    "conflicting = CASE WHEN excluded.conflicting = 1 THEN 1 ELSE trace_item.conflicting END",
    bucket="int",
    trace="bytes",
    subject="bytes",
    field="text",
    record="bytes",
    version="int",
    agreed="int",
    conflicting="int",
)


def add(conn: Connection, trace_id: bytes, found: Mapping[Item, int]) -> None:
    """Add the items of one batch with their flags."""
    rows = [
        (
            bucket,
            trace_id,
            subject,
            field,
            record,
            version,
            int(bool(how & AGREED)),
            int(bool(how & CONFLICTING)),
        )
        for (bucket, subject, field, record, version), how in found.items()
    ]
    for start in range(0, len(rows), _CHUNK):
        _ADD(conn, rows[start : start + _CHUNK])


def people(
    conn: Connection, trace_id: bytes, buckets: int, *, agreed: bool = True
) -> Iterator[tuple[Person, list[Item]]]:
    """Every found person with the items found, bucket by bucket; `agreed`: agreeing rows only."""
    for bucket in map(Bucket, range(buckets)):
        rows = _rows(conn, trace_id, bucket, agreed=agreed)
        for subject, listed in groupby(rows, key=itemgetter(0)):
            yield (
                (bucket, SubjectId(subject)),
                [(bucket, SubjectId(subject), code, RecordId(record), v) for _, code, record, v in listed],
            )


def _rows(conn: Connection, trace_id: bytes, bucket: Bucket, *, agreed: bool) -> Iterator[Any]:
    """Pages along the primary key: memory stays bounded, and no cursor is held open between them."""
    column = trace_item.c
    key = (column.subject, column.field, column.record, column.version)
    mine = (column.bucket == bucket) & (column.trace == trace_id)
    query = select(*key).where(mine).order_by(*key).limit(_PAGE)
    query = query.where(column.agreed > 0) if agreed else query
    page = conn.execute(query).all()
    while page:
        yield from map(tuple, page)
        page = conn.execute(query.where(tuple_(*key) > tuple(page[-1]))).all() if len(page) == _PAGE else []
