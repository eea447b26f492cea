"""Under another root or another provider: every tenant's key-encryption keys are wrapped again, all or none.

One transaction, a handful of rows. A root file is changed around it: the new root is written beside the old
one, the rows are wrapped again, the new file takes the old one's name. Killed anywhere, one of the two roots
opens all rows, and `opens` says which. Nothing else changes: what runs goes on with the keys it holds, and
unwraps them under the new root when their quarter of an hour is over.
"""

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection, select, update

from vault.errors import VaultError
from vault.ids import TenantId
from vault.keys.tables import tenant_kek
from vault.keys.tenant import kek_context
from vault.providers.base import Provider
from vault.rotation.jobs import Job, Kind, new_job, store
from vault.sealing.sealed import Unopenable
from vault.storage.database import Database


class OpensNothing(VaultError):
    """None of the roots at hand opens the tenants' keys."""

    code = "root_opens_nothing"


class Unwraps(Protocol):
    """What is asked of the root in use."""

    def unwrap(self, blob: bytes, context: bytes) -> bytes:
        """As `Provider.unwrap`."""
        ...


class Either:
    """Unwraps by the first of some roots that can: for finishing a change that was broken off."""

    def __init__(self, *roots: Unwraps) -> None:
        self._roots = roots

    def unwrap(self, blob: bytes, context: bytes) -> bytes:
        """As `Provider.unwrap`."""
        for root in self._roots:
            try:
                return root.unwrap(blob, context)
            except Unopenable:
                continue
        raise Unopenable("this key does not unwrap")


def rewrap_root(keys: Database, old: Unwraps, new: Provider, now_ms: int) -> Job:
    """Wrap every tenant key this connection sees under `new`; both may be one provider with a new version.

    Answers the finished job; raises Unopenable or ProviderError and then has changed nothing.
    """
    live = select(tenant_kek).where(tenant_kek.c.state != "destroyed")
    with keys.write() as conn:
        rows = conn.execute(live.order_by(tenant_kek.c.tenant, tenant_kek.c.version).with_for_update()).all()
        if not rows:
            raise OpensNothing("there are no tenant keys here")
        for row in rows:
            _rewrap(conn, row.tenant, row.version, row.wrapped, old, new)
        job = new_job(rows[0].tenant, Kind.ROOT, "rewrap", 0, len(rows), now_ms).finished(
            now_ms, done=len(rows)
        )
        store(conn, job)
    return job


def _rewrap(
    conn: Connection, tenant: TenantId, version: int, wrapped: bytes, old: Unwraps, new: Provider
) -> None:
    bound = kek_context(tenant, version)
    conn.execute(
        update(tenant_kek)
        .where(tenant_kek.c.tenant == tenant, tenant_kek.c.version == version)
        .values(wrapped=new.wrap(old.unwrap(wrapped, bound), bound), provider=new.name)
    )


def opens(keys: Database, roots: Sequence[Provider]) -> Provider:
    """The first of these roots that opens every tenant key; raises OpensNothing, or ProviderError."""
    with keys.read() as conn:
        rows = conn.execute(select(tenant_kek).where(tenant_kek.c.state != "destroyed")).all()
    for root in roots:
        try:
            for row in rows:
                root.unwrap(row.wrapped, kek_context(row.tenant, row.version))
        except Unopenable:
            continue
        return root
    raise OpensNothing("none of these roots opens the tenants' keys")
