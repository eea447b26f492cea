"""One round of a monitor over one log: what its witnesses show, its head, its entries, its tiles, and whether all agree.

Witnesses are read before the log, so that a log which shows less than one of them has seen has gone back, and not merely
been asked too early. Entries are read bundle by bundle and not kept; the head is accepted when they have led to its root.

`follow(reader, store, policy, origin, now_ms) -> Round`; whoever reads (`Reader`) raises `OSError` where nothing answers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from consent.ledger.monitor import evidence, heads
from consent.ledger.monitor.alerts import Alarm, Alert
from consent.ledger.monitor.examine import Bounds, Examination
from consent.ledger.monitor.heads import Shown
from consent.ledger.monitor.reading import Reader
from consent.ledger.monitor.store import MonitorStore, Seen
from consent.ledger.policy import Policy
from consent.ledger.recompute import RightEdge, absorb
from consent.ledger.tiles import HEIGHT, WIDTH, Tile, perfect_root, split_bundle, split_hashes

MOST_ALERTS: Final = 100
"""Of one round: a log that is all lies says so with fewer."""


@dataclass(slots=True)
class Round:
    """What came of it: the head that was accepted, if one was, and what is wrong."""

    accepted: Seen | None = None
    alerts: list[Alert] = field(default_factory=list)


def follow(reader: Reader, store: MonitorStore, policy: Policy, origin: str, now_ms: int) -> Round:
    """Read a log on from where it was accepted last."""
    found = Round()
    others = [heads.read(data, origin, policy) for data in reader.witnessed()]
    shown = heads.read(reader.head(), origin, policy)
    if isinstance(shown, Alert):
        found.alerts.append(shown)
        return found
    before = store.newest(origin)
    wrong = heads.against(shown, before)
    if wrong is not None:
        found.alerts.append(wrong)
        return found
    found.alerts += heads.freshness(shown, policy, now_ms)
    if before is None or shown.head.size > before.head.size:
        _grow(_Growth(reader, store, policy, shown, before, now_ms), found)
    elif before is not None:
        found.accepted = before
    for other in others:
        if isinstance(other, Shown) and found.accepted is not None:
            found.alerts += _beside(store, other, found.accepted)
    del found.alerts[MOST_ALERTS:]
    return found


@dataclass(frozen=True, slots=True)
class _Growth:
    reader: Reader
    store: MonitorStore
    policy: Policy
    shown: Shown
    before: Seen | None
    now_ms: int


def _grow(at: _Growth, found: Round) -> None:
    head, before = at.shown.head, at.before
    start = 0 if before is None else before.head.size
    edge = RightEdge(0, {}) if before is None else RightEdge.from_bytes(start, before.frontier)
    after_s = None if before is None else before.cosigned_s
    bounds = Bounds(after_s=after_s, before_s=at.shown.cosigned_s)
    looking = Examination(at.store, head.origin, start, 0 if before is None else before.ts, bounds)
    at.store.forget_beyond(head.origin, start)
    for bodies in _bodies(at.reader, start, head.size):
        leaves, alerts = looking.take(bodies)
        found.alerts += (
            evidence.proven(at.reader, at.store, at.policy, at.shown, one) for one in alerts[:MOST_ALERTS]
        )
        edge = absorb(edge, leaves)
    if (edge.size, edge.root()) != (head.size, head.root):
        at.store.forget_beyond(head.origin, start)
        says = f"the entries do not lead to the signed root of size {head.size}"
        found.alerts.append(Alert(alarm=Alarm.INCONSISTENT, origin=head.origin, says=says, at=head.size))
        return
    found.alerts += _tiles(at.reader, at.store, head.origin, start, head.size)
    found.accepted = Seen(
        head=head,
        frontier=bytes(edge),
        note=at.shown.note,
        ts=looking.ts,
        cosigned_s=at.shown.cosigned_s,
        seen_at=at.now_ms,
    )
    at.store.accept(found.accepted)


def _bodies(reader: Reader, start: int, end: int) -> Iterator[Sequence[bytes]]:
    """The entries from `start` on, a bundle at a time; raises Malformed for one of another length."""
    while start < end:
        n, skip = divmod(start, WIDTH)
        width = min(WIDTH, end - n * WIDTH)
        bodies = split_bundle(reader.entries(n, width), width)
        yield bodies[skip:]
        start = n * WIDTH + width


def _tiles(reader: Reader, store: MonitorStore, origin: str, start: int, end: int) -> Iterator[Alert]:
    """Whether the public tiles over what is new are made of it: level 0 hash by hash, those above by their last ones."""
    hashes, level, first = list(store.leaves_between(origin, start // WIDTH * WIDTH, end)), 0, start // WIDTH
    while hashes:
        roots: list[bytes] = []
        for at in range(0, len(hashes), WIDTH):
            row, n = hashes[at : at + WIDTH], first + at // WIDTH
            given = reader.tile(Tile(level, n, len(row)))
            if given != b"".join(row):
                says = f"a tile of level {level} is not made of its entries"
                yield Alert(alarm=Alarm.WRONG_TILE, origin=origin, says=says, at=n)
            if len(row) == WIDTH:
                roots.append(perfect_root(row))
        if not roots:
            return
        # The tile above holds older roots too: they are the log's word, and hashed into the signed root all the same.
        level, slot = level + 1, first % WIDTH
        older = _older(reader, Tile(level, first // WIDTH), slot, end)
        hashes, first = [*older, *roots], first // WIDTH


def _older(reader: Reader, at: Tile, count: int, size: int) -> list[bytes]:
    """The first `count` hashes of a tile, as the log gives it at this size."""
    if not count:
        return []
    width = min(WIDTH, (size >> HEIGHT * at.level) - at.n * WIDTH)
    return split_hashes(reader.tile(Tile(at.level, at.n, width)))[:count]


def _beside(store: MonitorStore, other: Shown, accepted: Seen) -> Iterator[Alert]:
    """What a witness shows, held against the log as it was accepted."""
    head, mine = other.head, accepted.head
    if head.size > mine.size:
        says = f"a witness has seen {head.size} entries, and the log shows {mine.size}"
        yield Alert(alarm=Alarm.ROLLED_BACK, origin=head.origin, says=says, at=head.size)
        return
    same = store.at_size(head.origin, head.size)
    if same is not None and same.head.root != head.root:
        yield heads.split(other.note, same.note, head)
    elif same is None and _root_at(store, head.origin, head.size) != head.root:
        says = f"a witness was shown another tree of {head.size} entries"
        yield Alert(alarm=Alarm.SPLIT_VIEW, origin=head.origin, says=says, at=head.size)


def _root_at(store: MonitorStore, origin: str, size: int) -> bytes:
    edge, page = RightEdge(0, {}), list[bytes]()
    for leaf in store.leaves_between(origin, 0, size):
        page.append(leaf)
        if len(page) == WIDTH * WIDTH:
            edge, page = absorb(edge, page), []
    return absorb(edge, page).root()
