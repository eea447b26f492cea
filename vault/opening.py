"""Creating a vault once and opening it at every start: two data bases, one provider, one installation row.

The schema must be there already (migrations make it). The bucket count is fixed for ever at creation.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from vault.errors import VaultError
from vault.ids import MAX_BUCKETS, TenantId
from vault.keys import Keyring
from vault.providers.base import Provider
from vault.storage import Database
from vault.tables import installation

FORMAT: Final = 1
"""Generation of everything stored; a vault of another generation is refused rather than guessed at."""


class InstallationMissing(VaultError):
    """These data bases hold no installation yet."""

    code = "installation_missing"


class InstallationExists(VaultError):
    """There is an installation here already; creating another would orphan its data."""

    code = "installation_exists"


class UnknownFormat(VaultError):
    """The installation was written by a generation of this program that this one does not know."""

    code = "installation_format"


@dataclass(frozen=True, slots=True)
class Installation:
    """What was decided when the installation was created: bucket count, tenant id, name of its ledger."""

    buckets: int
    tenant: TenantId
    ledger_host: str


@dataclass(frozen=True, slots=True)
class Vault:
    """An open vault: the data base of sealed values, the keys, and the installation they belong to."""

    data: Database
    keyring: Keyring
    installation: Installation


def create_vault(  # each argument is a separate decision of the operator
    data: Database,
    keys: Database,
    provider: Provider,
    *,
    buckets: int,
    ledger_host: str,
    now_ms: int,
    clock: Callable[[], float] = time.monotonic,
) -> Vault:
    """Create the installation and its first keys, then open it; raises InstallationExists."""
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
        conn.execute(
            installation.insert().values(
                id=1,
                created_at=now_ms,
                buckets=buckets,
                tenant=tenant,
                ledger_host=ledger_host,
                format=FORMAT,
            )
        )
    return Vault(data, keyring, Installation(buckets, tenant, ledger_host))


def open_vault(
    data: Database, keys: Database, provider: Provider, *, clock: Callable[[], float] = time.monotonic
) -> Vault:
    """Open an existing installation; raises InstallationMissing, UnknownFormat, KeysMissing or Unopenable."""
    with data.read() as conn:
        found = _row(conn)
    if found is None:
        raise InstallationMissing("no installation here yet")
    return Vault(data, Keyring.open(keys, provider, found.tenant, clock=clock), found)


def _row(conn: Connection) -> Installation | None:
    row = conn.execute(select(installation)).one_or_none()
    if row is None:
        return None
    if row.format != FORMAT:
        raise UnknownFormat("written by another generation of this program")
    return Installation(row.buckets, row.tenant, row.ledger_host)
