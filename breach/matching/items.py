"""What the matching stage found, kept as rows: one per stored version, flagged, never a value.

Flags only ever go from no to yes, and are written inside the transaction that also moves the stage forward, so
a stage cut short by a crash goes on where it stopped.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, select, tuple_

from breach.matching.masked import Weights
from breach.matching.rows import AGREED, CONFLICTING, MASKED, Item
from breach.tables import trace_alias, trace_candidate, trace_item
from consent.wording.alias_fields import INSTEAD
from vault.ids import Bucket, Buckets, Person, RecordId, SubjectId
from vault.storage.rowset import RowSet

_PAGE = 5_000
_CHUNK = 10_000
_ADD = RowSet(
    "WITH {rows} INSERT INTO trace_item (bucket, trace, subject, field, record, version, agreed, conflicting, "
    "masked) SELECT bucket, trace, subject, field, record, version, agreed, conflicting, masked FROM rows WHERE true "
    "ON CONFLICT (bucket, trace, subject, field, record, version) DO UPDATE SET "
    "agreed = CASE WHEN excluded.agreed = 1 THEN 1 ELSE trace_item.agreed END, "
    "conflicting = CASE WHEN excluded.conflicting = 1 THEN 1 ELSE trace_item.conflicting END, "
    "masked = CASE WHEN excluded.masked = 1 THEN 1 ELSE trace_item.masked END",
    bucket="int",
    trace="bytes",
    subject="bytes",
    field="text",
    record="bytes",
    version="int",
    agreed="int",
    conflicting="int",
    masked="int",
)
_WEIGH = RowSet(
    "WITH {rows} INSERT INTO trace_candidate (bucket, trace, subject, field, sets, weight) "
    "SELECT bucket, trace, subject, field, sets, weight FROM rows WHERE true "
    "ON CONFLICT (bucket, trace, subject, field) DO UPDATE SET "
    "sets = trace_candidate.sets + excluded.sets, weight = trace_candidate.weight + excluded.weight",
    bucket="int",
    trace="bytes",
    subject="bytes",
    field="text",
    sets="int",
    weight="int",
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
            int(bool(how & MASKED)),
        )
        for (bucket, subject, field, record, version), how in found.items()
    ]
    for start in range(0, len(rows), _CHUNK):
        _ADD(conn, rows[start : start + _CHUNK])


def add_weights(conn: Connection, trace_id: bytes, weights: Weights) -> None:
    """Add what the candidate sets of one batch weigh."""
    rows = [(bucket, trace_id, who, code, *both) for (bucket, who, code), both in weights.items()]
    for start in range(0, len(rows), _CHUNK):
        _WEIGH(conn, rows[start : start + _CHUNK])


def candidates(
    conn: Connection, trace_id: bytes, buckets: Buckets
) -> Iterator[tuple[Bucket, SubjectId, str, int]]:
    """Every candidate of a masked row: (bucket, subject, looked-up field, weight in millionths), in pages."""
    column = trace_candidate.c
    key = (column.subject, column.field)
    for bucket in map(Bucket, buckets.every()):
        mine = (column.bucket == bucket) & (column.trace == trace_id)
        query = select(*key, column.weight).where(mine).order_by(*key).limit(_PAGE)
        page = conn.execute(query).all()
        while page:
            yield from ((bucket, SubjectId(who), code, weight) for who, code, weight in page)
            last = tuple_(*key) > tuple(page[-1])[:2]
            page = conn.execute(query.where(last)).all() if len(page) == _PAGE else []


def people(
    conn: Connection, trace_id: bytes, buckets: Buckets, *, masked: bool = False
) -> Iterator[tuple[Person, list[Item]]]:
    """Every person found in agreeing rows with the items found there, bucket by bucket.

    `masked`: rows that show only parts of values, and leave one person, count as well.
    """
    for bucket in map(Bucket, buckets.every()):
        rows = (row for row in _rows(conn, trace_id, bucket) if row[4] or (masked and row[5]))
        for subject, listed in groupby(rows, key=itemgetter(0)):
            yield (
                (bucket, SubjectId(subject)),
                [
                    (bucket, SubjectId(subject), code, RecordId(record), v)
                    for _, code, record, v, *_ in listed
                ],
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A person of whom the dump shows anything; `agreed`: in a row whose identifiers agree; `masked`: in one that
    shows only parts of values.
    """

    bucket: Bucket
    subject: SubjectId
    fields: frozenset[str]
    agreed: bool
    masked: bool


def affected(
    conn: Connection, trace_id: bytes, buckets: Buckets, aliases_of: Collection[str] = ()
) -> Iterator[Shown]:
    """Every person of whom the dump shows anything, conflicting rows included, and the aliases given to `aliases_of`."""
    for bucket in map(Bucket, buckets.every()):
        shown = merge(
            _rows(conn, trace_id, bucket), _alias_rows(conn, trace_id, bucket, aliases_of), key=itemgetter(0)
        )
        for subject, rows in groupby(shown, key=itemgetter(0)):
            listed = list(rows)
            yield Shown(
                bucket=bucket,
                subject=SubjectId(subject),
                fields=frozenset(row[1] for row in listed),
                agreed=any(row[4] for row in listed),
                masked=any(row[5] for row in listed),
            )


def _rows(conn: Connection, trace_id: bytes, bucket: Bucket) -> Iterator[tuple[Any, ...]]:
    """Pages along the primary key: memory stays bounded, and no cursor is held open between them."""
    column = trace_item.c
    key = (column.subject, column.field, column.record, column.version)
    mine = (column.bucket == bucket) & (column.trace == trace_id)
    query = select(*key, column.agreed, column.masked).where(mine).order_by(*key).limit(_PAGE)
    page = conn.execute(query).all()
    while page:
        yield from map(tuple, page)
        last = tuple(page[-1])[:4]
        page = conn.execute(query.where(tuple_(*key) > last)).all() if len(page) == _PAGE else []


def _alias_rows(
    conn: Connection, trace_id: bytes, bucket: Bucket, given_to: Collection[str]
) -> Iterator[tuple[Any, ...]]:
    """Aliases as rows of the same form: each is practically one person's, so it agrees with itself."""
    column = trace_alias.c
    key = (column.subject, column.recipient_id, column.field, column.epoch)
    mine = (column.bucket == bucket) & (column.trace == trace_id)
    query = select(*key).where(mine, column.recipient_id.in_(given_to)).order_by(*key).limit(_PAGE)
    page = conn.execute(query).all() if given_to else []
    while page:
        yield from ((subject, INSTEAD[field], b"", epoch, 1, 0) for subject, _, field, epoch in page)
        last = tuple_(*key) > tuple(page[-1])
        page = conn.execute(query.where(last)).all() if len(page) == _PAGE else []
