"""Holding a head that somebody shows against the one that was accepted before: pure, and the first thing a monitor does.

A head is read under the monitor's own policy. Smaller than what was accepted, or of the same size with another
root, is a lie whose proof are the two notes; which of two channels told it makes no difference.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter

from consent.ledger.bundles.fraud import FraudProof, Lie
from consent.ledger.errors import LedgerError, Unproven
from consent.ledger.formats import checkpoint, cosignature, note
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.policy import NOBODY, Policy
from consent.ledger.monitor.alerts import Alarm, Alert
from consent.ledger.monitor.store import Seen

STALE_MS = 30 * 60_000
"""A log signs when it grows, and its witnesses renew their word at least so often."""

UNMOVED_MS = 86_400_000
"""How long a log without witnesses may show one head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A head as it was shown: the exact note, and when the quorum had cosigned it (POSIX seconds; None where it has not)."""

    head: Checkpoint
    note: bytes
    cosigned_s: int | None


def read(data: bytes, origin: str, policy: Policy) -> Shown | Alert:
    """The head in a note, or the alarm that it is none of this log."""
    try:
        head = checkpoint.verify(data, [key for key in policy.logs if key.name == origin])
        cosigned = cosignature.verify(note.parse(data), [one.key for one in policy.witnesses])
    except Unproven:
        return Alert(alarm=Alarm.UNSIGNED, origin=origin, says="a head that is not signed as it must be")
    except LedgerError:
        return Alert(alarm=Alarm.UNREADABLE, origin=origin, says="what is shown as a head is none")
    if head.origin != origin:
        return Alert(alarm=Alarm.UNREADABLE, origin=origin, says="a head of another log")
    # The quorum had seen it when the last of the first witnesses that are enough had.
    times = sorted(((one.at_s, one.key) for one in cosigned), key=itemgetter(0))
    enough = next(
        (
            at_s
            for count, (at_s, _) in enumerate(times, 1)
            if policy.witnessed_by([key for _, key in times[:count]])
        ),
        None,
    )
    return Shown(head=head, note=data, cosigned_s=enough)


def against(shown: Shown, before: Seen | None) -> Alert | None:
    """What is wrong with a head after the one that was accepted; a larger one is only held against its entries."""
    if before is None or shown.head.size > before.head.size:
        return None
    head, known = shown.head, before.head
    if head == known:
        return None
    if head.size < known.size:
        says = f"the log shows {head.size} entries after it has signed {known.size}"
        notes = (shown.note, before.note)
        return Alert(alarm=Alarm.ROLLED_BACK, origin=head.origin, says=says, at=head.size, notes=notes)
    return split(shown.note, before.note, head)


def beyond(end: Checkpoint, shown: Iterable[Shown]) -> Iterator[Alert]:
    """Whether a log that was given up shows another head than the one it ended with, or a larger one."""
    for one in shown:
        head = one.head
        if head.size > end.size:
            says = f"{head.size} entries are signed, and the log was given up at {end.size}"
            yield Alert(alarm=Alarm.AFTER_CLOSING, origin=end.origin, says=says, at=head.size)
        elif head.size == end.size and head.root != end.root:
            says = f"another head of size {end.size} is signed than the one the log was given up with"
            yield Alert(alarm=Alarm.SPLIT_VIEW, origin=end.origin, says=says, at=head.size)


def split(one: bytes, other: bytes, head: Checkpoint) -> Alert:
    """Two notes of one size and two roots."""
    proof = FraudProof(kind=Lie.SPLIT_VIEW, checkpoint=one, other=other)
    says = f"the log signed two heads of size {head.size}"
    return Alert(
        alarm=Alarm.SPLIT_VIEW,
        origin=head.origin,
        says=says,
        at=head.size,
        evidence=bytes(proof),
        notes=(one, other),
    )


def freshness(shown: Shown, policy: Policy, now_ms: int, before: Seen | None) -> Iterator[Alert]:
    """Whether the head is of today, and its quorum's; `before` is what was accepted of a log that has not ended.

    Where no witness renews its word, a head that is shown for a day is all there is to go by.
    """
    origin, size = shown.head.origin, shown.head.size
    if policy.quorum == NOBODY:
        if before is not None and before.head == shown.head and before.seen_at < now_ms - UNMOVED_MS:
            says = (
                "the log shows the same head for a day, and has no witness to say that there is no newer one"
            )
            yield Alert(alarm=Alarm.STALE, origin=origin, says=says, at=size)
        return
    if shown.cosigned_s is None:
        yield Alert(alarm=Alarm.UNWITNESSED, origin=origin, says="the head lacks its quorum", at=size)
    elif shown.cosigned_s * 1000 < now_ms - STALE_MS:
        yield Alert(alarm=Alarm.STALE, origin=origin, says="no witness has seen the log lately", at=size)
