"""Who had received what by when: set-based questions for tracing a leak; ids and counts only, no values.

* `received_before(conn, people, before_ms)`: people are (bucket, subject, field); rows are
  (position in `people`, recipient_id, disclosure_id, committed_at) of every disclosure of that field to
  anybody, committed before `before_ms`.
* `received_version(conn, people, before_ms)`: people are (bucket, subject, field, valid_from, valid_to or
  None); only disclosures made while that version was the current one.
* `recipient_totals(conn, before_ms=None) -> {recipient_id: distinct people}`;
  `recipient_field_totals(conn, before_ms=None) -> {(recipient_id, field): distinct people}`.
* `held_by(conn, recipient_id, before_ms=None) -> int` distinct people of one recipient.
* `count_disclosed(conn, before_ms=None) -> int` people of whom anything was ever disclosed to anybody;
  `undisclosed(conn, people, before_ms) -> list[int]` positions of the (bucket, subject) never disclosed.
* `count_received(conn, fields, before_ms) -> {field: distinct people}` whose value of a field anybody received or read.
* `recipients_of(conn, people, before_ms)`: people are (bucket, subject); rows are (position, recipient_id).
* `ways_to(conn, people, before_ms)`: people are (bucket, subject); rows are (position, recipient_id, client_id,
  recipient_id of the consent it was passed on under or None): by which program each has it, and under whom.
* `grants_behind(conn, people, recipient_id, before_ms)`: people are (bucket, subject); rows are
  (position, grant_id, disclosure_id, committed_at, terms_id), oldest first: what a claim rests on.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from consent.ids import ClientId, DisclosureId, GrantId, RecipientId, TermsId
from vault.ids import Bucket, Person, SubjectId
from vault.storage.rowset import RowSet

type Received = tuple[int, RecipientId, DisclosureId, int]

_FOREVER = 2**62

_NAMES_FIELD = "d.fields LIKE '%\"' || rows.field || '\"%'"
"""`fields` is canonical JSON of codes from a closed vocabulary: the quoted code occurs as itself or not at all."""

_BEFORE = RowSet(
    "WITH {rows} SELECT rows.i, d.recipient_id, d.id, d.committed_at FROM rows "
    "JOIN disclosure d ON d.bucket = rows.bucket AND d.subject = rows.subject "
    f"WHERE d.committed_at < :before AND {_NAMES_FIELD} ORDER BY rows.i, d.committed_at, d.id",
    bucket="int",
    subject="bytes",
    field="text",
)
_VERSION = RowSet(
    "WITH {rows} SELECT rows.i, d.recipient_id, d.id, d.committed_at FROM rows "
    "JOIN disclosure d ON d.bucket = rows.bucket AND d.subject = rows.subject "
    f"WHERE d.committed_at < :before AND {_NAMES_FIELD} AND d.committed_at >= rows.valid_from "
    "AND (rows.valid_to IS NULL OR d.committed_at < rows.valid_to) ORDER BY rows.i, d.committed_at, d.id",
    bucket="int",
    subject="bytes",
    field="text",
    valid_from="int",
    valid_to="int",
)
_UNDISCLOSED = RowSet(
    "WITH {rows} SELECT rows.i FROM rows WHERE NOT EXISTS (SELECT 1 FROM disclosure d "
    "WHERE d.bucket = rows.bucket AND d.subject = rows.subject AND d.committed_at < :before) "
    "AND NOT EXISTS (SELECT 1 FROM staff_read r WHERE r.bucket = rows.bucket AND r.subject = rows.subject "
    "AND r.committed_at < :before) "
    "AND NOT EXISTS (SELECT 1 FROM emergency_read r WHERE r.bucket = rows.bucket AND r.subject = rows.subject "
    "AND r.committed_at < :before) ORDER BY rows.i",
    bucket="int",
    subject="bytes",
)
_RECIPIENTS = RowSet(
    "WITH {rows} SELECT DISTINCT rows.i, d.recipient_id FROM rows "
    "JOIN disclosure d ON d.bucket = rows.bucket AND d.subject = rows.subject WHERE d.committed_at < :before",
    bucket="int",
    subject="bytes",
)
_WAYS = RowSet(
    "WITH {rows} SELECT DISTINCT rows.i, d.recipient_id, g.client_id, above.recipient_id AS above FROM rows "
    "JOIN disclosure d ON d.bucket = rows.bucket AND d.subject = rows.subject "
    "JOIN consent_grant g ON g.bucket = d.bucket AND g.id = d.grant_id "
    "LEFT JOIN consent_grant above ON above.bucket = g.bucket AND above.id = g.parent_grant "
    "WHERE d.committed_at < :before",
    bucket="int",
    subject="bytes",
)
_BEHIND = RowSet(
    "WITH {rows} SELECT rows.i, d.grant_id, d.id, d.committed_at, g.terms_id FROM rows "
    "JOIN disclosure d ON d.bucket = rows.bucket AND d.subject = rows.subject "
    "JOIN consent_grant g ON g.bucket = d.bucket AND g.id = d.grant_id "
    "WHERE d.recipient_id = :recipient AND d.committed_at < :before ORDER BY rows.i, d.committed_at, d.id",
    bucket="int",
    subject="bytes",
)


def received_before(
    conn: Connection, people: Sequence[tuple[Bucket, SubjectId, str]], before_ms: int
) -> list[Received]:
    """Who had received this field of these people."""
    return [_received(row) for row in _BEFORE(conn, people, before=before_ms)]


def received_version(
    conn: Connection,
    people: Sequence[tuple[Bucket, SubjectId, str, int, int | None]],
    before_ms: int,
) -> list[Received]:
    """Who had received exactly this version of the field."""
    return [_received(row) for row in _VERSION(conn, people, before=before_ms)]


def undisclosed(conn: Connection, people: Sequence[tuple[Bucket, SubjectId]], before_ms: int) -> list[int]:
    """Positions of the people nobody had received or, inside, read anything of: the dark controls of a trace."""
    return [row[0] for row in _UNDISCLOSED(conn, people, before=before_ms)]


def recipients_of(
    conn: Connection, people: Sequence[Person], before_ms: int
) -> list[tuple[int, RecipientId]]:
    """Who had received anything of these people: (position in `people`, recipient)."""
    return [(at, RecipientId(recipient)) for at, recipient in _RECIPIENTS(conn, people, before=before_ms)]


def ways_to(
    conn: Connection, people: Sequence[Person], before_ms: int
) -> list[tuple[int, RecipientId, ClientId, RecipientId | None]]:
    """By which program each recipient has anything of these people, and under whose consent if it was passed on."""
    rows = _WAYS(conn, people, before=before_ms)
    return [
        (at, RecipientId(who), ClientId(program), None if above is None else RecipientId(above))
        for at, who, program, above in rows
    ]


def grants_behind(
    conn: Connection, people: Sequence[tuple[Bucket, SubjectId]], recipient_id: str, before_ms: int
) -> list[tuple[int, GrantId, DisclosureId, int, TermsId]]:
    """The grants and disclosures by which one recipient holds these people's data."""
    rows = _BEHIND(conn, people, recipient=recipient_id, before=before_ms)
    return [(i, GrantId(grant), DisclosureId(read), at, TermsId(terms)) for i, grant, read, at, terms in rows]


def recipient_totals(conn: Connection, before_ms: int | None = None) -> dict[RecipientId, int]:
    """How many people each recipient holds data of."""
    rows = conn.execute(
        text(
            "SELECT recipient_id, count(*) FROM (SELECT DISTINCT recipient_id, bucket, subject "
            "FROM disclosure WHERE committed_at < :before) AS held GROUP BY recipient_id"
        ),
        {"before": _bound(before_ms)},
    )
    return {RecipientId(recipient): count for recipient, count in rows}


def recipient_field_totals(
    conn: Connection, before_ms: int | None = None
) -> dict[tuple[RecipientId, str], int]:
    """How many people's value of each field each recipient holds."""
    rows = conn.execute(
        text(
            "SELECT recipient_id, field, count(*) FROM (SELECT DISTINCT d.recipient_id, p.field, d.bucket, "
            "d.subject FROM disclosure d JOIN (SELECT purpose, field FROM purpose_field "
            "UNION ALL SELECT purpose, field FROM own_field) AS p ON p.purpose = d.purpose "
            "AND d.fields LIKE '%\"' || p.field || '\"%' WHERE d.committed_at < :before) AS held "
            "GROUP BY recipient_id, field"
        ),
        {"before": _bound(before_ms)},
    )
    return {(RecipientId(recipient), field): count for recipient, field, count in rows}


def held_by(conn: Connection, recipient_id: str, before_ms: int | None = None) -> int:
    """How many people one recipient holds data of."""
    return recipient_totals(conn, before_ms).get(RecipientId(recipient_id), 0)


def count_disclosed(conn: Connection, before_ms: int | None = None) -> int:
    """How many people anybody has received anything of, or read anything of inside."""
    counted = conn.execute(
        text(
            "SELECT count(*) FROM (SELECT bucket, subject FROM disclosure WHERE committed_at < :before "
            "UNION SELECT bucket, subject FROM staff_read WHERE committed_at < :before "
            "UNION SELECT bucket, subject FROM emergency_read WHERE committed_at < :before) AS people"
        ),
        {"before": _bound(before_ms)},
    )
    return int(counted.scalar_one())


def count_received(conn: Connection, fields: Sequence[str], before_ms: int) -> dict[str, int]:
    """By field: people of whom anybody has received it, or read it inside."""
    each = " UNION ".join(
        f"SELECT bucket, subject FROM {table} WHERE committed_at < :before AND fields LIKE :named"
        for table in ("disclosure", "staff_read", "emergency_read")
    )
    counted = text(f"SELECT count(*) FROM ({each}) AS people")
    return {
        code: int(conn.execute(counted, {"before": before_ms, "named": f'%"{code}"%'}).scalar_one())
        for code in fields
    }


def _bound(before_ms: int | None) -> int:
    return _FOREVER if before_ms is None else before_ms


def _received(row: Sequence[object]) -> Received:
    at, recipient, disclosure, committed_at = row
    assert isinstance(at, int)
    assert isinstance(disclosure, bytes)
    assert isinstance(committed_at, int)
    return at, RecipientId(str(recipient)), DisclosureId(disclosure), committed_at
