"""One round of a monitor over one log: what its witnesses show, its head, its entries, its tiles, and whether all agree.

Witnesses are read before the log, so that a log which shows less than one of them has seen has gone back, and
not merely been asked too early. Whatever ends a round early is one more alert: what was found before it is told
all the same.

`follow(reader, store, policy, origin, now_ms) -> Round`; whoever reads (`Reader`) raises `OSError` where
nothing answers.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from consent.ledger.errors import Malformed
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.ended import end_of
from consent.ledger.formats.policy import Policy
from consent.ledger.monitor import beginnings, heads
from consent.ledger.monitor.alerts import Alarm, Alert
from consent.ledger.monitor.growth import Growth, grow
from consent.ledger.monitor.heads import Shown
from consent.ledger.monitor.known_tree import root_at
from consent.ledger.monitor.reading import OutOfTime, Reader
from consent.ledger.monitor.round import Round
from consent.ledger.monitor.store import MonitorStore, Seen

UNCOUNTED_MS: Final = 3 * 3_600_000
"""An index is made every hour in which something was written."""


def follow(reader: Reader, store: MonitorStore, policy: Policy, origin: str, now_ms: int) -> Round:
    """Read a log on from where it was read last.

    One that was given up may show less than it did, because its end was lost, and never more than it ended with.
    """
    found = Round()
    try:
        _follow(reader, store, policy, origin, now_ms, found)
    except OutOfTime as error:
        read = store.standing(origin).size
        says = f"{error}; {read} entries are read, the next round goes on"
        found.end(Alert(alarm=Alarm.BEHIND, origin=origin, says=says, at=read))
    except (OSError, Malformed) as error:
        found.end(Alert(alarm=Alarm.UNREADABLE, origin=origin, says=str(error)))
    except Exception as error:  # noqa: BLE001 - one log must not end the watch over the others
        says = f"the monitor itself failed here: {type(error).__name__}"
        found.end(Alert(alarm=Alarm.BROKEN_OFF, origin=origin, says=says))
    return found


def _follow(
    reader: Reader, store: MonitorStore, policy: Policy, origin: str, now_ms: int, found: Round
) -> None:
    others = [heads.read(data, origin, policy) for data in reader.witnessed()]
    shown = heads.read(reader.head(), origin, policy)
    if isinstance(shown, Alert):
        found.tell(shown)
        return
    before = store.newest(origin)
    end = beginnings.end_of(store, origin) or end_of(policy.ended, origin)
    if end is not None:
        _read_to(end, Growth(reader, store, policy, shown, before, now_ms), others, found)
        return
    wrong = heads.against(shown, before)
    if wrong is not None:
        found.tell(wrong)
        return
    closed = before is not None and store.is_closed(origin, before.head.size)
    for alert in heads.freshness(shown, policy, now_ms, None if closed else before):
        found.tell(alert)
    if before is None or shown.head.size > before.head.size:
        grow(Growth(reader, store, policy, shown, before, now_ms), found)
    else:
        found.accepted = before
        store.cosigned(origin, shown.cosigned_s)
    for alert in (*beginnings.check(store, origin, now_ms), *_uncounted(store, found, now_ms)):
        found.tell(alert)
    for other in others:
        if isinstance(other, Shown) and found.accepted is not None:
            for alert in _beside(store, other, found.accepted):
                found.tell(alert)


def _read_to(end: Checkpoint, at: Growth, others: Sequence[Shown | Alert], found: Round) -> None:
    """Read on a log that was given up: nobody renews its word, counts its people or signs it any more."""
    shown, before = at.shown, at.before
    for alert in heads.beyond(end, [shown, *(one for one in others if isinstance(one, Shown))]):
        found.tell(alert)
    found.accepted = before
    if found.alerts or (before is not None and shown.head.size < before.head.size):
        return
    wrong = heads.against(shown, before)
    if wrong is not None:
        found.tell(wrong)
    elif before is None or shown.head.size > before.head.size:
        grow(at, found)


def _uncounted(store: MonitorStore, found: Round, now_ms: int) -> Iterator[Alert]:
    """Whether people have waited for too long to be counted."""
    if found.accepted is None:
        return
    origin, size = found.accepted.head.origin, found.accepted.head.size
    since = store.standing(origin).uncounted_since
    if since is not None and since < now_ms - UNCOUNTED_MS:
        says = "nobody has been counted for hours: a proof that these are all is an old one"
        yield Alert(alarm=Alarm.STALE_INDEX, origin=origin, says=says, at=size)


def _beside(store: MonitorStore, other: Shown, accepted: Seen) -> Iterator[Alert]:
    """What a witness shows, held against the log as it was accepted."""
    head, mine = other.head, accepted.head
    if head.size > mine.size:
        says = f"a witness has seen {head.size} entries, and the log shows {mine.size}"
        notes = (other.note, accepted.note)
        yield Alert(alarm=Alarm.ROLLED_BACK, origin=head.origin, says=says, at=head.size, notes=notes)
        return
    same = store.at_size(head.origin, head.size)
    if same is not None and same.head.root != head.root:
        yield heads.split(other.note, same.note, head)
    elif same is None and root_at(store, head.origin, head.size) != head.root:
        says = f"a witness was shown another tree of {head.size} entries"
        notes = (other.note, accepted.note)
        yield Alert(alarm=Alarm.SPLIT_VIEW, origin=head.origin, says=says, at=head.size, notes=notes)
