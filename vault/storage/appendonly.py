"""Tables that only grow: UPDATE, DELETE and TRUNCATE are refused by the data base itself.

Triggers slow an insider and stop a mistake; the proof against an insider is the ledger's cryptography.
"""

from sqlalchemy import DDL, MetaData, Table, event

from vault.storage.database import Dialect


def install(target: Table | MetaData, *, sqlite: str = "", postgresql: str = "") -> None:
    """Attach trigger DDL to a table or metadata: run right after it is created, on its own dialect only."""
    for dialect, text in ((Dialect.SQLITE, sqlite), (Dialect.POSTGRESQL, postgresql)):
        if text:
            ddl = DDL(text.replace("%", "%%"))  # type: ignore[no-untyped-call]  # untyped upstream
            event.listen(target, "after_create", ddl.execute_if(dialect=dialect.value))


def append_only(table: Table, *, swept: bool = False) -> None:
    """Refuse every UPDATE, DELETE and TRUNCATE of `table`; roles get no right to try (api.migrations.roles).

    `swept`: rows may be deleted, which a rule of their own must bound.
    """
    table.info["append_only"], table.info["swept"] = True, swept
    verbs = ("UPDATE",) if swept else ("UPDATE", "DELETE")
    for verb in verbs:
        install(
            table,
            sqlite=f"CREATE TRIGGER {table.name}_no_{verb.lower()} BEFORE {verb} ON {table.name} "
            f"BEGIN SELECT RAISE(ABORT, '{table.name} is append-only'); END",
        )
    install(
        table,
        postgresql=f"CREATE FUNCTION {table.name}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table.name} is append-only' USING ERRCODE = '23514'; END $$",
    )
    install(
        table,
        postgresql=f"CREATE TRIGGER {table.name}_append_only "
        f"BEFORE {' OR '.join((*verbs, 'TRUNCATE'))} ON {table.name} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table.name}_append_only()",
    )
