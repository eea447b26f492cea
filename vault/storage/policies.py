"""Row-level security for every table at once, read off the metadata: nothing crosses from tenant to tenant.

| a table                    | a tenant's role sees and writes                                             |
|----------------------------|-----------------------------------------------------------------------------|
| with a bucket              | rows of its tenant's buckets (its bucket is among them)                      |
| with a tenant only         | rows of its tenant                                                           |
| named as shared            | every row; what it may do is the grants' business                            |
| of none of these kinds     | nothing at all: security is switched on and no policy lets anything through  |

A foreign key looks past policies: whether a row exists elsewhere would show in which insert is refused. A row
that points outside its own bucket is therefore also checked to point at a row the writer can see.
Functions are called in sub-selects, so that a statement asks once and not once per row.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Literal

from sqlalchemy import ForeignKeyConstraint, MetaData, Table

from vault.storage.appendonly import install
from vault.storage.tenancy import COLUMN

type Line = Literal["data", "keys"]

# A bare comparison with unknown bounds counts for one row in 200, and the planner then joins whole buckets to each
# other, because it believes them to hold next to nothing. Of an expression that is `<> 0` it believes the contrary.
_BUCKET = "(bucket <@ (SELECT perusal_buckets()))::integer <> 0"
_TENANT = {
    "data": f"{COLUMN} = (SELECT perusal_tenant())",
    "keys": f"{COLUMN} = (SELECT perusal_key_tenant())",
}
_ROLES = {"data": "tenant", "keys": "tenant_role"}


class Scope(StrEnum):
    """How the rows of a table are told apart."""

    BUCKET = "bucket"
    TENANT = "tenant"
    SHARED = "shared"
    CLOSED = "closed"


def scope_of(table: Table, line: Line, shared: Collection[str]) -> Scope:
    """The kind of a table; its name on the list of shared ones wins over its columns."""
    if table.name in shared:
        return Scope.SHARED
    if line == "data" and "bucket" in table.primary_key.columns:
        return Scope.BUCKET
    return Scope.TENANT if COLUMN in table.columns else Scope.CLOSED


def protect(metadata: MetaData, line: Line, shared: Collection[str]) -> None:
    """Attach the security of every table of one data base; call it once, when all tables are declared."""
    roles = metadata.tables[_ROLES[line]]
    for table in metadata.tables.values():
        scope = scope_of(table, line, shared)
        if scope is Scope.SHARED:
            continue
        if table is not roles:
            table.add_is_dependent_on(roles)  # which brings the functions
        install(table, postgresql=f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY")
        if scope is not Scope.CLOSED:
            install(table, postgresql=_policy(table, line, shared))


def _policy(table: Table, line: Line, shared: Collection[str]) -> str:
    in_bucket = scope_of(table, line, shared) is Scope.BUCKET
    own = _BUCKET if in_bucket else _TENANT[line]
    checks = [own]
    if in_bucket and COLUMN in table.columns:
        checks.append(_TENANT[line])
    checks += [_seen(key) for key in foreign_keys(table, line, shared)]
    return f"CREATE POLICY own ON {table.name} USING ({own}) WITH CHECK ({' AND '.join(checks)})"


def foreign_keys(table: Table, line: Line, shared: Collection[str]) -> list[ForeignKeyConstraint]:
    """The table's foreign keys that could reach another tenant's rows, by name of the constraint's target."""
    keys = [key for key in table.foreign_key_constraints if _may_cross(key, line, shared)]
    return sorted(keys, key=lambda key: (key.referred_table.name, key.column_keys))


def _may_cross(key: ForeignKeyConstraint, line: Line, shared: Collection[str]) -> bool:
    if scope_of(key.referred_table, line, shared) is Scope.SHARED:
        return False
    return not any(part.parent.name == part.column.name == "bucket" for part in key.elements)


def _seen(key: ForeignKeyConstraint) -> str:
    """That the referred row is visible to the writer: policies hold inside a policy's sub-select, too."""
    target = key.referred_table.name
    same = " AND ".join(
        f"r.{part.column.name} = {key.table.name}.{part.parent.name}" for part in key.elements
    )
    absent = [f"{part.parent.name} IS NULL" for part in key.elements if part.parent.nullable]
    return f"({' OR '.join([*absent, f'EXISTS (SELECT 1 FROM {target} r WHERE {same})'])})"
