"""The operators one installation serves: adding a tenant, and naming the roles that log in for it.

A tenant is a range of buckets, an id, keys of its own under a root of its own, and a ledger of its own. Several
share one pair of data bases on PostgreSQL only, where roles keep them apart; in SQLite each has its own files.
Everything here is the business of whoever owns the tables.
"""

import re
import secrets
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, func, select, update

from vault.errors import VaultError
from vault.ids import MAX_BUCKETS, Buckets, TenantId
from vault.keys.keyring import Keyring
from vault.providers.base import Provider
from vault.sealing.sealed import Suite
from vault.storage.database import Database, Dialect
from vault.storage.role_tables import tenant_role
from vault.tables import installation, tenant

NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
"""A tenant's name: it becomes a folder, too."""
_ROLE = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class BadTenant(VaultError):
    """A name, a role or a number of buckets that cannot be a tenant's."""

    code = "bad_tenant"


class TenantExists(VaultError):
    """The name or the role belongs to a tenant already."""

    code = "tenant_exists"


class UnknownTenant(VaultError):
    """There is no tenant of this name."""

    code = "unknown_tenant"


class OneTenantPerFile(VaultError):
    """SQLite knows no roles: another tenant needs files of its own."""

    code = "one_tenant_per_file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """The PostgreSQL roles that log in for a tenant: one for the data, another one for the keys."""

    data: str
    keys: str

    def __post_init__(self) -> None:
        if not (_ROLE.fullmatch(self.data) and _ROLE.fullmatch(self.keys)):
            raise BadTenant("a role's name is lower-case letters, digits and underscores, 63 at most")
        if self.data == self.keys:
            raise BadTenant("the role of the data must not be the role of the keys")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One tenant as the owner of the data base sees it; `role` is None until somebody names one."""

    tenant: TenantId
    name: str
    buckets: Buckets
    ledger_host: str
    role: str | None
    created_at: int


def operators(conn: Connection) -> list[Operator]:
    """The tenants this connection sees, in the order of their buckets."""
    return [
        Operator(
            tenant=TenantId(row.tenant),
            name=row.name,
            buckets=Buckets(row.first_bucket, row.buckets),
            ledger_host=row.ledger_host,
            role=row.role,
            created_at=row.created_at,
        )
        for row in conn.execute(select(tenant).order_by(tenant.c.first_bucket))
    ]


def key_roles(conn: Connection) -> dict[TenantId, str]:
    """The role of each tenant in the key data base."""
    return {TenantId(row.tenant): row.role for row in conn.execute(select(tenant_role))}


def add_operator(  # noqa: PLR0913 - as of create_vault
    data: Database,
    keys: Database,
    provider: Provider,
    *,
    name: str,
    buckets: int,
    ledger_host: str,
    roles: Roles,
    now_ms: int,
    suite: Suite = Suite.GCM,
) -> Operator:
    """Give a new tenant the next free buckets, keys under `provider`, and its roles.

    Raises BadTenant, TenantExists, OneTenantPerFile.
    """
    if data.dialect is not Dialect.POSTGRESQL:
        raise OneTenantPerFile("SQLite holds one tenant: another one gets files of its own")
    if not NAME.fullmatch(name):
        raise BadTenant("a tenant's name is lower-case letters, digits and hyphens, 31 at most")
    with data.read() as conn:
        _refuse_taken(operators(conn), name, roles)
        _next_free(conn, buckets)
    with keys.read() as conn:
        _refuse_taken_key_role(conn, None, roles.keys)
    made = TenantId(secrets.token_bytes(16))
    # Keys first: a crash in between leaves unused keys, never a tenant without keys.
    Keyring.create(keys, provider, made, now_ms)
    with data.write() as conn:
        conn.execute(select(installation).with_for_update())  # who comes second sees the first one's buckets
        _refuse_taken(operators(conn), name, roles)
        row = {"tenant": made, "name": name, "first_bucket": _next_free(conn, buckets), "buckets": buckets}
        row |= {"ledger_host": ledger_host, "role": roles.data, "created_at": now_ms, "suite": int(suite)}
        conn.execute(tenant.insert().values(**row))
        found = next(one for one in operators(conn) if one.tenant == made)
    _set_key_role(keys, made, roles.keys)  # a crash before it is mended by assign_roles
    return found


def assign_roles(data: Database, keys: Database, name: str, roles: Roles) -> Operator:
    """Name the roles that log in for a tenant from now on; raises UnknownTenant, TenantExists, OneTenantPerFile."""
    if data.dialect is not Dialect.POSTGRESQL:
        raise OneTenantPerFile("SQLite has no roles")
    with data.write() as conn:
        conn.execute(select(installation).with_for_update())
        known = operators(conn)
        _refuse_taken([one for one in known if one.name != name], "", roles)
        changed = conn.execute(update(tenant).where(tenant.c.name == name).values(role=roles.data))
        if changed.rowcount != 1:
            raise UnknownTenant("no tenant of this name")
        found = next(one for one in operators(conn) if one.name == name)
        _set_key_role(keys, found.tenant, roles.keys)
    return found


def _refuse_taken(known: list[Operator], name: str, roles: Roles) -> None:
    if any(one.name == name or one.role in {roles.data, roles.keys} for one in known):
        raise TenantExists("this name or role belongs to a tenant already")


def _next_free(conn: Connection, wanted: int) -> int:
    first = conn.execute(
        select(func.coalesce(func.max(tenant.c.first_bucket + tenant.c.buckets), 0))
    ).scalar_one()
    if not 1 <= wanted <= MAX_BUCKETS - first:
        raise BadTenant(f"of {MAX_BUCKETS} buckets {MAX_BUCKETS - first} are free")
    return int(first)


def _set_key_role(keys: Database, owner: TenantId, role: str) -> None:
    with keys.write() as conn:
        _refuse_taken_key_role(conn, owner, role)
        conn.execute(delete(tenant_role).where(tenant_role.c.tenant == owner))
        conn.execute(tenant_role.insert().values(tenant=owner, role=role))


def _refuse_taken_key_role(conn: Connection, owner: TenantId | None, role: str) -> None:
    if role in {known for holder, known in key_roles(conn).items() if holder != owner}:
        raise TenantExists("this role of the key data base belongs to a tenant already")
