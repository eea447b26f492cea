"""Keys on their way back from a backup: every one comes to lie under the tenant key that is active there.

The data base stores a key under the active tenant key only (`keys.tables`); what a backup made in the middle of a
rotation still holds under a retired one is wrapped again.
"""

from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Table, func, update

from vault.backups.keys import MalformedBackup
from vault.ids import TenantId
from vault.keys.contexts import bound
from vault.keys.subjects import Wrapping
from vault.keys.tables import MAX_WRAPS, tenant_kek
from vault.keys.tenant import kek_context
from vault.keys.wrapping import unwrap, wrap
from vault.providers.base import Provider


class Returning:
    """What is known of one backup while its rows are read, tenant keys first."""

    def __init__(self, provider: Provider, tenant: TenantId) -> None:
        self._provider = provider
        self._tenant = tenant
        self._keks: dict[int, AESGCM] = {}
        self._active = 0
        self._wraps = 0

    def row(self, table: Table, row: dict[str, Any]) -> dict[str, Any]:
        """The row as it is stored; raises MalformedBackup, or Unopenable for a key that does not unwrap."""
        if table is tenant_kek:
            return self._tenant_key(row)
        old = row["kek_version"]
        if old == self._active:
            return row
        if not {old, self._active} <= self._keks.keys():
            raise MalformedBackup("a key under a tenant key that is not in the backup")
        key = unwrap(self._keks[old], row["wrapped"], bound(table, row, old))
        again = wrap(self._keks[self._active], key, bound(table, row, self._active))
        self._wraps += 1
        return {**row, "kek_version": self._active, "wrapped": again}

    @property
    def under(self) -> Wrapping:
        """How further keys are wrapped in this transaction; raises MalformedBackup for a backup of no tenant key."""
        if self._active not in self._keks:
            raise MalformedBackup("no active tenant key in the backup")
        self._wraps += 1
        return Wrapping(self._tenant, self._keks[self._active], self._active)

    def count(self, conn: Connection) -> None:
        """Add the wraps made here to those of the active tenant key."""
        mine = (tenant_kek.c.tenant == self._tenant, tenant_kek.c.version == self._active)
        counted = tenant_kek.c.wraps + self._wraps
        least = (
            func.min(counted, MAX_WRAPS) if conn.dialect.name == "sqlite" else func.least(counted, MAX_WRAPS)
        )
        conn.execute(update(tenant_kek).where(*mine).values(wraps=least))

    def _tenant_key(self, row: dict[str, Any]) -> dict[str, Any]:
        if row["state"] == "active":
            self._active = row["version"]
        if not row["wrapped"]:
            return row
        self._keks[row["version"]] = AESGCM(row["wrapped"])
        wrapped = self._provider.wrap(row["wrapped"], kek_context(self._tenant, row["version"]))
        return {**row, "wrapped": wrapped, "provider": self._provider.name}
