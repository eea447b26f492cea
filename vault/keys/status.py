"""What an operator may know about the keys of a tenant without opening any: versions, epochs, use and age.

Read from the rows of the key data base alone. A tenant key is due for replacement after a year, or when it has
wrapped a quarter of what its cipher allows (vault.md §2.7), so that there is time to do it.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select

from vault.ids import TenantId
from vault.keys import evictions
from vault.keys.tables import MAX_WRAPS, index_root, subject_key, tenant_kek
from vault.storage.database import Database

DUE_WRAPS: Final = MAX_WRAPS // 4
DUE_AGE_MS: Final = 365 * 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantKey:
    """One version of the tenant key. `wrapped` is what the provider named `provider` made of it; times in Unix ms.

    `wraps` counts uses in blocks that processes reserve: never too low. `due`: replace it.
    """

    version: int
    state: str
    provider: str
    wrapped: bytes
    created_at: int
    wraps: int
    due: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEpoch:
    """One index epoch: building, active, leaving or retired; made at `created_at`, Unix ms."""

    epoch: int
    state: str
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatus:
    """The keys of one tenant. `people` counts, by epoch, whose newest key is of it; `caches` who holds copies now."""

    tenant_keys: tuple[TenantKey, ...]
    index_epochs: tuple[IndexEpoch, ...]
    people: dict[int, int]
    caches: int


def key_status(keys: Database, tenant: TenantId, now_ms: int) -> KeyStatus:
    """The keys of `tenant` as they stand; counting people takes about a second for a million."""
    with keys.read() as conn:
        return KeyStatus(
            tenant_keys=_tenant_keys(conn, tenant, now_ms),
            index_epochs=_index_epochs(conn, tenant),
            people=_people(conn, tenant),
            caches=evictions.members(conn, tenant, now_ms),
        )


def oldest_index_root(keys: Database, tenant: TenantId) -> int:
    """When the oldest index root that is still there was made, Unix ms."""
    with keys.read() as conn:
        made = select(func.min(index_root.c.created_at)).where(index_root.c.tenant == tenant)
        return int(conn.execute(made).scalar_one())


def _tenant_keys(conn: Connection, tenant: TenantId, now_ms: int) -> tuple[TenantKey, ...]:
    rows = conn.execute(
        select(tenant_kek).where(tenant_kek.c.tenant == tenant).order_by(tenant_kek.c.version)
    )
    return tuple(
        TenantKey(
            version=row.version,
            state=row.state,
            provider=row.provider,
            wrapped=row.wrapped,
            created_at=row.created_at,
            wraps=row.wraps,
            due=row.state == "active" and _due(row.wraps, now_ms - row.created_at),
        )
        for row in rows
    )


def _due(wraps: int, age_ms: int) -> bool:
    return wraps >= DUE_WRAPS or age_ms >= DUE_AGE_MS


def _index_epochs(conn: Connection, tenant: TenantId) -> tuple[IndexEpoch, ...]:
    columns = (index_root.c.epoch, index_root.c.state, index_root.c.created_at)
    rows = conn.execute(select(*columns).where(index_root.c.tenant == tenant).order_by(index_root.c.epoch))
    return tuple(IndexEpoch(epoch=row.epoch, state=row.state, created_at=row.created_at) for row in rows)


def _people(conn: Connection, tenant: TenantId) -> dict[int, int]:
    newest = (
        select(func.max(subject_key.c.epoch).label("epoch"))
        .where(subject_key.c.tenant == tenant, subject_key.c.kind == "data")
        .group_by(subject_key.c.bucket, subject_key.c.subject)
        .subquery()
    )
    counted = select(newest.c.epoch, func.count()).group_by(newest.c.epoch).order_by(newest.c.epoch)
    return {int(epoch): int(count) for epoch, count in conn.execute(counted)}
