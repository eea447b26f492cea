"""Proofs and tiles from the data base against the tree computed in memory."""

import random

import pytest
from sqlalchemy import text

from consent.ledger import prove
from consent.ledger.errors import LedgerAlarm
from consent.ledger.formats.tiles import Tile, perfect_root, split_hashes, tiles_of
from consent.ledger.tree import EMPTY, verify_consistency, verify_inclusion
from tests.backends import Backend
from tests.consent.ledger.kit import LOG, grow, insider

SIZE = 600


def test_every_leaf_is_provable_at_every_kind_of_size(backend: Backend):
    leaves = [at.leaf for at in grow(backend, SIZE)]
    dice = random.Random(1)

    with backend.data.read() as conn:
        for size in (1, 2, 255, 256, 257, 511, 512, 513, SIZE):
            root = EMPTY.extend(leaves[:size]).root()
            indices = sorted({0, size - 1, *(dice.randrange(size) for _ in range(20))})
            for index, path in zip(indices, prove.inclusion(conn, LOG, indices, size), strict=True):
                assert verify_inclusion(leaves[index], index, size, path, root)


def test_every_older_size_is_provably_a_prefix(backend: Backend):
    leaves = [at.leaf for at in grow(backend, SIZE)]
    roots = {size: EMPTY.extend(leaves[:size]).root() for size in range(1, SIZE + 1)}
    dice = random.Random(2)

    with backend.data.read() as conn:
        for new in (256, 300, 512, SIZE):
            for old in {1, 255, 256, new, *(dice.randrange(1, new) for _ in range(10))}:
                if old <= new:
                    path = prove.consistency(conn, LOG, old, new)
                    assert verify_consistency(old, new, roots[old], roots[new], path)


def test_tiles_of_a_size_hold_its_hashes_level_by_level(backend: Backend):
    leaves = [at.leaf for at in grow(backend, SIZE)]

    with backend.data.read() as conn:
        for size in (1, 256, SIZE):
            lowest: list[bytes] = []
            for tile in tiles_of(size):
                data = prove.tile(conn, LOG, tile)
                assert data is not None
                hashes = split_hashes(data)
                assert len(hashes) == tile.width
                if tile.level == 0:
                    lowest += hashes
                else:
                    tiles = [leaves[at : at + 256] for at in range(0, size // 256 * 256, 256)]
                    assert hashes == [perfect_root(tile) for tile in tiles]
            assert lowest == leaves[:size]


def test_a_tile_beyond_the_end_is_not_there(backend: Backend):
    grow(backend, 10)

    with backend.data.read() as conn:
        assert prove.tile(conn, LOG, Tile(0, 0, 10)) is not None
        assert prove.tile(conn, LOG, Tile(0, 0, 11)) is None
        assert prove.tile(conn, LOG, Tile(1, 0, 1)) is None
        assert prove.entry_bundle(conn, LOG, 0, 11) is None


def test_an_entry_bundle_repeats_the_exact_bytes(backend: Backend):
    positions = grow(backend, 5)

    with backend.data.read() as conn:
        data = prove.entry_bundle(conn, LOG, 0, 5)

    assert data == b"".join(len(at.body).to_bytes(2, "big") + at.body for at in positions)


def test_entries_come_back_in_the_order_asked(backend: Backend):
    positions = grow(backend, 9)

    with backend.data.read() as conn:
        found = prove.entries(conn, LOG, [4, 0, 8])
        with pytest.raises(KeyError):
            prove.entries(conn, LOG, [4, 9])

    assert found == [(positions[at].leaf, positions[at].body) for at in (4, 0, 8)]


def test_no_path_is_made_from_missing_hashes(backend: Backend):
    grow(backend, 300)
    with insider(backend) as conn:
        conn.execute(text("DELETE FROM ledger_tile"))
        conn.execute(text("DELETE FROM ledger_opening"))
        conn.execute(text("DELETE FROM ledger_entry WHERE idx = 299"))

    with backend.data.read() as conn, pytest.raises(LedgerAlarm):
        prove.inclusion(conn, LOG, [5], 300)
