"""The index after a restore: which restored roots stay, and when every tag has to be made again (vault.md §6.7).

A backup may come from the middle of an index rotation, or from before a finished one. Roots that were being built
or left are dropped with the job they belonged to. If tags are stored under any epoch but the one that is read,
nobody knows what is missing: a job begins that makes all of them again, under a number nothing is stored under.
"""

from sqlalchemy import Connection, delete, func, select

from vault.finding.tag_tables import tag, unique_key
from vault.ids import Buckets
from vault.keys.subjects import Wrapping
from vault.keys.tables import index_root
from vault.keys.tenant import add_index_root
from vault.rotation.jobs import Kind, new_job, store
from vault.rotation.people import count_kept
from vault.storage.database import Database

REFILL = "refill"


def settle_index(data: Database, keys: Connection, under: Wrapping, buckets: Buckets, now_ms: int) -> bool:
    """In the transaction that restores keys; answers whether a rotation of the index has to be resumed."""
    mine = index_root.c.tenant == under.tenant
    with data.read() as conn:
        stored = _stored_epochs(conn, buckets)
        total = count_kept(conn)
    numbers = set(keys.execute(select(index_root.c.epoch).where(mine)).scalars())
    keys.execute(delete(index_root).where(mine, index_root.c.state.in_(("building", "leaving"))))
    read = select(func.max(index_root.c.epoch)).where(mine, index_root.c.state == "active")
    if stored <= {keys.execute(read).scalar_one()}:
        return False
    target = max(numbers | stored) + 1
    store(keys, new_job(under.tenant, Kind.INDEX, REFILL, target, total, now_ms))
    add_index_root(keys, under, epoch=target, state="building", now_ms=now_ms)
    return True


def _stored_epochs(conn: Connection, buckets: Buckets) -> set[int]:
    """The epochs of a tenant's tags and unique keys; reads both tables once."""
    return {
        epoch
        for table in (tag, unique_key)
        for epoch in conn.execute(
            select(table.c.epoch)
            .where(table.c.bucket.between(buckets.first, buckets.first + buckets.many - 1))
            .distinct()
        ).scalars()
    }
