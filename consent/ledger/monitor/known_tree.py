"""The tree over the entries that a monitor has read, from the leaf hashes it kept."""

from consent.ledger.formats.tiles import WIDTH, perfect_root
from consent.ledger.monitor.store import MonitorStore
from consent.ledger.recompute import RightEdge, absorb


def root_at(store: MonitorStore, origin: str, size: int) -> bytes:
    """The root over the first `size` entries of a log, all of which were read."""
    edge, page = RightEdge(0, {}), list[bytes]()
    for leaf in store.leaves_between(origin, 0, size):
        page.append(leaf)
        if len(page) == WIDTH * WIDTH:
            edge, page = absorb(edge, page), []
    return absorb(edge, page).root()


def hash_at(store: MonitorStore, origin: str, level: int, index: int) -> bytes:
    """The hash of the perfect subtree over the leaves [index * 2^level, (index + 1) * 2^level)."""
    return perfect_root(list(store.leaves_between(origin, index << level, (index + 1) << level)))
