"""A tenant's own keys: the key-encryption keys, the index roots and one secret per duty of the service.

Made once, unwrapped through the provider at the start and again every quarter of an hour (`keys.keyring`). A
duty that a newer version of this program adds gets its key the next time the installation is opened. Every use
of a tenant key for wrapping is counted in blocks that a process reserves, so that no key comes near the limit
of its cipher.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from vault.errors import VaultError
from vault.ids import TenantId
from vault.keys.evictions import last_number
from vault.keys.subjects import Wrapping
from vault.keys.tables import MAX_WRAPS, index_root, service_key, tenant_kek
from vault.keys.tag_keys import TagKeys
from vault.keys.wrapping import context, unwrap, wrap
from vault.providers.base import Provider
from vault.sealing.sealed import KEY_BYTES
from vault.storage.database import Database

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
    "load",
    "answer",
    "status",
    "pairwise",
    "code",
    "leaks",
    "mark",
    "alias",
)
"""One secret per duty: permit MACs; Ed25519 seeds of the logs, of receipts and of events; denial tags; dump
files; idempotency and other blinded ids; form tokens; MACs of honey persons; what dual control keeps sealed;
MACs of scan permissions; sign-in keys of a long load until they are handed over; what the keys that sign
introspection answers and status lists are derived from; names of a person that differ from recipient to recipient;
MACs of one-time codes and of the addresses they go to; what identifiers of published leaks are compared by; what
the keys of marks are derived from; tags of alias contact points."""

FIRST_EPOCH: Final = 1
WRAP_BLOCK: Final = 65_536
"""How many wraps a process reserves at a time: counted when reserved, so the count is never too low."""

_FIRST_VERSION = 1


class KeysMissing(VaultError):
    """The key data base holds no keys for this tenant."""

    code = "keys_missing"


class KeyExhausted(VaultError):
    """The tenant key has wrapped as often as its cipher allows; only a rotation helps."""

    code = "key_exhausted"


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSecrets:
    """What a keyring keeps unwrapped; `seq` is the newest eviction when it was read."""

    tenant: TenantId
    keks: Mapping[int, AESGCM]
    kek_version: int
    tags: TagKeys
    services: Mapping[str, bytes]
    seq: int

    @property
    def wrapping(self) -> Wrapping:
        """How new keys are wrapped: under the active tenant key."""
        return Wrapping(self.tenant, self.keks[self.kek_version], self.kek_version)

    def __repr__(self) -> str:
        return "TenantSecrets(...)"


def create(database: Database, provider: Provider, tenant: TenantId, now_ms: int) -> None:
    """Store a new tenant's key-encryption key version 1 and index root epoch 1."""
    with database.write() as conn:
        kek = add_kek(conn, provider, tenant, _FIRST_VERSION, now_ms)
        add_index_root(
            conn, Wrapping(tenant, kek, _FIRST_VERSION), epoch=FIRST_EPOCH, state="active", now_ms=now_ms
        )


def add_kek(conn: Connection, provider: Provider, tenant: TenantId, version: int, now_ms: int) -> AESGCM:
    """Store a fresh tenant key as the active version."""
    key = secrets.token_bytes(KEY_BYTES)
    conn.execute(
        tenant_kek.insert().values(
            tenant=tenant,
            version=version,
            provider=provider.name,
            wrapped=provider.wrap(key, kek_context(tenant, version)),
            state="active",
            created_at=now_ms,
            # The index roots and service keys it wraps are not counted one by one.
            wraps=WRAP_BLOCK,
        )
    )
    return AESGCM(key)


def add_index_root(conn: Connection, under: Wrapping, *, epoch: int, state: str, now_ms: int) -> None:
    """Store a fresh index root."""
    bound = root_context(under.tenant, epoch, under.version)
    conn.execute(
        index_root.insert().values(
            tenant=under.tenant,
            epoch=epoch,
            kek_version=under.version,
            wrapped=wrap(under.cipher, secrets.token_bytes(KEY_BYTES), bound),
            state=state,
            created_at=now_ms,
        )
    )


def load(database: Database, provider: Provider, tenant: TenantId) -> TenantSecrets:
    """Unwrap a tenant's keys; raises KeysMissing, Unopenable under another root, or a ProviderError."""
    with database.read() as conn:
        seq = last_number(conn, tenant)
        wrapped, current = _wrapped_keks(conn, tenant)
        roots = _index_roots(conn, tenant)
        services = _services(conn, tenant)
    # The provider may be far away: nobody holds a connection while it answers.
    keks = {
        version: AESGCM(provider.unwrap(blob, kek_context(tenant, version)))
        for version, blob in wrapped.items()
    }
    missing = [name for name in SERVICE_KEYS if name not in services]
    if missing:
        try:
            with database.write() as conn:
                _add_services(conn, tenant, missing, keks[current], current)
                services = _services(conn, tenant)
        except IntegrityError:
            with database.read() as conn:
                if _wrapped_keks(conn, tenant)[1] == current:
                    raise
            # Another tenant key became active while the provider answered.
            return load(database, provider, tenant)
    return TenantSecrets(
        tenant=tenant,
        keks=keks,
        kek_version=current,
        tags=_tag_keys(tenant, keks, roots),
        services={name: _open_service(tenant, keks, name, row) for name, row in services.items()},
        seq=seq,
    )


def reserve_wraps(database: Database, tenant: TenantId, version: int, count: int) -> int:
    """Count at least `count` coming wraps under a tenant key and answer how many; raises KeyExhausted."""
    block = -(-count // WRAP_BLOCK) * WRAP_BLOCK
    counted = (
        update(tenant_kek)
        .where(
            tenant_kek.c.tenant == tenant,
            tenant_kek.c.version == version,
            tenant_kek.c.wraps <= MAX_WRAPS - block,
        )
        .values(wraps=tenant_kek.c.wraps + block)
    )
    with database.write() as conn:
        if conn.execute(counted).rowcount == 0:
            raise KeyExhausted("this tenant key has wrapped as often as it may: rotate it")
    return block


def _wrapped_keks(conn: Connection, tenant: TenantId) -> tuple[dict[int, bytes], int]:
    wanted = select(tenant_kek).where(tenant_kek.c.tenant == tenant, tenant_kek.c.state != "destroyed")
    rows = conn.execute(wanted).all()
    active = [row.version for row in rows if row.state == "active"]
    if not active:
        raise KeysMissing("no keys for this tenant")
    return {row.version: row.wrapped for row in rows}, max(active)


type _Row = tuple[int, int, bytes, str]
"""epoch or version, version of the tenant key, wrapped key, state."""


def _index_roots(conn: Connection, tenant: TenantId) -> list[_Row]:
    columns = (index_root.c.epoch, index_root.c.kek_version, index_root.c.wrapped, index_root.c.state)
    wanted = select(*columns).where(index_root.c.tenant == tenant, index_root.c.state != "retired")
    return [(row.epoch, row.kek_version, row.wrapped, row.state) for row in conn.execute(wanted)]


def _tag_keys(tenant: TenantId, keks: Mapping[int, AESGCM], rows: list[_Row]) -> TagKeys:
    roots = {
        epoch: unwrap(keks[version], wrapped, root_context(tenant, epoch, version))
        for epoch, version, wrapped, _ in rows
    }
    active = [epoch for epoch, _, _, state in rows if state == "active"]
    if not active:
        raise KeysMissing("no index root for this tenant")
    return TagKeys(roots, active[0])


def _services(conn: Connection, tenant: TenantId) -> dict[str, _Row]:
    wanted = select(service_key).where(service_key.c.tenant == tenant, service_key.c.state == "active")
    return {
        row.name: (row.version, row.kek_version, row.wrapped, row.state)
        for row in conn.execute(wanted.order_by(service_key.c.version))
    }


def _open_service(tenant: TenantId, keks: Mapping[int, AESGCM], name: str, row: _Row) -> bytes:
    version, kek_version, wrapped, _ = row
    return unwrap(keks[kek_version], wrapped, service_context(tenant, name, version, kek_version))


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
                service_context(tenant, name, _FIRST_VERSION, kek_version),
            ),
            "state": "active",
        }
        for name in names
    ]
    # Two processes may open a new installation at once: the first one's keys stand for both.
    insert = (sqlite if conn.dialect.name == "sqlite" else postgresql).insert
    conn.execute(insert(service_key).on_conflict_do_nothing(), rows)


def kek_context(tenant: TenantId, version: int) -> bytes:
    """What a wrapped tenant key is bound to."""
    return context(b"tk", tenant, version)


def root_context(tenant: TenantId, epoch: int, kek_version: int) -> bytes:
    """What a wrapped index root is bound to."""
    return context(b"ir", tenant, epoch, kek_version)


def service_context(tenant: TenantId, name: str, version: int, kek_version: int) -> bytes:
    """What a wrapped service key is bound to."""
    return context(b"svc", tenant, name, version, kek_version)
