"""What a monitor has seen: the heads it accepted, and of every entry what later ones are held against.

A SQLite data base of its own, beside nobody's. Of a person's entry it keeps tag, number, leaf and id, which are public
and nameless; the bytes themselves are not kept. Entries are kept page by page, the head that covers them when they have
led to it; what stands behind the last accepted head after a crash, or a lie, is forgotten and read again.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    LargeBinary,
    MetaData,
    Row,
    Table,
    Text,
    func,
    select,
)

from consent.ledger.checkpoint import Checkpoint
from consent.ledger.monitor.alerts import PASSING, Alert
from vault.appendonly import append_only
from vault.storage import Database, open_database

_metadata = MetaData()
_PAGE = 400

_head = Table(
    "monitor_head",
    _metadata,
    Column("origin", Text, primary_key=True),
    Column("size", BigInteger, primary_key=True),
    Column("root", LargeBinary(32), nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("ts", BigInteger, nullable=False),
    Column("cosigned_s", BigInteger),
    Column("seen_at", BigInteger, nullable=False),
)
_entry = Table(
    "monitor_entry",
    _metadata,
    Column("origin", Text, primary_key=True),
    Column("idx", BigInteger, primary_key=True),
    Column("id", LargeBinary(16), nullable=False),
    Column("tag", LargeBinary(16)),
    Column("n", BigInteger),
    Column("leaf", LargeBinary(32), nullable=False),
    Column("closes", Boolean, nullable=False),
)
_alert = Table(
    "monitor_alert",
    _metadata,
    Column("origin", Text, primary_key=True),
    Column("alarm", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("raised_at", BigInteger, nullable=False),
)
Index("ix_monitor_entry_id", _entry.c.origin, _entry.c.id)
Index("ix_monitor_entry_tag", _entry.c.origin, _entry.c.tag, _entry.c.n)
append_only(_head)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An accepted head: `ts` is the time of the last entry under it (Unix ms), `cosigned_s` when its quorum had cosigned it."""

    head: Checkpoint
    frontier: bytes
    note: bytes
    ts: int
    cosigned_s: int | None
    seen_at: int


@dataclass(frozen=True, slots=True)
class Line:
    """What is kept of an entry; one about the log itself has no tag, and the one that closes it says so."""

    idx: int
    id: bytes
    leaf: bytes
    tag: bytes | None = None
    n: int | None = None
    closes: bool = False


@dataclass(frozen=True, slots=True)
class MonitorStore:
    """The memory of one monitor."""

    data: Database

    def newest(self, origin: str) -> Seen | None:
        """The last head accepted of a log."""
        c = _head.c
        query = select(_head).where(c.origin == origin).order_by(c.size.desc()).limit(1)
        with self.data.read() as conn:
            row = conn.execute(query).first()
        return None if row is None else _seen(row)

    def at_size(self, origin: str, size: int) -> Seen | None:
        """The head of this size, if that was one that was accepted."""
        with self.data.read() as conn:
            row = conn.execute(select(_head).where(_head.c.origin == origin, _head.c.size == size)).first()
        return None if row is None else _seen(row)

    def tails(self, origin: str, tags: Collection[bytes]) -> dict[bytes, Line]:
        """The last entry of each of these tags."""
        with self.data.read() as conn:
            return {line.tag: line for line in _tails(conn, origin, tags) if line.tag is not None}

    def numbered(self, origin: str, tag: bytes, n: int) -> Line | None:
        """The entry of a tag with this number."""
        c = _entry.c
        with self.data.read() as conn:
            row = conn.execute(select(_entry).where(c.origin == origin, c.tag == tag, c.n == n)).first()
        return None if row is None else Line(row.idx, row.id, row.leaf, row.tag, row.n)

    def known_ids(self, origin: str, ids: Collection[bytes]) -> set[bytes]:
        """Which of these ids stand in the log already."""
        with self.data.read() as conn:
            pages = (
                select(_entry.c.id).where(_entry.c.origin == origin, _entry.c.id.in_(page))
                for page in _pages(list(ids))
            )
            return {one for page in pages for one in conn.execute(page).scalars()}

    def is_closed(self, origin: str, size: int) -> bool:
        """Whether the closing entry is among the first `size`."""
        c = _entry.c
        with self.data.read() as conn:
            query = select(c.idx).where(c.origin == origin, c.closes, c.idx < size).limit(1)
            return conn.execute(query).first() is not None

    def rows_upto(self, origin: str, upto: int) -> Iterator[tuple[bytes, int, bytes, int]]:
        """The rows of an index over the first `upto` entries: tag, n, leaf and index of everybody's last, by tag."""
        c = _entry.c
        last = (
            select(c.tag, func.max(c.n).label("n"))
            .where(c.origin == origin, c.idx < upto, c.tag.is_not(None))
            .group_by(c.tag)
            .subquery()
        )
        found = (
            select(c.tag, c.n, c.leaf, c.idx)
            .join(last, (c.tag == last.c.tag) & (c.n == last.c.n))
            .where(c.origin == origin)
            .order_by(c.tag)
        )
        with self.data.read() as conn:
            yield from ((tag, n, leaf, idx) for tag, n, leaf, idx in conn.execute(found))

    def leaves_between(self, origin: str, start: int, end: int) -> Iterator[bytes]:
        """The leaf hashes of the entries from `start` to before `end`."""
        c = _entry.c
        query = select(c.leaf).where(c.origin == origin, c.idx >= start, c.idx < end).order_by(c.idx)
        with self.data.read() as conn:
            yield from conn.execute(query.execution_options(yield_per=10_000)).scalars()

    def keep(self, origin: str, lines: Sequence[Line]) -> None:
        """Keep entries that no accepted head covers yet."""
        if lines:
            with self.data.write() as conn:
                conn.execute(_entry.insert(), [_row(origin, line) for line in lines])

    def forget_beyond(self, origin: str, size: int) -> None:
        """Drop the entries from index `size` on."""
        with self.data.write() as conn:
            conn.execute(_entry.delete().where(_entry.c.origin == origin, _entry.c.idx >= size))

    def lasts(self, alert: Alert) -> bool:
        """Whether this alarm was raised and has not ended since."""
        c = _alert.c
        same = (c.origin == alert.origin, c.alarm == alert.alarm.value, c.at == _about(alert))
        with self.data.read() as conn:
            return conn.execute(select(c.raised_at).where(*same)).first() is not None

    def raised(self, alert: Alert, now_ms: int) -> None:
        """Remember an alarm that was told."""
        key = {"origin": alert.origin, "alarm": alert.alarm.value, "at": _about(alert)}
        with self.data.write() as conn:
            conn.execute(_alert.insert().values(**key, raised_at=now_ms))

    def clear(self, origin: str, still: Sequence[Alert]) -> None:
        """Forget the conditions of a log that are over; what it did once stays told."""
        passing = [one.value for one in PASSING - {alert.alarm for alert in still}]
        with self.data.write() as conn:
            conn.execute(_alert.delete().where(_alert.c.origin == origin, _alert.c.alarm.in_(passing)))

    def accept(self, seen: Seen) -> None:
        """Keep a head whose entries have led to it."""
        values = {
            "origin": seen.head.origin,
            "size": seen.head.size,
            "root": seen.head.root,
            "frontier": seen.frontier,
            "note": seen.note,
            "ts": seen.ts,
            "cosigned_s": seen.cosigned_s,
            "seen_at": seen.seen_at,
        }
        with self.data.write() as conn:
            conn.execute(_head.insert().values(**values))


def create(path: Path) -> None:
    """A new, empty memory."""
    with closing(open_database(f"sqlite:///{path}")) as data, data.write() as conn:
        _metadata.create_all(conn)


def _about(alert: Alert) -> int:
    """Conditions are the same whatever the head is; lies are about their entry."""
    return -1 if alert.at is None or alert.alarm in PASSING else alert.at


def _seen(row: Row[Any]) -> Seen:
    return Seen(
        head=Checkpoint(row.origin, row.size, row.root),
        frontier=row.frontier,
        note=row.note,
        ts=row.ts,
        cosigned_s=row.cosigned_s,
        seen_at=row.seen_at,
    )


def _tails(conn: Connection, origin: str, tags: Collection[bytes]) -> Iterator[Line]:
    c = _entry.c
    for page in _pages(list(tags)):
        mine = (c.origin == origin, c.tag.in_(page))
        last = select(c.tag, func.max(c.n).label("n")).where(*mine).group_by(c.tag).subquery()
        found = select(_entry).join(last, (c.tag == last.c.tag) & (c.n == last.c.n)).where(c.origin == origin)
        for row in conn.execute(found):
            yield Line(row.idx, row.id, row.leaf, row.tag, row.n)


def _row(origin: str, line: Line) -> dict[str, Any]:
    return {
        "origin": origin,
        "idx": line.idx,
        "id": line.id,
        "tag": line.tag,
        "n": line.n,
        "leaf": line.leaf,
        "closes": line.closes,
    }


def _pages(items: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for at in range(0, len(items), _PAGE):
        yield items[at : at + _PAGE]
