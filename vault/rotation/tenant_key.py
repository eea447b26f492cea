"""A new key-encryption key for a tenant: everything below it is wrapped again, row by row, and nothing re-encrypted.

begin   version v+1 is active at once, v opens as before; every process is told
spread  until every process knows; drain: until the last of what they wrapped under v is committed
rewrap  people's keys in batches, by primary key; rows that somebody else holds wait for the next sweep
small   index roots and service keys, and the job is done

Rows name their tenant key, so readers follow them one by one. The retired version stays until
`destroy_retired`, which the data base refuses while a row still needs it.
"""

import struct
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Select, Table, func, select, tuple_, update

from vault.ids import TenantId
from vault.keys.contexts import bound
from vault.keys.evictions import TENANT, announce
from vault.keys.subjects import person_context, unwrapped
from vault.keys.tables import index_root, service_key, subject_key, tenant_kek
from vault.keys.tenant import add_kek
from vault.keys.wrapping import unwrap, wrap
from vault.opening import Vault
from vault.rotation.barrier import barrier, passed
from vault.rotation.jobs import Job, Kind, move, new_job, store
from vault.storage.rowset import RowSet

BATCH: Final = 5_000

_KEY = (
    subject_key.c.bucket,
    subject_key.c.tenant,
    subject_key.c.subject,
    subject_key.c.kind,
    subject_key.c.epoch,
)
_REWRAP = RowSet(
    "WITH {rows} UPDATE subject_key SET kek_version = :target, wrapped = rows.wrapped FROM rows "
    "WHERE subject_key.bucket = rows.bucket AND subject_key.tenant = :tenant "
    "AND subject_key.subject = rows.subject AND subject_key.kind = rows.kind "
    "AND subject_key.epoch = rows.epoch",
    bucket="int",
    subject="bytes",
    kind="text",
    epoch="int",
    wrapped="bytes",
)


def begin(vault: Vault, now_ms: int) -> Job:
    """Make the next version the active one; raises RotationRunning."""
    ring = vault.keyring
    with ring.database.write() as conn:
        newest = select(func.max(tenant_kek.c.version)).where(tenant_kek.c.tenant == ring.tenant)
        target = int(conn.execute(newest).scalar_one()) + 1
        total = sum(_count(conn, table, ring.tenant) for table in (subject_key, index_root, service_key))
        job = new_job(ring.tenant, Kind.TENANT, "spread", target, total, now_ms)
        store(conn, job)
        active = (tenant_kek.c.tenant == ring.tenant, tenant_kek.c.state == "active")
        conn.execute(update(tenant_kek).where(*active).values(state="retired"))
        add_kek(conn, ring.provider, ring.tenant, target, now_ms)
        seq = announce(conn, ring.tenant, [TENANT], ring.wall_ms())
        told = job.to("spread", now_ms, cursor=seq.to_bytes(8))
        move(conn, job, told)
    return told


def spread(vault: Vault, job: Job, now_ms: int) -> Job:
    """Go on when every process wraps under the new version; the job as it was while one may not."""
    if not vault.keyring.is_clear(int.from_bytes(job.cursor)):
        return job
    return _moved(vault, job, job.to("drain", now_ms, cursor=barrier(vault.keyring.database).to_bytes(8)))


def drain(vault: Vault, job: Job, now_ms: int) -> Job:
    """Go on when the last wraps under the old version are committed."""
    if not passed(vault.keyring.database, int.from_bytes(job.cursor)):
        return job
    return _moved(vault, job, job.to("rewrap", now_ms))


def rewrap(vault: Vault, job: Job, now_ms: int) -> Job:
    """Wrap the next people's keys again; after the last one, start over while any is left."""
    ring = vault.keyring
    cipher = ring.wrapping(BATCH, version=job.target).cipher
    keks = ring.tenant_keys([job.target])
    with ring.database.write() as conn:
        rows = conn.execute(_next(job)).all()
        again = [found for row in rows if (found := _again(job, keks, cipher, row)) is not None]
        _REWRAP(conn, again, target=job.target, tenant=job.tenant)
        if len(rows) == BATCH:
            after = job.to("rewrap", now_ms, cursor=_pack(rows[-1]), done=len(rows))
        else:
            after = job.to("rewrap" if _any_left(conn, job, keks) else "small", now_ms, done=len(rows))
        move(conn, job, after)
    return after


def small(vault: Vault, job: Job, now_ms: int) -> Job:
    """Index roots and service keys; the last step."""
    ring = vault.keyring
    cipher = ring.wrapping(BATCH, version=job.target).cipher
    keks = ring.tenant_keys([job.target])
    with ring.database.write() as conn:
        done = 0
        for table in (index_root, service_key):
            mine = (table.c.tenant == ring.tenant, table.c.kek_version != job.target)
            rows = conn.execute(select(table).where(*mine).with_for_update()).mappings().all()
            for row in map(dict, rows):
                old = row["kek_version"]
                wrapped = wrap(
                    cipher,
                    unwrap(keks[old], row["wrapped"], bound(table, row, old)),
                    bound(table, row, job.target),
                )
                this = [column == row[column.name] for column in table.primary_key.columns]
                conn.execute(update(table).where(*this).values(kek_version=job.target, wrapped=wrapped))
            done += len(rows)
        after = job.finished(now_ms, done=done)
        move(conn, job, after)
    return after


def destroy_retired(vault: Vault) -> int:
    """Destroy retired tenant keys that wrap nothing any more; answers how many. Old backups still hold them."""
    ring = vault.keyring
    used = [
        ~select(table.c.tenant)
        .where(table.c.tenant == tenant_kek.c.tenant, table.c.kek_version == tenant_kek.c.version)
        .exists()
        for table in (subject_key, index_root, service_key)
    ]
    idle = (tenant_kek.c.tenant == ring.tenant, tenant_kek.c.state == "retired", *used)
    with ring.database.write() as conn:
        return conn.execute(update(tenant_kek).where(*idle).values(state="destroyed", wrapped=b"")).rowcount


def _count(conn: Connection, table: Table, tenant: TenantId) -> int:
    return int(
        conn.execute(select(func.count()).select_from(table).where(table.c.tenant == tenant)).scalar_one()
    )


def _next(job: Job) -> Select[Any]:
    """The rows after the cursor that still lie under another version; rows in use are left for later."""
    wanted = select(*_KEY, subject_key.c.kek_version, subject_key.c.wrapped).where(
        subject_key.c.tenant == job.tenant, subject_key.c.kek_version != job.target
    )
    if job.cursor:
        wanted = wanted.where(tuple_(*_KEY) > tuple_(*_unpack(job)))
    return wanted.order_by(*_KEY).limit(BATCH).with_for_update(skip_locked=True)


def _again(job: Job, keks: Mapping[int, AESGCM], new: AESGCM, row: Any) -> tuple[Any, ...] | None:
    """The row under the new key; None when it does not unwrap, and then it stays as it is for whoever repairs it."""
    who = (row.subject, row.kind, row.epoch)
    key = unwrapped(job.tenant, keks, (row.bucket, *who, row.kek_version, row.wrapped))
    if key is None:
        return None
    return row.bucket, *who, wrap(new, key, person_context(job.tenant, *who, job.target))


def _any_left(conn: Connection, job: Job, keks: Mapping[int, AESGCM]) -> bool:
    """Whether a row that can be wrapped again still lies under another version."""
    left = select(*_KEY, subject_key.c.kek_version, subject_key.c.wrapped).where(
        subject_key.c.tenant == job.tenant, subject_key.c.kek_version != job.target
    )
    return any(
        unwrapped(
            job.tenant, keks, (row.bucket, row.subject, row.kind, row.epoch, row.kek_version, row.wrapped)
        )
        for row in conn.execute(left)
    )


_CURSOR = struct.Struct(">i16s6si")


def _pack(row: Any) -> bytes:
    return _CURSOR.pack(row.bucket, row.subject, row.kind.encode(), row.epoch)


def _unpack(job: Job) -> tuple[Any, ...]:
    bucket, subject, kind, epoch = _CURSOR.unpack(job.cursor)
    return bucket, job.tenant, subject, kind.rstrip(b"\0").decode(), epoch


def _moved(vault: Vault, before: Job, after: Job) -> Job:
    with vault.keyring.database.write() as conn:
        move(conn, before, after)
    return after
