"""Creating a vault once and opening it at every start: two data bases, one provider, one installation row.

The schema must be there already (migrations make it). The bucket count is fixed for ever at creation.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final

from sqlalchemy import Connection, select

from vault.days import BEIJING
from vault.editions import Editions
from vault.errors import VaultError
from vault.fields.catalogue import BUILTIN, Catalogue
from vault.fields.defined import catalogue_of
from vault.honey.watch import HoneyWatch
from vault.ids import MAX_BUCKETS, Buckets, TenantId
from vault.keys.keyring import Keyring
from vault.providers.base import Provider
from vault.sealing.sealed import Suite
from vault.storage.database import Database
from vault.tables import installation
from vault.tables import tenant as tenant_table

FORMAT: Final = 1
"""Generation of everything stored; a vault of another generation is refused rather than guessed at."""


class InstallationMissing(VaultError):
    """These data bases hold no installation yet."""

    code = "installation_missing"


class InstallationExists(VaultError):
    """There is an installation here already; creating another would orphan its data."""

    code = "installation_exists"


class TenantsExposed(VaultError):
    """The connection sees more than one tenant: log in by the role of the tenant that is meant."""

    code = "tenants_exposed"


class UnknownFormat(VaultError):
    """The installation was written by a generation of this program that this one does not know."""

    code = "installation_format"


@dataclass(frozen=True, slots=True)
class Installation:
    """One tenant of the installation as this process sees it: buckets, id, name, its ledger's name, how it seals."""

    buckets: Buckets
    tenant: TenantId
    ledger_host: str
    name: str
    suite: Suite = Suite.GCM


@dataclass(frozen=True, slots=True)
class Vault:
    """An open vault: sealed values, keys, the installation they belong to, who watches, the fields it knows, which
    edition of each log is open, and by which clock its people's birthdays turn over.
    """

    data: Database
    keyring: Keyring
    installation: Installation
    watch: HoneyWatch = field(default_factory=HoneyWatch, repr=False, compare=False)
    catalogue: Catalogue = field(default=BUILTIN, repr=False, compare=False)
    editions: Editions = field(default_factory=Editions, repr=False, compare=False)
    zone: tzinfo = field(default=BEIJING, repr=False, compare=False)


def create_vault(  # noqa: PLR0913 - each argument is a separate decision of the operator
    data: Database,
    keys: Database,
    provider: Provider,
    *,
    buckets: int,
    ledger_host: str,
    now_ms: int,
    name: str = "main",
    suite: Suite = Suite.GCM,
    clock: Callable[[], float] = time.monotonic,
) -> Vault:
    """Create the installation, its first tenant and that tenant's keys, then open it; raises InstallationExists."""
    if not 1 <= buckets <= MAX_BUCKETS:
        raise ValueError(f"an installation has 1 to {MAX_BUCKETS} buckets")
    with data.read() as conn:
        if _row(conn) is not None:
            raise InstallationExists("an installation exists already")
    tenant = TenantId(secrets.token_bytes(16))
    # Keys first: a crash in between leaves unused keys, never an installation without keys.
    keyring = Keyring.create(keys, provider, tenant, now_ms, clock=clock)
    with data.write() as conn:
        if _row(conn) is not None:
            raise InstallationExists("an installation exists already")
        conn.execute(installation.insert().values(id=1, created_at=now_ms, format=FORMAT))
        conn.execute(
            tenant_table.insert().values(
                tenant=tenant,
                name=name,
                first_bucket=0,
                buckets=buckets,
                ledger_host=ledger_host,
                created_at=now_ms,
                suite=int(suite),
            )
        )
    return Vault(data, keyring, Installation(Buckets(0, buckets), tenant, ledger_host, name, suite))


def open_vault(
    data: Database,
    keys: Database,
    provider: Provider,
    *,
    clock: Callable[[], float] = time.monotonic,
    zone: tzinfo = BEIJING,
) -> Vault:
    """Open an existing installation as the one tenant this connection may see.

    Raises InstallationMissing, TenantsExposed, UnknownFormat, KeysMissing or Unopenable.
    """
    with data.read() as conn:
        found = installation_seen(conn)
        catalogue = catalogue_of(conn, found.tenant)
    keyring = Keyring.open(keys, provider, found.tenant, clock=clock)
    return Vault(data, keyring, found, catalogue=catalogue, zone=zone)


def installation_seen(conn: Connection) -> Installation:
    """The installation as the one tenant this connection may see; raises like `open_vault`. Needs no keys."""
    found = _row(conn)
    if found is None:
        raise InstallationMissing("no installation here yet")
    return found


def _row(conn: Connection) -> Installation | None:
    row = conn.execute(select(installation)).one_or_none()
    if row is None:
        return None
    if row.format != FORMAT:
        raise UnknownFormat("written by another generation of this program")
    tenants = conn.execute(select(tenant_table)).all()
    if len(tenants) > 1:
        raise TenantsExposed("this connection sees several tenants")
    if not tenants:
        return None
    own = tenants[0]
    buckets = Buckets(own.first_bucket, own.buckets)
    return Installation(buckets, own.tenant, own.ledger_host, own.name, Suite(own.suite))
