"""Turning an alarm into a proof of the lie, where one fits into a file: two entries with their paths, or two
leaves of a fork.

The paths are read from the log's own tiles. A log that will not give them has been caught all the same; its
alert goes out without.
"""

from dataclasses import replace
from typing import Final

from consent.ledger.bundles.fraud import FraudProof, Included, Lie, verify
from consent.ledger.entries import log_entry
from consent.ledger.entries.entry import parse as parse_entry
from consent.ledger.entries.log_entry import Index
from consent.ledger.errors import LedgerError, Unproven
from consent.ledger.formats.policy import Policy
from consent.ledger.formats.tiles import HEIGHT, WIDTH, Tile, locate, perfect_root, split_bundle, split_hashes
from consent.ledger.monitor import index_evidence, known_tree
from consent.ledger.monitor.alerts import Alarm, Alert
from consent.ledger.monitor.heads import Shown
from consent.ledger.monitor.reading import Reader
from consent.ledger.monitor.store import MonitorStore, Seen
from consent.ledger.tree import HashAt, inclusion_path, subtrees

_LIES: Final = {
    Alarm.PARALLEL_CHAIN: Lie.PARALLEL_CHAIN,
    Alarm.BROKEN_CHAIN: Lie.BROKEN_CHAIN,
    Alarm.DUPLICATE_ID: Lie.DUPLICATE_ID,
    Alarm.AFTER_CLOSING: Lie.AFTER_CLOSING,
}
"""The lies that are told by two entries of one log."""


def proven(reader: Reader, store: MonitorStore, policy: Policy, shown: Shown, alert: Alert) -> Alert:
    """The alert with its proof, if it can have one."""
    lie = _LIES.get(alert.alarm)
    if alert.at is None or (lie is None and alert.alarm is not Alarm.WRONG_INDEX):
        return alert
    try:
        if lie is None:
            return _with(alert, _index(reader, store, shown, alert.at), policy)
        proof = _pair(reader, store, shown, lie, alert.at)
        return alert if proof is None else _with(alert, proof, policy)
    except (LedgerError, OSError, IndexError):
        return alert


def forked(
    reader: Reader, store: MonitorStore, policy: Policy, shown: Shown, before: Seen, alert: Alert
) -> Alert:
    """The alert with the first leaf in which the accepted head and the one that is shown differ, if they do."""
    origin = before.head.origin

    def mine(level: int, index: int) -> bytes:
        return known_tree.hash_at(store, origin, level, index)

    theirs = _public(reader, shown.head.size)
    try:
        idx = _first_difference(mine, theirs, before.head.size)
        if idx is None:
            return alert
        entries = tuple(
            Included(hash_at(0, idx), idx, tuple(inclusion_path(hash_at, idx, size)))
            for hash_at, size in ((mine, before.head.size), (theirs, shown.head.size))
        )
        proof = FraudProof(kind=Lie.FORKED, checkpoint=before.note, other=shown.note, entries=entries)
        return _with(alert, proof, policy)
    except (LedgerError, OSError, IndexError):
        return alert


def _with(alert: Alert, proof: FraudProof, policy: Policy) -> Alert:
    """The alert with a proof that holds; raises LedgerError."""
    verify(proof, policy.logs)
    return replace(alert, evidence=bytes(proof))


def _first_difference(one: HashAt, other: HashAt, size: int) -> int | None:
    """The first of `size` leaves in which two trees differ."""
    for level, index in subtrees(0, size):
        if one(level, index) != other(level, index):
            at = index
            for below in reversed(range(level)):
                at = 2 * at + (one(below, 2 * at) == other(below, 2 * at))
            return at
    return None


def _index(reader: Reader, store: MonitorStore, shown: Shown, idx: int) -> FraudProof:
    """The lie of the index at `idx`; raises OSError or LedgerError where its rows do not show one."""
    size = shown.head.size
    index = log_entry.parse(body := _body(reader, idx, size))
    if not isinstance(index, Index):
        raise Unproven("not an index")
    expected = {row[0]: row for row in store.rows_upto(shown.head.origin, index.upto)}
    lied = index_evidence.found(reader, index, expected)
    if lied is None:
        raise Unproven("the rows are what the entries give")
    hash_at = _public(reader, size)
    first = Included(body, idx, tuple(inclusion_path(hash_at, idx, size)))
    against = lied.idx
    if against is None:
        return index_evidence.proof(lied, shown.note, first, None)
    path = tuple(inclusion_path(hash_at, against, size))
    return index_evidence.proof(
        lied, shown.note, first, Included(_body(reader, against, size), against, path)
    )


def _pair(reader: Reader, store: MonitorStore, shown: Shown, lie: Lie, idx: int) -> FraudProof | None:
    size = shown.head.size
    body = _body(reader, idx, size)
    first = _before(store, shown.head.origin, lie, body)
    if first is None or first == idx:
        return None
    bodies = {idx: body, first: _body(reader, first, size)}
    hash_at = _public(reader, size)
    entries = tuple(Included(bodies[at], at, tuple(inclusion_path(hash_at, at, size))) for at in (first, idx))
    return FraudProof(kind=lie, checkpoint=shown.note, entries=entries)


def _before(store: MonitorStore, origin: str, lie: Lie, body: bytes) -> int | None:
    """The index of the entry that contradicts this one."""
    if lie is Lie.AFTER_CLOSING:
        return store.closing(origin)
    if lie is Lie.DUPLICATE_ID:
        found = log_entry.parse(body) if log_entry.is_about_log(body) else parse_entry(body)
        return store.with_id(origin, found.id)
    entry = parse_entry(body)
    other = store.numbered(origin, entry.tag, entry.n - (lie is Lie.BROKEN_CHAIN))
    return None if other is None else other.idx


def _body(reader: Reader, idx: int, size: int) -> bytes:
    n, at = divmod(idx, WIDTH)
    width = min(WIDTH, size - n * WIDTH)
    return split_bundle(reader.entries(n, width), width)[at]


def _public(reader: Reader, size: int) -> HashAt:
    """The hashes of a log's own tiles at this size."""

    def hash_at(level: int, index: int) -> bytes:
        wanted, slot, count = locate(level, index)
        # Only what is published can be asked for: the tile as wide as it is at this size.
        width = min(WIDTH, (size >> HEIGHT * wanted.level) - wanted.n * WIDTH)
        return perfect_root(
            split_hashes(reader.tile(Tile(wanted.level, wanted.n, width)))[slot : slot + count]
        )

    return hash_at
