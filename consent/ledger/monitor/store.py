"""What a monitor has seen: the heads it accepted, and of every entry what later ones are held against.

A SQLite data base of its own, beside nobody's. Of a person's entry it keeps tag, number, leaf and id, which are
public and nameless; the bytes themselves are not kept. Entries are kept bundle by bundle, in one transaction
with how far that is (`Standing`), so that reading goes on there in the next round; the head that covers them is
kept when they have led to it. After a lie, what stands behind the last accepted head is forgotten and read
again.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, func, select
from sqlalchemy.dialects.sqlite import insert

from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.monitor import tables
from consent.ledger.monitor.alerts import PASSING, Alert
from vault.storage.database import Database, open_database
from vault.storage.file_version import number, require

_PAGE = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An accepted head: `ts` is the time of the last entry under it (Unix ms), `cosigned_s` when its quorum had cosigned it."""

    head: Checkpoint
    frontier: bytes
    note: bytes
    ts: int
    cosigned_s: int | None
    seen_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a log has been read, accepted or not: the right edge so far and the time of the last entry (Unix ms).

    `cosigned_s` is the newest time at which the quorum had cosigned an accepted head; None where it never has.
    `uncounted_since` is the time (Unix ms) of the first person's entry after the last index; None where it was
    the last.
    """

    size: int = 0
    frontier: bytes = b""
    ts: int = 0
    cosigned_s: int | None = None
    uncounted_since: int | None = None


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
        c = tables.head.c
        query = select(tables.head).where(c.origin == origin).order_by(c.size.desc()).limit(1)
        with self.data.read() as conn:
            row = conn.execute(query).first()
        return None if row is None else _seen(row)

    def at_size(self, origin: str, size: int) -> Seen | None:
        """The head of this size, if that was one that was accepted."""
        with self.data.read() as conn:
            row = conn.execute(
                select(tables.head).where(tables.head.c.origin == origin, tables.head.c.size == size)
            ).first()
        return None if row is None else _seen(row)

    def standing(self, origin: str) -> Standing:
        """How far a log has been read; from the beginning where nothing of it was."""
        c = tables.standing.c
        query = select(c.size, c.frontier, c.ts, c.cosigned_s, c.uncounted_since).where(c.origin == origin)
        with self.data.read() as conn:
            row = conn.execute(query).mappings().first()
        return Standing() if row is None else Standing(**row)

    def tails(self, origin: str, tags: Collection[bytes]) -> dict[bytes, Line]:
        """The last entry of each of these tags."""
        c, found = tables.tail.c, dict[bytes, Line]()
        with self.data.read() as conn:
            for page in _pages(list(tags)):
                for row in conn.execute(select(tables.tail).where(c.origin == origin, c.tag.in_(page))):
                    found[row.tag] = Line(row.idx, b"", row.leaf, row.tag, row.n)
        return found

    def numbered(self, origin: str, tag: bytes, n: int) -> Line | None:
        """The entry of a tag with this number."""
        c = tables.entry.c
        with self.data.read() as conn:
            row = conn.execute(select(tables.entry).where(c.origin == origin, c.tag == tag, c.n == n)).first()
        return None if row is None else Line(row.idx, row.id, row.leaf, row.tag, row.n)

    def known_ids(self, origin: str, ids: Collection[bytes]) -> set[bytes]:
        """Which of these ids stand in the log already."""
        with self.data.read() as conn:
            pages = (
                select(tables.entry.c.id).where(tables.entry.c.origin == origin, tables.entry.c.id.in_(page))
                for page in _pages(list(ids))
            )
            return {one for page in pages for one in conn.execute(page).scalars()}

    def with_id(self, origin: str, entry_id: bytes) -> int | None:
        """The index of the first entry that has this id."""
        c = tables.entry.c
        with self.data.read() as conn:
            return conn.execute(select(func.min(c.idx)).where(c.origin == origin, c.id == entry_id)).scalar()

    def closing(self, origin: str) -> int | None:
        """The index of the entry that closed the log."""
        c = tables.entry.c
        with self.data.read() as conn:
            return conn.execute(select(func.min(c.idx)).where(c.origin == origin, c.closes)).scalar()

    def is_closed(self, origin: str, size: int) -> bool:
        """Whether the closing entry is among the first `size`."""
        c = tables.entry.c
        with self.data.read() as conn:
            query = select(c.idx).where(c.origin == origin, c.closes, c.idx < size).limit(1)
            return conn.execute(query).first() is not None

    def rows_upto(self, origin: str, upto: int) -> Iterator[tuple[bytes, int, bytes, int]]:
        """The rows of an index over the first `upto` entries: tag, n, leaf and index of everybody's last.

        The tails as they are now, but for those few that have gone on since: an index counts what has just been
        written.
        """
        t = tables.tail.c
        still = select(t.tag, t.n, t.leaf, t.idx).where(t.origin == origin, t.idx < upto)
        since = select(t.tag).where(t.origin == origin, t.idx >= upto)
        with self.data.read() as conn:
            yield from ((tag, n, leaf, idx) for tag, n, leaf, idx in conn.execute(still))
            for line in _last_before(conn, origin, conn.execute(since).scalars().all(), upto):
                assert line.tag is not None
                assert line.n is not None
                yield line.tag, line.n, line.leaf, line.idx

    def leaves_between(self, origin: str, start: int, end: int) -> Iterator[bytes]:
        """The leaf hashes of the entries from `start` to before `end`."""
        c = tables.entry.c
        query = select(c.leaf).where(c.origin == origin, c.idx >= start, c.idx < end).order_by(c.idx)
        with self.data.read() as conn:
            yield from conn.execute(query.execution_options(yield_per=10_000)).scalars()

    def keep(self, origin: str, lines: Sequence[Line], tails: Sequence[Line], standing: Standing) -> None:
        """Keep entries that no accepted head covers yet, whose tags end with `tails` now, and that reading stands there."""
        with self.data.write() as conn:
            conn.execute(tables.entry.insert(), [_row(origin, line) for line in lines])
            _set_tails(conn, origin, tails)
            _stand(conn, origin, standing)

    def forget_beyond(self, origin: str, at: Seen | None) -> None:
        """Drop the entries behind the accepted head `at`, all of them where there is none, and read on from it."""
        size = 0 if at is None else at.head.size
        t = tables.tail.c
        with self.data.write() as conn:
            conn.execute(
                tables.entry.delete().where(tables.entry.c.origin == origin, tables.entry.c.idx >= size)
            )
            mine = (t.origin == origin, t.idx >= size)
            gone = conn.execute(select(t.tag).where(*mine)).scalars().all()
            conn.execute(tables.tail.delete().where(*mine))
            o = tables.opening.c
            conn.execute(tables.opening.delete().where(o.origin == origin, o.idx >= size))
            _set_tails(conn, origin, list(_last_before(conn, origin, gone, size)))
            _stand(
                conn,
                origin,
                Standing() if at is None else Standing(size=size, frontier=at.frontier, ts=at.ts),
            )

    def cosigned(self, origin: str, at_s: int | None) -> None:
        """Remember that the quorum had cosigned the accepted head at `at_s`, if that is news."""
        known = self.standing(origin)
        if at_s is not None and (known.cosigned_s is None or known.cosigned_s < at_s):
            with self.data.write() as conn:
                _stand(conn, origin, replace(known, cosigned_s=at_s))

    def lasts(self, alert: Alert) -> bool:
        """Whether this alarm was raised and has not ended since."""
        c = tables.alert.c
        same = (c.origin == alert.origin, c.alarm == alert.alarm.value, c.at == _about(alert))
        with self.data.read() as conn:
            return conn.execute(select(c.raised_at).where(*same)).first() is not None

    def raised(self, alert: Alert, now_ms: int) -> None:
        """Remember an alarm that was told."""
        key = {"origin": alert.origin, "alarm": alert.alarm.value, "at": _about(alert)}
        with self.data.write() as conn:
            conn.execute(tables.alert.insert().values(**key, raised_at=now_ms))

    def clear(self, origin: str, still: Sequence[Alert]) -> None:
        """Forget the conditions of a log that are over; what it did once stays told."""
        c = tables.alert.c
        passing = [one.value for one in PASSING - {alert.alarm for alert in still}]
        with self.data.write() as conn:
            conn.execute(tables.alert.delete().where(c.origin == origin, c.alarm.in_(passing)))

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
            conn.execute(tables.head.insert().values(**values))
        self.cosigned(seen.head.origin, seen.cosigned_s)


def create(path: Path) -> None:
    """A new, empty memory."""
    with closing(open_database(f"sqlite:///{path}")) as data, data.write() as conn:
        tables.METADATA.create_all(conn)
        number(conn, tables.LAYOUT)


@contextmanager
def opened(path: Path) -> Iterator[MonitorStore]:
    """The memory in a file that is there; raises OtherLayout."""
    with closing(open_database(f"sqlite:///{path}")) as data:
        with data.read() as conn:
            require(conn, tables.LAYOUT)
        yield MonitorStore(data)


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


def _last_before(conn: Connection, origin: str, tags: Collection[bytes], size: int) -> Iterator[Line]:
    """The last entry of each of these tags among the first `size`: of those of the highest number, the first."""
    c = tables.entry.c
    for page in _pages(list(tags)):
        mine = (c.origin == origin, c.tag.in_(page), c.idx < size)
        last = select(c.tag, func.max(c.n).label("n")).where(*mine).group_by(c.tag).subquery()
        query = (
            select(c.tag, c.n, func.min(c.idx).label("idx"))
            .join(last, (c.tag == last.c.tag) & (c.n == last.c.n))
            .where(c.origin == origin)
            .group_by(c.tag, c.n)
            .subquery()
        )
        found = select(tables.entry).join(query, c.idx == query.c.idx).where(c.origin == origin)
        for row in conn.execute(found):
            yield Line(row.idx, row.id, row.leaf, row.tag, row.n)


def _set_tails(conn: Connection, origin: str, tails: Sequence[Line]) -> None:
    rows = [{"origin": origin, "tag": one.tag, "n": one.n, "leaf": one.leaf, "idx": one.idx} for one in tails]
    if rows:
        fresh = insert(tables.tail)
        new = {name: fresh.excluded[name] for name in ("n", "leaf", "idx")}
        conn.execute(fresh.on_conflict_do_update(index_elements=["origin", "tag"], set_=new), rows)


def _stand(conn: Connection, origin: str, standing: Standing) -> None:
    """Where reading stands; a time of cosigning that is None leaves the one that is known."""
    values = {
        name: value for name, value in asdict(standing).items() if (name, value) != ("cosigned_s", None)
    }
    fresh = insert(tables.standing).values(origin=origin, **values)
    conn.execute(fresh.on_conflict_do_update(index_elements=["origin"], set_=values))


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
