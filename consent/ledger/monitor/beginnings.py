"""What a log says of the one it carries on, held against that one as it was read.

An opening may name a head of the older log before the monitor has seen it: it is kept, and held against that
log in this round or a later one. Each log is opened after another once, and told its end once more. An opening
that gives the older log up says where that one ended for good: not before what was seen of it, and nothing
behind that is believed (`end_of`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.dialects.sqlite import insert

from consent.ledger.entries.log_entry import Opening, Why
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.monitor import known_tree, tables
from consent.ledger.monitor.alerts import Alarm, Alert
from consent.ledger.monitor.heads import STALE_MS
from consent.ledger.monitor.store import MonitorStore, Seen

MOST: Final = 2
"""How often a log names one before it: when it begins, and when that one has ended."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """An opening at index `idx`, kept at `kept_at` (Unix ms)."""

    idx: int
    before: str
    size: int
    root: bytes
    kept_at: int
    gives_up: bool


def keep(store: MonitorStore, origin: str, idx: int, one: Opening, now_ms: int) -> Iterator[Alert]:
    """Keep an opening until the log before is known as far as it says; told where it is one too many."""
    c = tables.opening.c
    values = {"before": one.before, "size": one.size, "root": one.root, "kept_at": now_ms, "settled": False}
    values["gives_up"] = one.why is Why.DAMAGE
    with store.data.write() as conn:
        fresh = insert(tables.opening).values(origin=origin, idx=idx, **values)
        conn.execute(fresh.on_conflict_do_nothing())  # it is there when reading broke off behind it
        query = select(func.count()).where(c.origin == origin, c.before == one.before)
        count = conn.execute(query).scalar_one()
    if count > MOST:
        yield _alert(origin, idx, "a log names the one before it more than twice")


def check(store: MonitorStore, origin: str, now_ms: int) -> Iterator[Alert]:
    """What is wrong with the openings of a log that were not settled; those that can be are settled now."""
    for one in _unsettled(store, origin):
        known = store.newest(one.before)
        if one.gives_up:
            if known is not None and known.head.size >= one.size:
                _settle(store, origin, one.idx)
                yield from _cut(origin, one, known)
        elif known is not None and known.head.size >= one.size:
            _settle(store, origin, one.idx)
            if known_tree.root_at(store, one.before, one.size) != one.root:
                yield _alert(origin, one.idx, f"a log says that {one.before} had another root at {one.size}")
        elif _is_late(store, one, None if known is None else known.head.size, now_ms):
            says = f"a log says that {one.before} had {one.size} entries, and that one shows fewer"
            yield _alert(origin, one.idx, says)


def end_of(store: MonitorStore, origin: str) -> Checkpoint | None:
    """Where a log ended that was given up, as accepted logs after it say; the smallest where they say different ones."""
    c, h = tables.opening.c, tables.head.c
    believed = select(h.size).where(h.origin == c.origin, h.size > c.idx).exists()
    query = select(c.size, c.root).where(c.before == origin, c.gives_up, believed)
    with store.data.read() as conn:
        row = conn.execute(query.order_by(c.size, c.origin, c.idx).limit(1)).first()
    return None if row is None else Checkpoint(origin, row.size, row.root)


def _cut(origin: str, one: Beginning, known: Seen) -> Iterator[Alert]:
    if known.head != Checkpoint(one.before, one.size, one.root):
        says = (
            f"a log gives {one.before} up at size {one.size}, and another head of it was signed, "
            f"with {known.head.size} entries"
        )
        yield Alert(alarm=Alarm.HISTORY_CUT, origin=origin, says=says, at=one.idx)


def _is_late(store: MonitorStore, one: Beginning, known: int | None, now_ms: int) -> bool:
    """Whether the older log has ended with less, or has had time to show what it is said to have; unknown logs have no time."""
    if known is None:
        return False
    return store.is_closed(one.before, known) or now_ms - one.kept_at > STALE_MS


def _unsettled(store: MonitorStore, origin: str) -> list[Beginning]:
    c = tables.opening.c
    query = select(c.idx, c.before, c.size, c.root, c.kept_at, c.gives_up).where(
        c.origin == origin, ~c.settled
    )
    with store.data.read() as conn:
        return [Beginning(*row) for row in conn.execute(query.order_by(c.idx))]


def _settle(store: MonitorStore, origin: str, idx: int) -> None:
    c = tables.opening.c
    with store.data.write() as conn:
        conn.execute(tables.opening.update().where(c.origin == origin, c.idx == idx).values(settled=True))


def _alert(origin: str, idx: int, says: str) -> Alert:
    return Alert(alarm=Alarm.WRONG_OPENING, origin=origin, says=says, at=idx)
