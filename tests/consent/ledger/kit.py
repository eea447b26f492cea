"""What the ledger's tests share: items without a person behind them, and ways to damage a data base."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

from sqlalchemy import Connection, select, text

from consent.ledger.append import Item, Position, append
from consent.ledger.entries.entry import NO_PREVIOUS, Entry, Kind, parse
from consent.ledger.origin import LogId, year_of
from consent.ledger.tables import entry, head
from consent.ledger.tree import EMPTY, leaf_hash
from tests.backends import Backend
from vault.ids import SubjectId

HOST = "ledger.example/perusal"
NOW = 1_795_300_000_000
YEAR = year_of(NOW)
LOG = LogId(0, YEAR)
ROWS = ("ledger_entry", "ledger_tile", "ledger_checkpoint", "ledger_index")


def an_item(dice: random.Random, *, bucket: int = 0, tag: int = 0, kind: Kind = Kind.ACCESS) -> Item:
    """An item of the person number `tag`."""
    return Item(
        bucket=bucket,
        year=YEAR,
        kind=kind,
        tag=tag.to_bytes(16),
        id=dice.randbytes(16),
        commitment=dice.randbytes(32),
        subject=SubjectId(tag.to_bytes(16)),
        sealed_secret=dice.randbytes(110),
    )


def grow(backend: Backend, count: int, *, seed: int = 0, people: int = 5, batch: int = 300) -> list[Position]:
    """Append `count` entries to bucket 0."""
    dice = random.Random(seed)
    positions: list[Position] = []
    for start in range(0, count, batch):
        items = [an_item(dice, tag=dice.randrange(people)) for _ in range(min(batch, count - start))]
        with backend.data.write() as conn:
            positions += append(conn, items, NOW, HOST)
    return positions


@contextmanager
def insider(backend: Backend) -> Iterator[Connection]:
    """A transaction of somebody who can switch triggers off."""
    with backend.data.write() as conn:
        for table in ROWS:
            if backend.name == "postgresql":
                conn.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
            else:
                conn.execute(text(f"DROP TRIGGER {table}_no_update"))
                conn.execute(text(f"DROP TRIGGER {table}_no_delete"))
        if backend.name == "sqlite":
            conn.execute(text("PRAGMA defer_foreign_keys = ON"))
        yield conn


def assert_whole(backend: Backend, log: LogId = LOG) -> list[Entry]:
    """Every invariant of one log, computed from its bytes alone; the entries in order."""
    with backend.data.read() as conn:
        where = (entry.c.bucket == log.bucket) & (entry.c.year == log.year)
        rows = conn.execute(select(entry).where(where).order_by(entry.c.idx)).all()
        top = conn.execute(
            select(head.c.size, head.c.root).where(head.c.bucket == log.bucket, head.c.year == log.year)
        ).one()
    entries = [parse(row.body) for row in rows]
    assert [row.idx for row in rows] == list(range(top.size))
    assert [row.leaf for row in rows] == [leaf_hash(row.body) for row in rows]
    assert EMPTY.extend([row.leaf for row in rows]).root() == top.root
    assert all(before.ts <= after.ts for before, after in pairwise(entries))
    assert_chained(entries, [row.leaf for row in rows])
    return entries


def assert_chained(entries: Sequence[Entry], leaves: Sequence[bytes]) -> None:
    """n is 1, 2, 3 ... and p the leaf before, for every tag."""
    tails: dict[bytes, tuple[int, bytes]] = {}
    for one, leaf in zip(entries, leaves, strict=True):
        n, previous = tails.get(one.tag, (0, NO_PREVIOUS))
        assert (one.n, one.previous) == (n + 1, previous)
        tails[one.tag] = (one.n, leaf)
