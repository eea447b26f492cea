"""Logs of any length without their entries: full tiles, a head and a signed checkpoint, made from leaf hashes alone.

Leaf i is the hash of i as eight bytes. What is asked of a long log reads tiles, the entries of its last tile and its
newest checkpoint, so ten million leaves take 330 MB and a minute instead of gigabytes and hours. Such a log can be
appended to, indexed, proved from and signed; it cannot be checked from its first entry, which is not there.
"""

from itertools import batched
from typing import Any

from sqlalchemy import Connection, insert

from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.tiles import WIDTH, perfect_root
from consent.ledger.origin import LogId, origin_of
from consent.ledger.publishing.signer import Signer
from consent.ledger.recompute import RightEdge, absorb
from consent.ledger.tables import checkpoint, entry, head, subject_head, tile
from consent.ledger.tree import leaf_hash
from tests.consent.ledger.kit import NOW
from vault.storage.database import Database

_AT_ONCE = 512


def leaf_at(index: int) -> bytes:
    """The leaf hash that stands at `index` of every generated log."""
    return leaf_hash(index.to_bytes(8))


def tag_at(number: int) -> bytes:
    """The tag of person `number`: spread like real ones, and sorted differently than the numbers."""
    return leaf_hash(number.to_bytes(9))[:16]


def plant_log(data: Database, signer: Signer, log: LogId, size: int) -> bytes:
    """Make a log of `size` leaves in an empty place and return its root."""
    with data.write() as conn:
        edge = _plant_tiles(conn, log, size)
        last = [_entry(log, at) for at in range(size - size % WIDTH, size)]
        where: dict[str, Any] = {"bucket": log.bucket, "year": log.year, "size": size}
        right = {"root": edge.root(), "frontier": bytes(edge)}
        conn.execute(insert(head).values(**where, **right, ts=NOW))
        if last:
            conn.execute(insert(entry), last)
        note = signer.sign(Checkpoint(origin_of(signer.ledger_host, log), size, edge.root()))
        conn.execute(insert(checkpoint).values(**where, **right, note=note, created_at=NOW))
    return edge.root()


def plant_people(data: Database, log: LogId, count: int) -> None:
    """Give each of the log's first `count` leaves to a person of its own."""
    mine = {"bucket": log.bucket, "year": log.year, "n": 1}
    rows = ({**mine, "tag": tag_at(at), "leaf": leaf_at(at), "idx": at} for at in range(count))
    with data.write() as conn:
        for some in batched(rows, 32 * _AT_ONCE):
            conn.execute(insert(subject_head), list(some))


def _plant_tiles(conn: Connection, log: LogId, size: int) -> RightEdge:
    edge, roots = RightEdge(0, {}), []
    for some in batched(range(size // WIDTH), _AT_ONCE):
        tiles = [[leaf_at(WIDTH * n + slot) for slot in range(WIDTH)] for n in some]
        made = _insert(conn, log, 0, some[0], tiles)
        roots += made
        edge = absorb(edge, [leaf for one in tiles for leaf in one])
    level = 1
    while len(roots) >= WIDTH:
        full = [list(one) for one in batched(roots[: len(roots) - len(roots) % WIDTH], WIDTH)]
        roots = _insert(conn, log, level, 0, full)
        level += 1
    return absorb(edge, [leaf_at(at) for at in range(edge.size, size)])


def _insert(conn: Connection, log: LogId, level: int, first: int, tiles: list[list[bytes]]) -> list[bytes]:
    where = {"bucket": log.bucket, "year": log.year, "level": level}
    roots = [perfect_root(one) for one in tiles]
    rows = [
        {**where, "n": n, "root": root, "data": b"".join(one)}
        for n, (root, one) in enumerate(zip(roots, tiles, strict=True), first)
    ]
    conn.execute(insert(tile), rows)
    return roots


def _entry(log: LogId, at: int) -> dict[str, Any]:
    body = at.to_bytes(8)
    return {
        "bucket": log.bucket,
        "year": log.year,
        "idx": at,
        "id": at.to_bytes(16),
        "leaf": leaf_hash(body),
        "body": body,
    }
