"""Inserting disclosures spends their grants and uses, or fails: the hottest rule, so written per dialect.

A disclosure needs an active grant of the same person, recipient and purpose, with nothing above it that is not,
inside its window, with a use left, and the next number under that grant; an unvoided use of that grant with a
slot left; and fields the use has, which the grant has too. A use's counter is always the number of its
disclosures, a grant's the sum of its uses: whoever moves one alone is refused.

SQLite checks row by row. PostgreSQL checks once per statement over the set of new rows, because starting a
row's trigger and two updates costs more there than everything they do. Grants are locked first, in order.
"""

from sqlalchemy import MetaData, Table

from consent.schema.grant_chains import stands
from vault.storage.appendonly import install

_NO_GRANT = "disclosure: no active grant of this person, recipient and purpose in its window with a use left"
_NO_USE = "disclosure: no such use, or it is voided or spent"
_TOO_MUCH = "disclosure: fields beyond the use"


def attach(metadata: MetaData) -> None:
    """Attach the rules: created with the tables, on SQLite and PostgreSQL."""
    _spend(metadata.tables["disclosure"])
    for name, (column, counted) in _COUNTED.items():
        _count(metadata.tables[name], column, counted)


def _spend(disclosure: Table) -> None:
    raises = "".join(f"SELECT RAISE(ABORT, '{says}') WHERE {when}; " for says, when in _ROW_CHECKS.items())
    install(
        disclosure,
        sqlite=f"CREATE TRIGGER disclosure_spends AFTER INSERT ON disclosure BEGIN {raises} {_ROW_SPENDS} END",
    )
    checks = "".join(
        f"IF {when} THEN RAISE EXCEPTION '{says}' USING ERRCODE = '23514'; END IF; "
        for says, when in _SET_CHECKS.items()
    )
    install(
        disclosure,
        postgresql="CREATE FUNCTION disclosure_spends() RETURNS trigger LANGUAGE plpgsql "
        # The set is small and the tables are not: only index lookups make sense, whatever the statistics say.
        "SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off "
        "SET enable_material = off SET jit = off "
        f"AS $$ BEGIN {_SET_LOCKS} {checks} {_SET_SPENDS} RETURN NULL; END $$",
    )
    install(
        disclosure,
        postgresql="CREATE TRIGGER disclosure_spends AFTER INSERT ON disclosure "
        "REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION disclosure_spends()",
    )


_COUNTED = {
    "use": (
        "spent",
        "(SELECT count(*) FROM disclosure d WHERE d.use_id = {row}.id AND d.bucket = {row}.bucket)",
    ),
    "consent_grant": (
        "used",
        "(SELECT coalesce(sum(u.spent), 0) FROM use u WHERE u.grant_id = {row}.id AND u.bucket = {row}.bucket)",
    ),
}


def _count(table: Table, column: str, counted: str) -> None:
    says = f"{table.name}: {column} is what was disclosed"
    install(
        table,
        sqlite=f"CREATE TRIGGER {table.name}_counts BEFORE UPDATE OF {column} ON {table.name} "
        f"WHEN NEW.{column} <> OLD.{column} BEGIN "
        f"SELECT RAISE(ABORT, '{says}') WHERE NEW.{column} <> {counted.format(row='NEW')}; END",
    )
    install(
        table,
        postgresql=f"CREATE FUNCTION {table.name}_counts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF EXISTS (SELECT 1 FROM moved WHERE moved.{column} <> {counted.format(row='moved')}) "
        f"THEN RAISE EXCEPTION '{says}' USING ERRCODE = '23514'; END IF; RETURN NULL; END $$",
    )
    install(
        table,
        postgresql=f"CREATE TRIGGER {table.name}_counts AFTER UPDATE ON {table.name} "
        f"REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION {table.name}_counts()",
    )


_ROW_GRANT = "g.bucket = NEW.bucket AND g.id = NEW.grant_id"
_ROW_CHECKS = {
    _NO_GRANT: (
        f"NOT EXISTS (SELECT 1 FROM consent_grant g WHERE {_ROW_GRANT} "
        "AND g.recipient_id = NEW.recipient_id AND g.subject = NEW.subject AND g.purpose = NEW.purpose "
        f"AND g.state = 'active' AND {stands('g')} AND g.used < g.max_uses AND NEW.number = g.used + 1 "
        "AND NEW.committed_at >= g.window_from AND NEW.committed_at < g.window_to)"
    ),
    _NO_USE: (
        "NOT EXISTS (SELECT 1 FROM use u WHERE u.bucket = NEW.bucket AND u.id = NEW.use_id "
        "AND u.grant_id = NEW.grant_id AND u.voided_at IS NULL AND u.spent < u.quota AND NEW.slot <= u.quota)"
    ),
    _TOO_MUCH: (
        "EXISTS (SELECT 1 FROM use u WHERE u.bucket = NEW.bucket AND u.id = NEW.use_id "
        "AND u.fields <> NEW.fields AND (NEW.fields = '[]' OR EXISTS (SELECT 1 FROM json_each(NEW.fields) "
        "WHERE value NOT IN (SELECT value FROM json_each(u.fields)))))"
    ),
}
_ROW_SPENDS = (
    "UPDATE use SET spent = spent + 1 WHERE bucket = NEW.bucket AND id = NEW.use_id; "
    "UPDATE consent_grant SET used = used + 1, "
    "state = CASE WHEN used + 1 = max_uses THEN 'exhausted' ELSE state END "
    "WHERE bucket = NEW.bucket AND id = NEW.grant_id;"
)

_BY_GRANT = (
    "(SELECT bucket, grant_id, count(*) AS n, max(number) AS last FROM made GROUP BY bucket, grant_id) m"
)
_BY_USE = "(SELECT bucket, use_id, count(*) AS n FROM made GROUP BY bucket, use_id) m"
_SET_LOCKS = (
    f"PERFORM 1 FROM {_BY_GRANT} JOIN consent_grant g ON g.bucket = m.bucket AND g.id = m.grant_id "
    "ORDER BY g.bucket, g.id FOR UPDATE OF g;"
)
# OFFSET 0 keeps each lookup a lookup: merged into the join, it becomes a scan of the whole table as soon as
# the planner believes that hardly any grant is active.
_EACH_GRANT = (
    "made JOIN LATERAL (SELECT * FROM consent_grant WHERE bucket = made.bucket AND id = made.grant_id "
    "OFFSET 0) g ON true"
)
_EACH_USE = (
    "made JOIN LATERAL (SELECT * FROM use WHERE bucket = made.bucket AND id = made.use_id OFFSET 0) u ON true"
)
_SET_CHECKS = {
    _NO_GRANT: (
        f"(SELECT count(*) FROM made) <> (SELECT count(*) FROM {_EACH_GRANT} "
        "WHERE g.recipient_id = made.recipient_id AND g.subject = made.subject AND g.purpose = made.purpose "
        f"AND g.state = 'active' AND {stands('g')} AND made.number > g.used "
        "AND made.committed_at >= g.window_from AND made.committed_at < g.window_to) "
        f"OR EXISTS (SELECT 1 FROM {_BY_GRANT} JOIN consent_grant g ON g.bucket = m.bucket "
        "AND g.id = m.grant_id WHERE g.used + m.n > g.max_uses OR m.last <> g.used + m.n)"
    ),
    _NO_USE: (
        f"(SELECT count(*) FROM made) <> (SELECT count(*) FROM {_EACH_USE} "
        "WHERE u.grant_id = made.grant_id AND u.voided_at IS NULL AND made.slot <= u.quota) "
        f"OR EXISTS (SELECT 1 FROM {_BY_USE} JOIN use u ON u.bucket = m.bucket AND u.id = m.use_id "
        "WHERE u.spent + m.n > u.quota)"
    ),
    _TOO_MUCH: (
        f"EXISTS (SELECT 1 FROM {_EACH_USE} "
        "WHERE u.fields <> made.fields AND (made.fields = '[]' OR EXISTS ("
        "SELECT 1 FROM jsonb_array_elements_text(made.fields::jsonb) AS e(value) WHERE value NOT IN "
        "(SELECT value FROM jsonb_array_elements_text(u.fields::jsonb) AS f(value)))))"
    ),
}
_SET_SPENDS = (
    f"UPDATE use u SET spent = u.spent + m.n FROM {_BY_USE} WHERE u.bucket = m.bucket AND u.id = m.use_id; "
    "UPDATE consent_grant g SET used = g.used + m.n, "
    "state = CASE WHEN g.used + m.n = g.max_uses THEN 'exhausted' ELSE g.state END "
    f"FROM {_BY_GRANT} WHERE g.bucket = m.bucket AND g.id = m.grant_id;"
)
