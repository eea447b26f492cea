"""Turning an alarm into a proof of the lie, where one fits into a file: two entries of one tag with their paths.

The paths are read from the log's own tiles. A log that will not give them has been caught all the same; its alert goes
out without.
"""

from dataclasses import replace
from typing import Final

from consent.ledger.entry import parse as parse_entry
from consent.ledger.errors import LedgerError
from consent.ledger.fraud import FraudProof, Included, Lie, verify
from consent.ledger.monitor.alerts import Alarm, Alert
from consent.ledger.monitor.heads import Shown
from consent.ledger.monitor.reading import Reader
from consent.ledger.monitor.store import MonitorStore
from consent.ledger.policy import Policy
from consent.ledger.tiles import HEIGHT, WIDTH, Tile, locate, perfect_root, split_bundle, split_hashes
from consent.ledger.tree import inclusion_path

_LIES: Final = {Alarm.PARALLEL_CHAIN: (Lie.PARALLEL_CHAIN, 0), Alarm.BROKEN_CHAIN: (Lie.BROKEN_CHAIN, 1)}
"""Which lie an alarm is about, and by how much the other entry's number is below that of this one."""


def proven(reader: Reader, store: MonitorStore, policy: Policy, shown: Shown, alert: Alert) -> Alert:
    """The alert with its proof, if it can have one."""
    lie = _LIES.get(alert.alarm)
    if lie is None or alert.at is None:
        return alert
    try:
        proof = _pair(reader, store, shown, lie, alert.at)
        if proof is not None:
            verify(proof, policy.logs)
            return replace(alert, evidence=bytes(proof))
    except (LedgerError, OSError):
        pass
    return alert


def _pair(
    reader: Reader, store: MonitorStore, shown: Shown, lie: tuple[Lie, int], idx: int
) -> FraudProof | None:
    kind, below = lie
    body = _body(reader, idx, shown.head.size)
    entry = parse_entry(body)
    other = store.numbered(shown.head.origin, entry.tag, entry.n - below)
    if other is None or other.idx == idx:
        return None
    bodies = {idx: body, other.idx: _body(reader, other.idx, shown.head.size)}
    entries = tuple(
        Included(bodies[at], at, tuple(_path(reader, at, shown.head.size))) for at in (other.idx, idx)
    )
    return FraudProof(kind=kind, checkpoint=shown.note, entries=entries)


def _body(reader: Reader, idx: int, size: int) -> bytes:
    n, at = divmod(idx, WIDTH)
    width = min(WIDTH, size - n * WIDTH)
    return split_bundle(reader.entries(n, width), width)[at]


def _path(reader: Reader, idx: int, size: int) -> list[bytes]:
    def hash_at(level: int, index: int) -> bytes:
        wanted, slot, count = locate(level, index)
        # Only what is published can be asked for: the tile as wide as it is at this size.
        width = min(WIDTH, (size >> HEIGHT * wanted.level) - wanted.n * WIDTH)
        return perfect_root(
            split_hashes(reader.tile(Tile(wanted.level, wanted.n, width)))[slot : slot + count]
        )

    return inclusion_path(hash_at, idx, size)
