"""Tiles above level 0, with logs long enough to fill them (leaf hashes only, so that it stays quick)."""

import pytest
from sqlalchemy import insert, select

from consent.ledger import prove
from consent.ledger.fill import Growth, write_full_tiles
from consent.ledger.formats.tiles import perfect_root, split_hashes
from consent.ledger.tables import entry, tile
from consent.ledger.tree import EMPTY, leaf_hash, verify_consistency, verify_inclusion
from tests.backends import Backend
from tests.consent.ledger.kit import LOG

SIZE = 65_536 + 300
LEAVES = [leaf_hash(at.to_bytes(4)) for at in range(SIZE)]


def _fill(backend: Backend, steps: list[int]) -> None:
    """Grow by leaf hashes alone: entry rows only where a partial tile will be read from them."""
    size = 0
    with backend.data.write() as conn:
        for step in steps:
            new = LEAVES[size : size + step]
            write_full_tiles(conn, [Growth(LOG, size, new)])
            size += step
            edge = range(size - size % 256, size)
            rows = [_row(at) for at in edge if at >= size - step]
            if rows:
                conn.execute(insert(entry), rows)


def _row(idx: int) -> dict[str, object]:
    row = {"bucket": LOG.bucket, "year": LOG.year, "idx": idx, "id": idx.to_bytes(16)}
    return row | {"leaf": LEAVES[idx], "body": b""}


@pytest.mark.parametrize("steps", [[SIZE], [65_000, 530, 6, 300], [65_535, 1, 300]])
def test_the_65_536th_leaf_fills_a_tile_of_level_1(backend: Backend, steps: list[int]):
    _fill(backend, steps)

    with backend.data.read() as conn:
        upper = conn.execute(select(tile.c.n, tile.c.data, tile.c.root).where(tile.c.level == 1)).all()
        lower = conn.execute(select(tile.c.root).where(tile.c.level == 0).order_by(tile.c.n)).scalars().all()
    assert len(lower) == 257
    assert [(row.n, split_hashes(row.data)) for row in upper] == [(0, lower[:256])]
    assert upper[0].root == perfect_root(LEAVES[:65_536])


def test_proofs_across_levels_hold(backend: Backend):
    _fill(backend, [SIZE])
    root, old_root = EMPTY.extend(LEAVES).root(), EMPTY.extend(LEAVES[:65_792]).root()

    with backend.data.read() as conn:
        indices = [0, 255, 256, 40_000, 65_535, 65_536, SIZE - 1]
        paths = prove.inclusion(conn, LOG, indices, SIZE)
        step = prove.consistency(conn, LOG, 65_792, SIZE)

    for index, path in zip(indices, paths, strict=True):
        assert verify_inclusion(LEAVES[index], index, SIZE, path, root)
    assert verify_consistency(65_792, SIZE, old_root, root, step)
