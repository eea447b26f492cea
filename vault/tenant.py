"""A tenant's own keys: the key-encryption key, the index root and one secret per duty of the service.

Made once, unwrapped once per start, and kept in memory from then on. A duty that a newer version of this
program adds gets its key the next time the installation is opened.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from vault.errors import VaultError
from vault.ids import TenantId
from vault.key_tables import index_root, service_key, tenant_kek
from vault.providers.base import Provider
from vault.sealed import KEY_BYTES
from vault.storage import Database
from vault.wrapping import context, unwrap, wrap

SERVICE_KEYS: Final = (
    "permit",
    "log",
    "receipt",
    "denial",
    "quarantine",
    "id",
    "csrf",
    "event",
    "honey",
    "dual",
    "scan",
)
"""One secret per duty: permit MACs; Ed25519 seeds of the logs, of receipts and of events; denial tags; dump
files; idempotency and other blinded ids; form tokens; MACs of honey persons; what dual control keeps sealed;
MACs of scan permissions."""

FIRST_EPOCH: Final = 1
_FIRST_VERSION = 1


class KeysMissing(VaultError):
    """The key data base holds no keys for this tenant."""

    code = "keys_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSecrets:
    """What a keyring keeps unwrapped: tenant keys by version, the index root, service keys by name."""

    keks: Mapping[int, AESGCM]
    kek_version: int
    index_root: bytes
    index_epoch: int
    services: Mapping[str, bytes]

    @property
    def kek(self) -> AESGCM:
        return self.keks[self.kek_version]

    def __repr__(self) -> str:
        return "TenantSecrets(...)"


def create(database: Database, provider: Provider, tenant: TenantId, now_ms: int) -> None:
    """Store a new tenant's key-encryption key version 1 and index root epoch 1."""
    key = secrets.token_bytes(KEY_BYTES)
    root = wrap(
        AESGCM(key), secrets.token_bytes(KEY_BYTES), _root_context(tenant, FIRST_EPOCH, _FIRST_VERSION)
    )
    with database.write() as conn:
        conn.execute(
            tenant_kek.insert().values(
                tenant=tenant,
                version=_FIRST_VERSION,
                provider=provider.name,
                wrapped=provider.wrap(key, _kek_context(tenant, _FIRST_VERSION)),
                state="active",
                created_at=now_ms,
            )
        )
        conn.execute(
            index_root.insert().values(
                tenant=tenant, epoch=FIRST_EPOCH, kek_version=_FIRST_VERSION, wrapped=root, state="active"
            )
        )


def load(database: Database, provider: Provider, tenant: TenantId) -> TenantSecrets:
    """Unwrap a tenant's keys; raises KeysMissing, or Unopenable under another root."""
    with database.read() as conn:
        keks, current = _keks(conn, provider, tenant)
        root, epoch = _index_root(conn, tenant, keks)
        services = _services(conn, tenant, keks)
    missing = [name for name in SERVICE_KEYS if name not in services]
    if missing:
        with database.write() as conn:
            _add_services(conn, tenant, missing, keks[current], current)
            services = _services(conn, tenant, keks)
    return TenantSecrets(
        keks=keks, kek_version=current, index_root=root, index_epoch=epoch, services=services
    )


def _keks(conn: Connection, provider: Provider, tenant: TenantId) -> tuple[dict[int, AESGCM], int]:
    rows = conn.execute(select(tenant_kek).where(tenant_kek.c.tenant == tenant)).all()
    active = [row.version for row in rows if row.state == "active"]
    if not active:
        raise KeysMissing("no keys for this tenant")
    keks = {
        row.version: AESGCM(provider.unwrap(row.wrapped, _kek_context(tenant, row.version))) for row in rows
    }
    return keks, max(active)


def _index_root(conn: Connection, tenant: TenantId, keks: Mapping[int, AESGCM]) -> tuple[bytes, int]:
    wanted = select(index_root).where(index_root.c.tenant == tenant, index_root.c.state == "active")
    row = conn.execute(wanted.order_by(index_root.c.epoch.desc())).first()
    if row is None:
        raise KeysMissing("no index root for this tenant")
    bound = _root_context(tenant, row.epoch, row.kek_version)
    return unwrap(keks[row.kek_version], row.wrapped, bound), row.epoch


def _services(conn: Connection, tenant: TenantId, keks: Mapping[int, AESGCM]) -> dict[str, bytes]:
    wanted = select(service_key).where(service_key.c.tenant == tenant, service_key.c.state == "active")
    return {
        row.name: unwrap(
            keks[row.kek_version],
            row.wrapped,
            _service_context(tenant, row.name, row.version, row.kek_version),
        )
        for row in conn.execute(wanted.order_by(service_key.c.version))
    }


def _add_services(
    conn: Connection, tenant: TenantId, names: list[str], kek: AESGCM, kek_version: int
) -> None:
    rows = [
        {
            "tenant": tenant,
            "name": name,
            "version": _FIRST_VERSION,
            "kek_version": kek_version,
            "wrapped": wrap(
                kek,
                secrets.token_bytes(KEY_BYTES),
                _service_context(tenant, name, _FIRST_VERSION, kek_version),
            ),
            "state": "active",
        }
        for name in names
    ]
    # Two processes may open a new installation at once: the first one's keys stand for both.
    insert = (sqlite if conn.dialect.name == "sqlite" else postgresql).insert
    conn.execute(insert(service_key).on_conflict_do_nothing(), rows)


def _kek_context(tenant: TenantId, version: int) -> bytes:
    return context(b"tk", tenant, version)


def _root_context(tenant: TenantId, epoch: int, kek_version: int) -> bytes:
    return context(b"ir", tenant, epoch, kek_version)


def _service_context(tenant: TenantId, name: str, version: int, kek_version: int) -> bytes:
    return context(b"svc", tenant, name, version, kek_version)
