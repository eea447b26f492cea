"""Who a connection is: on PostgreSQL the login role decides the tenant, and nothing a session can set does.

The functions below read `session_user`, which only a superuser can change, with the owner's rights and on a
fixed search path. `policies` uses them in every table's row-level security; `tenant_column` in the default of
tables without a bucket, so that no writer has to name its tenant. The owner of the tables and superusers are
held by no policy: they migrate and administer, and serve only while there is one tenant. In SQLite a file
holds one tenant, and the column is empty.

| function                  | answers, for the role that logged in                                     |
|---------------------------|--------------------------------------------------------------------------|
| `perusal_tenant()`        | its tenant, or NULL, which no policy lets through                        |
| `perusal_buckets()`       | the range of its tenant's buckets, or NULL                               |
| `perusal_home()`          | its tenant; for anybody else the only tenant there is; NULL when several |
| `perusal_key_tenant()`    | its tenant in the key data base, or NULL                                 |
"""

from typing import Any, Final

from sqlalchemy import Column, LargeBinary, Table
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from vault.storage.appendonly import install

COLUMN: Final = "tenant"


class OwnTenant(FunctionElement[bytes]):
    """The tenant of whoever writes the row, as a default of the data base."""

    type = LargeBinary()
    inherit_cache = True


@compiles(OwnTenant)
def _on_sqlite(_element: OwnTenant, _compiler: Any, **_: Any) -> str:
    return "x''"


@compiles(OwnTenant, "postgresql")
def _on_postgresql(_element: OwnTenant, _compiler: Any, **_: Any) -> str:
    return "perusal_home()"


def tenant_column() -> Column[bytes]:
    """The column that every table of the data data base has which neither starts with a bucket nor is shared."""
    return Column(COLUMN, LargeBinary, nullable=False, server_default=OwnTenant())


def _function(table: Table, name: str, returns: str, answer: str) -> None:
    """A function with the owner's rights; plpgsql, because it keeps its plan and costs a fifth of an SQL one."""
    install(
        table,
        postgresql=f"CREATE FUNCTION {name}() RETURNS {returns} LANGUAGE plpgsql STABLE SECURITY DEFINER "
        f"PARALLEL SAFE AS $$ BEGIN RETURN {answer}; END $$",
    )
    # Temporary tables come last, or whoever can make one could stand it in front of ours.
    install(
        table,
        postgresql=f"DO $$ BEGIN EXECUTE 'ALTER FUNCTION {name}() SET search_path = pg_catalog, ' "
        "|| quote_ident(current_schema()) || ', pg_temp'; END $$",
    )


def _own(what: str, table: str) -> str:
    return f"(SELECT {what} FROM {table} t WHERE t.role = session_user::text)"


_ONLY = "(SELECT CASE count(*) WHEN 0 THEN ''::bytea WHEN 1 THEN (array_agg(t.tenant))[1] END FROM tenant t)"
_FIXED = ("tenant", "first_bucket", "buckets", "ledger_host", "created_at")
_STAYS = "a tenant keeps its id, its buckets and its ledger for ever"
_ONE = "one file holds one tenant"


def attach_to_tenants(table: Table) -> None:
    """What the table of tenants brings: the functions, buckets that never overlap, and rows that stay."""
    _function(table, "perusal_tenant", "bytea", _own("t.tenant", "tenant"))
    buckets = _own("int4range(t.first_bucket, t.first_bucket + t.buckets)", "tenant")
    _function(table, "perusal_buckets", "int4range", buckets)
    _function(table, "perusal_home", "bytea", f"coalesce({_own('t.tenant', 'tenant')}, {_ONLY})")
    install(
        table,
        sqlite=f"CREATE TRIGGER tenant_one BEFORE INSERT ON tenant WHEN EXISTS (SELECT 1 FROM tenant) "
        f"BEGIN SELECT RAISE(ABORT, '{_ONE}'); END",
        postgresql="ALTER TABLE tenant ADD CONSTRAINT ex_tenant_buckets "
        "EXCLUDE USING gist (int4range(first_bucket, first_bucket + buckets) WITH &&)",
    )
    _rows_stay(table)


def attach_to_key_roles(table: Table) -> None:
    """What the key data base's table of roles brings: its own function, for its own roles."""
    _function(table, "perusal_key_tenant", "bytea", _own("t.tenant", table.name))


def _rows_stay(table: Table) -> None:
    moved = " OR ".join(f"NEW.{name} {{}} OLD.{name}" for name in _FIXED)
    install(
        table,
        sqlite=f"CREATE TRIGGER tenant_fixed BEFORE UPDATE ON tenant WHEN {moved.replace('{}', 'IS NOT')} "
        f"BEGIN SELECT RAISE(ABORT, '{_STAYS}'); END",
        postgresql=f"CREATE FUNCTION tenant_fixed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'UPDATE' THEN IF NOT ({moved.replace('{}', 'IS DISTINCT FROM')}) THEN RETURN NEW; END IF; "
        f"END IF; RAISE EXCEPTION '{_STAYS}' USING ERRCODE = '23514'; END $$",
    )
    install(
        table,
        sqlite=f"CREATE TRIGGER tenant_no_delete BEFORE DELETE ON tenant "
        f"BEGIN SELECT RAISE(ABORT, '{_STAYS}'); END",
    )
    for name, when in (
        ("tenant_fixed", "UPDATE OR DELETE ON tenant FOR EACH ROW"),
        ("tenant_no_truncate", "TRUNCATE ON tenant"),
    ):
        install(table, postgresql=f"CREATE TRIGGER {name} BEFORE {when} EXECUTE FUNCTION tenant_fixed()")
