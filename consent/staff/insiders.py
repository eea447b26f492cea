"""What people inside had read by when: the reads of staff keys, alone or approved, beside `exposure`, with its
questions.

An insider is named by the key it read with, "staff:" in front: nobody else's id begins so. Every question is
one statement about all people asked for; ids and counts only, no values.

* `insiders(conn, before_ms) -> list[str]`: every key that read anything.
* `read_before(conn, people, before_ms)`: people are (bucket, subject, field); rows are (position, insider, read id,
  committed_at).
* `insider_totals(conn, before_ms)`: distinct people by insider; `insider_field_totals(conn, before_ms)`: by insider and field.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, text

from consent.ids import fields_of
from vault.ids import Bucket, SubjectId
from vault.storage.rowset import RowSet

PREFIX: Final = "staff:"

type Read = tuple[int, str, bytes, int]

_NAMES_FIELD = "r.fields LIKE '%\"' || rows.field || '\"%'"


def _of(table: str) -> RowSet:
    return RowSet(
        f"WITH {{rows}} SELECT rows.i, r.staff, r.id, r.committed_at FROM rows JOIN {table} r "
        "ON r.bucket = rows.bucket AND r.subject = rows.subject "
        f"WHERE r.committed_at < :before AND {_NAMES_FIELD}",
        bucket="int",
        subject="bytes",
        field="text",
    )


_TABLES: Final = ("staff_read", "emergency_read")
_BEFORE: Final = tuple(map(_of, _TABLES))
_EVERY = " UNION ".join(
    f"SELECT staff, bucket, subject, fields FROM {table} WHERE committed_at < :before" for table in _TABLES
)


def insiders(conn: Connection, before_ms: int) -> list[str]:
    """Every staff key that read anything of anybody, in order."""
    rows = conn.execute(text(f"SELECT DISTINCT staff FROM ({_EVERY}) AS reads"), {"before": before_ms})
    return sorted(PREFIX + staff for (staff,) in rows)


def read_before(
    conn: Connection, people: Sequence[tuple[Bucket, SubjectId, str]], before_ms: int
) -> list[Read]:
    """Which insider had read this field of these people."""
    rows = [row for table in _BEFORE for row in table(conn, people, before=before_ms)]
    return sorted((at, PREFIX + staff, bytes(read), when) for at, staff, read, when in rows)


def insider_totals(conn: Connection, before_ms: int) -> dict[str, int]:
    """How many people each insider read anything of."""
    counted = text(
        f"SELECT staff, count(*) FROM (SELECT DISTINCT staff, bucket, subject FROM ({_EVERY}) AS reads) AS held "
        "GROUP BY staff"
    )
    return {PREFIX + staff: count for staff, count in conn.execute(counted, {"before": before_ms})}


def insider_field_totals(conn: Connection, before_ms: int) -> dict[tuple[str, str], int]:
    """How many people's value of each field each insider read. Reads differ by person; sets of fields are few."""
    counted = text(f"SELECT staff, bucket, subject, fields FROM ({_EVERY}) AS reads")
    seen = {
        (staff, field, bucket, bytes(subject))
        for staff, bucket, subject, fields in conn.execute(counted, {"before": before_ms})
        for field in fields_of(fields)
    }
    totals: dict[tuple[str, str], int] = {}
    for staff, field, _, _ in seen:
        totals[PREFIX + staff, field] = totals.get((PREFIX + staff, field), 0) + 1
    return totals
