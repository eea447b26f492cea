"""Reading what a log has grown by: bundle after bundle, each looked at, held against the public tiles, and kept.

A log that stops answering, or has more than one round can read, is read on in the next from the last bundle
that was kept. Nothing is accepted before all of it has led to the signed root; where it does not, all of it is
forgotten.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from consent.ledger.formats.policy import Policy
from consent.ledger.formats.tiles import WIDTH, split_bundle
from consent.ledger.monitor import beginnings, evidence
from consent.ledger.monitor.alerts import Alarm, Alert
from consent.ledger.monitor.examine import Bounds, Examination
from consent.ledger.monitor.heads import Shown
from consent.ledger.monitor.public_tiles import PublicTiles
from consent.ledger.monitor.reading import Reader
from consent.ledger.monitor.round import Round
from consent.ledger.monitor.store import MonitorStore, Seen, Standing
from consent.ledger.recompute import RightEdge, absorb


@dataclass(frozen=True, slots=True)
class Growth:
    """What a log has shown, and the head that was accepted before; `now_ms` in Unix milliseconds."""

    reader: Reader
    store: MonitorStore
    policy: Policy
    shown: Shown
    before: Seen | None
    now_ms: int


def grow(at: Growth, found: Round) -> None:
    """Read up to the head that is shown and accept it; raises OSError, and Malformed for a bundle that is none."""
    head, store = at.shown.head, at.store
    standing = store.standing(head.origin)
    if standing.size > head.size:  # what was read belongs to a larger head, which was never accepted
        store.forget_beyond(head.origin, at.before)
        standing = store.standing(head.origin)
    edge = RightEdge.from_bytes(standing.size, standing.frontier)
    bounds = Bounds(after_s=standing.cosigned_s, before_s=at.shown.cosigned_s)
    looking = Examination(store, head.origin, standing.size, standing.ts, bounds)
    tiles = PublicTiles(at.reader, head.origin, head.size)
    for n, bodies in _bundles(at.reader, standing.size, head.size):
        edge = _take(at, found, looking, tiles, edge, n, bodies)
    if (edge.size, edge.root()) != (head.size, head.root):
        store.forget_beyond(head.origin, at.before)
        found.tell(_inconsistent(at))
        return
    found.accepted = Seen(
        head=head,
        frontier=bytes(edge),
        note=at.shown.note,
        ts=looking.ts,
        cosigned_s=at.shown.cosigned_s,
        seen_at=at.now_ms,
    )
    store.accept(found.accepted)


def _inconsistent(at: Growth) -> Alert:
    """The alarm about a head to which the entries do not lead, with the proof of a fork where the log gives it away."""
    head, before = at.shown.head, at.before
    says = f"the entries do not lead to the signed root of size {head.size}"
    alert = Alert(
        alarm=Alarm.INCONSISTENT, origin=head.origin, says=says, at=head.size, notes=(at.shown.note,)
    )
    if before is None:
        return alert
    both = replace(alert, notes=(before.note, at.shown.note))
    return evidence.forked(at.reader, at.store, at.policy, at.shown, before, both)


def _take(
    at: Growth,
    found: Round,
    looking: Examination,
    tiles: PublicTiles,
    edge: RightEdge,
    n: int,
    bodies: Sequence[bytes],
) -> RightEdge:
    """Look at the entries of one bundle that are new, and keep them; the right edge after them."""
    origin = at.shown.head.origin
    tiles.fetch(n)
    older = list(at.store.leaves_between(origin, n * WIDTH, edge.size))
    taken = looking.take(bodies)
    leaves = [line.leaf for line in taken.lines]
    edge = absorb(edge, leaves)
    standing = Standing(
        size=edge.size, frontier=bytes(edge), ts=looking.ts, uncounted_since=looking.uncounted_since
    )
    for idx, one in taken.openings:
        for alert in beginnings.keep(at.store, origin, idx, one, at.now_ms):
            found.tell(alert)
    at.store.keep(origin, taken.lines, taken.tails, standing)
    for alert in taken.alerts:
        if found.takes_more:
            found.tell(evidence.proven(at.reader, at.store, at.policy, at.shown, alert))
    for alert in tiles.check(n, [*older, *leaves]):
        found.tell(alert)
    return edge


def _bundles(reader: Reader, start: int, end: int) -> Iterator[tuple[int, Sequence[bytes]]]:
    """The entries from `start` on, by the number of their bundle; raises Malformed for one of another length."""
    while start < end:
        n, skip = divmod(start, WIDTH)
        width = min(WIDTH, end - n * WIDTH)
        bodies = split_bundle(reader.entries(n, width), width)
        yield n, bodies[skip:]
        start = n * WIDTH + width
