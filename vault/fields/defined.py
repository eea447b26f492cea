"""The fields an operator has defined: stored version by version, and read into the catalogue of an open vault.

A process knows the fields that were there when it opened the vault; a server learns of new ones at its next
start. A definition may be replaced only by one under which every stored value is still found.
"""

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import IntegrityError

from vault.fields.catalogue import BUILTIN, Catalogue
from vault.fields.custom import BadDefinition, Definition, check_successor, from_json
from vault.fields.tables import custom_field, custom_field_version
from vault.ids import TenantId


class FieldTaken(BadDefinition):
    """The code has another number already, or the number another code."""

    code = "field.taken"


def definitions(conn: Connection, tenant: TenantId) -> dict[str, Definition]:
    """The definitions that hold now, by code."""
    newest = (
        select(custom_field_version.c.code, func.max(custom_field_version.c.version).label("version"))
        .where(custom_field_version.c.tenant == tenant)
        .group_by(custom_field_version.c.code)
        .subquery()
    )
    rows = conn.execute(
        select(custom_field_version.c.code, custom_field_version.c.definition)
        .join(
            newest,
            (newest.c.code == custom_field_version.c.code)
            & (newest.c.version == custom_field_version.c.version),
        )
        .where(custom_field_version.c.tenant == tenant)
    )
    return {row.code: from_json(row.definition) for row in rows}


def catalogue_of(conn: Connection, tenant: TenantId) -> Catalogue:
    """The built-in fields and the tenant's own."""
    own = definitions(conn, tenant)
    return Catalogue([*BUILTIN, *(each.field() for each in own.values())]) if own else BUILTIN


def define(conn: Connection, tenant: TenantId, definition: Definition, now_ms: int) -> int:
    """Store a definition, or its next version; answers the version that holds now (the same when nothing changed).

    Raises BadDefinition when it may not follow the one before, FieldTaken when code or number is another field's.
    `conn` writes; raising, it has to be rolled back.
    """
    old = definitions(conn, tenant).get(definition.code)
    where = (custom_field_version.c.tenant == tenant, custom_field_version.c.code == definition.code)
    version = conn.execute(select(func.max(custom_field_version.c.version)).where(*where)).scalar() or 0
    if old == definition:
        return version
    if old is not None:
        check_successor(old, definition)
    key = {"tenant": tenant, "code": definition.code, "created_at": now_ms}
    try:
        if old is None:
            conn.execute(custom_field.insert().values(**key, number=definition.number))
        conn.execute(
            custom_field_version.insert().values(**key, version=version + 1, definition=definition.as_json())
        )
    except IntegrityError:
        raise FieldTaken(f"{definition.code}: its number belongs to another field") from None
    return version + 1
