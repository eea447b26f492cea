"""What a tenant's roles may do on PostgreSQL, as SQL read off the schema: grants, never passwords.

A role gets what its server needs and no more: to read and write protected tables (where only insertion is
ever allowed, only that), to read the shared ones, to log in. The public gets nothing: not the right to
connect, and no temporary tables, which could stand in front of ours inside a trigger. Applying it again changes
nothing; after a migration it must be applied again, because a new table is nobody's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, bindparam, text

from api.migrations.schema import METADATA, SHARED
from vault.storage.policies import Line

READ_ONLY = {"data": frozenset({"tenant"}), "keys": frozenset[str]()}
"""Tables a role may only read, beside the shared ones."""

HIDDEN = {"data": frozenset[str](), "keys": frozenset({"tenant_role"})}
"""Tables no tenant's role touches: the functions behind the policies read them with the owner's rights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one line of tables lives: the data base and the schema."""

    database: str
    schema: str


def place(conn: Connection) -> Place:
    """The data base and schema this connection works in."""
    row = conn.execute(text("SELECT current_database(), current_schema()")).one()
    return Place(database=row[0], schema=row[1])


def statements(line: Line, where: Place, roles: Sequence[str]) -> list[str]:
    """The SQL that gives exactly these roles what a tenant's server needs in one data base."""
    database, schema = _quoted(where.database), _quoted(where.schema)
    made = [
        f"REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        f"REVOKE ALL ON SCHEMA {schema} FROM PUBLIC",
    ]
    for role in roles:
        made += [_create(role), *_grants(line, where, _quoted(role))]
    return made


def _create(role: str) -> str:
    return (
        f"DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{role}') "
        f"THEN CREATE ROLE {_quoted(role)} LOGIN; END IF; END $$"
    )


def _grants(line: Line, where: Place, role: str) -> Iterator[str]:
    database, schema = _quoted(where.database), _quoted(where.schema)
    yield f"GRANT CONNECT ON DATABASE {database} TO {role}"
    yield f"ALTER ROLE {role} IN DATABASE {database} SET search_path = {schema}"
    yield f"GRANT USAGE ON SCHEMA {schema} TO {role}"
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}"
    for rights, names in _rights(line).items():
        if not names:
            continue
        tables = ", ".join(f"{schema}.{name}" for name in sorted(names))
        yield f"GRANT {rights} ON {tables} TO {role}"
    # Only migrations make this table, so that it may not be there; `perusal doctor` reads it.
    versions = f"{schema}.alembic_version"
    yield (
        f"DO $$ BEGIN IF to_regclass('{versions}') IS NOT NULL "
        f"THEN GRANT SELECT ON {versions} TO {role}; END IF; END $$"
    )
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"


def _rights(line: Line) -> dict[str, set[str]]:
    rights: dict[str, set[str]] = {"SELECT": set(READ_ONLY[line] | SHARED[line])}
    for name, table in METADATA[line].tables.items():
        if name not in rights["SELECT"] | HIDDEN[line]:
            rights.setdefault(_writes(table), set()).add(name)
    return rights


def _writes(table: Table) -> str:
    rights = "SELECT, INSERT" if table.info.get("append_only") else "SELECT, INSERT, UPDATE"
    kept = table.info.get("append_only") or table.info.get("stays")
    return rights if kept and not table.info.get("swept") else f"{rights}, DELETE"


_DANGERS = text(
    "SELECT r.rolname, CASE WHEN r.rolsuper THEN 'is a superuser' WHEN r.rolbypassrls THEN 'bypasses row security' "
    "WHEN r.rolcreaterole THEN 'may create roles' WHEN r.rolreplication THEN 'may replicate' "
    "WHEN EXISTS (SELECT 1 FROM pg_auth_members m WHERE m.member = r.oid) THEN 'is a member of another role' "
    "ELSE 'owns tables' END "
    "FROM pg_roles r WHERE r.rolname IN :roles AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole "
    "OR r.rolreplication OR EXISTS (SELECT 1 FROM pg_auth_members m WHERE m.member = r.oid) "
    "OR EXISTS (SELECT 1 FROM pg_class c WHERE c.relowner = r.oid AND c.relkind IN ('r', 'p'))) ORDER BY 1"
).bindparams(bindparam("roles", expanding=True))


def dangers(conn: Connection, roles: Sequence[str]) -> list[str]:
    """Why some of these roles would be held by no policy, one sentence each; empty when all is well."""
    return [f"{name} {why}" for name, why in conn.execute(_DANGERS, {"roles": list(roles)})]


def apply(conn: Connection, line: Line, roles: Sequence[str]) -> int:
    """Run the statements inside the caller's transaction; how many they were."""
    made = statements(line, place(conn), roles)
    for statement in made:
        conn.exec_driver_sql(statement)
    return len(made)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
