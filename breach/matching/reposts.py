"""Whether a dump has been seen before: samples of its values, kept with it, compared with those of older dumps.

A dump of which at least 95 % of the values are in an older one that has been traced is a repost. It tells
nothing new about who leaked: whoever had the older file can have published this one. So it accuses nobody, and
its evidence is not added to that of the older trace. Rows without a whole identifier or digest leave nothing in
a sample.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from breach.tables import dump, dump_sketch, trace
from vault.storage.rowset import RowSet
from vault.tags.making import IndexKeys
from vault.tags.sketch import Sketch, contained

CONTAINED = 0.95
"""From which share of its values on a dump is a repost."""

_STORE = RowSet(
    "WITH {rows} INSERT INTO dump_sketch (dump, epoch, hashes) SELECT dump, epoch, hashes FROM rows WHERE true "
    "ON CONFLICT (dump) DO UPDATE SET epoch = excluded.epoch, hashes = excluded.hashes",
    dump="bytes",
    epoch="int",
    hashes="bytes",
)


@dataclass(frozen=True, slots=True)
class Repost:
    """The older dump, and the share of this one's values that it holds."""

    of: bytes
    share: float


def sketch_of(conn: Connection, keys: IndexKeys, dump_id: bytes) -> Sketch:
    """The sample of a dump as far as it was read; an empty one where it was begun under another index epoch."""
    mine = (dump_sketch.c.dump == dump_id) & (dump_sketch.c.epoch == keys.index_epoch)
    packed = conn.execute(select(dump_sketch.c.hashes).where(mine)).scalar_one_or_none()
    return Sketch(keys, packed or b"")


def store(conn: Connection, dump_id: bytes, sketch: Sketch) -> None:
    """Keep the sample with its dump."""
    _STORE(conn, [(dump_id, sketch.epoch, sketch.pack())])


def repost(conn: Connection, dump_id: bytes) -> Repost | None:
    """The oldest traced dump that holds at least 95 % of this one's values; None for a dump that is news."""
    mine = conn.execute(
        select(dump_sketch.c.hashes, dump_sketch.c.epoch, dump.c.received_at)
        .join(dump, dump.c.id == dump_sketch.c.dump)
        .where(dump.c.id == dump_id)
    ).one_or_none()
    if mine is None:
        return None
    for older, hashes in _older(conn, dump_id, mine.epoch, mine.received_at):
        share = contained(mine.hashes, hashes)
        if share is not None and share >= CONTAINED:
            return Repost(older, share)
    return None


def received_at(conn: Connection, dump_id: bytes) -> int:
    """When a dump came in, Unix ms."""
    return int(conn.execute(select(dump.c.received_at).where(dump.c.id == dump_id)).scalar_one())


def _older(conn: Connection, dump_id: bytes, epoch: int, received_at: int) -> Iterator[tuple[bytes, bytes]]:
    """(id, sample) of the traced dumps that came in before, oldest first, one at a time."""
    traced = select(trace.c.dump).where(trace.c.report.is_not(None))
    ids = conn.execute(
        select(dump.c.id)
        .where((dump.c.id != dump_id) & (dump.c.received_at <= received_at) & dump.c.id.in_(traced))
        .order_by(dump.c.received_at, dump.c.id)
    ).scalars()
    for older in ids.all():
        same = (dump_sketch.c.dump == older) & (dump_sketch.c.epoch == epoch)
        hashes = conn.execute(select(dump_sketch.c.hashes).where(same)).scalar_one_or_none()
        if hashes is not None:
            yield older, hashes
