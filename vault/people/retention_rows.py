"""The statements of `terms` and `striking`, each over a list of terms, fields or versions; and what a merge does.

A term that somebody set is about the person, whoever stands for them, and stands at the survivor. A term at a
merged person is about that one's own values: a default, or what striking out could not reach yet.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from vault.ids import Bucket, Person, SubjectId
from vault.people.retention_tables import retention
from vault.storage.rowset import RowSet

RULE: Final = "rule"
"""The reason of a term that a default set."""

type _Put = tuple[Bucket, SubjectId, str, int, str, str, int]

SET = RowSet(
    "WITH {rows} INSERT INTO retention (bucket, subject, field, expires_at, reason, state, set_at) "
    "SELECT bucket, subject, field, expires_at, reason, 'set', :now FROM rows WHERE true "
    "ON CONFLICT (bucket, subject, field) DO UPDATE SET expires_at = excluded.expires_at, "
    "reason = excluded.reason, state = 'set', set_at = excluded.set_at, done_at = NULL "
    # A struck term waits for the person's new key; replaced, it would never come to that.
    "WHERE retention.state <> 'struck'",
    bucket="int",
    subject="bytes",
    field="text",
    expires_at="int",
    reason="text",
)
APPLY = RowSet(
    # A term that somebody set goes before the rule, for whoever stands for the person as well; one that is done
    # applied to an older value.
    "WITH {rows} INSERT INTO retention (bucket, subject, field, expires_at, reason, state, set_at) "
    f"SELECT v.bucket, v.subject, v.field, v.valid_from + rows.period, '{RULE}', 'set', :now "
    "FROM rows JOIN value v ON v.field = rows.field AND v.record = :record "
    "JOIN person p ON p.bucket = v.bucket AND p.subject = v.subject AND p.state IN ('active', 'merged') "
    "WHERE v.valid_to IS NULL AND v.valid_from + rows.period <= :now AND NOT EXISTS "
    "(SELECT 1 FROM person_merge m JOIN retention t ON t.bucket = m.keep_bucket AND t.subject = m.keep "
    "AND t.field = v.field AND t.state = 'set' "
    "WHERE m.bucket = p.bucket AND m.subject = p.subject AND m.keep = p.merged_into) "
    "ON CONFLICT (bucket, subject, field) DO UPDATE SET expires_at = excluded.expires_at, "
    "reason = excluded.reason, state = 'set', set_at = excluded.set_at, done_at = NULL "
    "WHERE retention.state = 'done'",
    field="text",
    period="int",
)
STRIKE = RowSet(
    "WITH {rows} UPDATE value SET blob = '', struck_at = rows.at, valid_to = rows.ends FROM rows "
    "WHERE value.bucket = rows.bucket AND value.subject = rows.subject AND value.record = :record "
    "AND value.field = rows.field AND value.version = rows.version",
    bucket="int",
    subject="bytes",
    field="text",
    version="int",
    at="int",
    ends="int",
)
STATE = RowSet(
    "WITH {rows} UPDATE retention SET state = :state, done_at = CASE WHEN :state = 'done' THEN "
    "CAST(:now AS bigint) END FROM rows WHERE retention.bucket = rows.bucket "
    "AND retention.subject = rows.subject AND retention.field = rows.field",
    bucket="int",
    subject="bytes",
    field="text",
)
SPREAD = RowSet(
    "WITH {rows} INSERT INTO retention (bucket, subject, field, expires_at, reason, state, set_at) "
    "SELECT bucket, subject, field, expires_at, reason, state, :now FROM rows WHERE true "
    "ON CONFLICT (bucket, subject, field) DO UPDATE SET expires_at = excluded.expires_at, "
    "reason = excluded.reason, state = excluded.state, set_at = excluded.set_at, done_at = NULL "
    "WHERE retention.state <> 'struck'",
    bucket="int",
    subject="bytes",
    field="text",
    expires_at="int",
    reason="text",
    state="text",
)
"""A term's share of whoever stands for its person: struck with it, or still to be (`set`)."""

READABLE = RowSet(
    "WITH {rows} SELECT DISTINCT rows.i FROM rows CROSS JOIN value v WHERE v.bucket = rows.bucket "
    "AND v.subject = rows.subject AND v.record = :record AND v.field = rows.field AND v.struck_at IS NULL",
    bucket="int",
    subject="bytes",
    field="text",
)
"""Which of these fields have a version that is not struck out."""

_PUT = RowSet(
    "WITH {rows} INSERT INTO retention (bucket, subject, field, expires_at, reason, state, set_at, done_at) "
    "SELECT bucket, subject, field, expires_at, reason, state, set_at, "
    "CASE WHEN state = 'done' THEN CAST(:now AS bigint) END FROM rows WHERE true "
    "ON CONFLICT (bucket, subject, field) DO UPDATE SET expires_at = excluded.expires_at, "
    "reason = excluded.reason, state = excluded.state, set_at = excluded.set_at, done_at = excluded.done_at",
    bucket="int",
    subject="bytes",
    field="text",
    expires_at="int",
    reason="text",
    state="text",
    set_at="int",
)


def pass_on(conn: Connection, drop: Person, keep: Person, now_ms: int) -> None:
    """What somebody set for `drop` holds for `keep` from now on; of two terms the one that ends first.

    The caller holds both people's rows. Defaults stay with the values they are about.
    """
    theirs, own = _rows_of(conn, drop), _rows_of(conn, keep)
    changed: list[_Put] = []
    for field, term in sorted(theirs.items()):
        if term.state != "set" or term.reason == RULE:
            continue
        held = own.get(field)
        if held is not None and held.state == "struck":
            # Its wait for the survivor's new key changes places with the term: `renew` replaces both keys.
            changed.append((*drop, field, held.expires_at, held.reason, "struck", held.set_at))
        else:
            changed.append((*drop, field, term.expires_at, term.reason, "done", term.set_at))
        if held is None or held.state != "set" or term.expires_at < held.expires_at:
            changed.append((*keep, field, term.expires_at, term.reason, "set", term.set_at))
    _PUT(conn, changed, now=now_ms)


def _rows_of(conn: Connection, who: Person) -> Mapping[str, Row[*tuple[Any, ...]]]:
    mine = select(retention).where(retention.c.bucket == who[0], retention.c.subject == who[1])
    return {row.field: row for row in conn.execute(mine)}
