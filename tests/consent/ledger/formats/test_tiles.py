"""Tile coordinates against the C2SP examples."""

import json

import pytest

from consent.ledger.errors import Malformed
from consent.ledger.formats.tiles import Tile, bundle, entries_path, locate, parse_path, tiles_of
from tests.vectors import ledger_formats

KNOWN = json.loads(ledger_formats.FILE.with_name("ledger_known.json").read_text())


def test_tile_numbers_are_written_in_groups_of_three_digits():
    for number, text in KNOWN["paths"].items():
        assert Tile(0, int(number)).path == f"tile/0/{text}"
        assert entries_path(int(number)) == f"tile/entries/{text}"
    assert Tile(1, 1, 17).path == "tile/1/001.p/17"


@pytest.mark.parametrize("size", [0, 256, 70_000])
def test_a_size_has_the_published_full_and_partial_tiles(size: int):
    tiles = list(tiles_of(size))

    for level, full, partial in KNOWN["widths"][str(size)]:
        mine = [tile for tile in tiles if tile.level == level]
        assert [tile.width for tile in mine] == [256] * full + [partial] * bool(partial)
    assert {tile.level for tile in tiles} == {row[0] for row in KNOWN["widths"][str(size)]}


@pytest.mark.parametrize("size", [1, 255, 256, 257, 65_535, 65_536, 65_537])
def test_every_tile_of_a_size_ends_within_it(size: int):
    assert all(tile.end <= size for tile in tiles_of(size))


@pytest.mark.parametrize("tile", [Tile(0, 0), Tile(2, 1_234_067, 9), Tile(7, 3, 255)])
def test_a_path_is_read_back_to_its_tile(tile: Tile):
    assert parse_path(tile.path) == (tile, False)
    assert parse_path(entries_path(tile.n, tile.width)) == (Tile(0, tile.n, tile.width), True)


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0",
        "tile/0/x000/001",
        "tile/00/000",
        "tile/8/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/001/002",
        "tile/0/000/",
        "tile/8/0/000",
        "tile/data/000",
        "tile/0/٠٠٠",
    ],
)
def test_any_other_spelling_of_a_path_is_refused(path: str):
    with pytest.raises(Malformed):
        parse_path(path)


def test_a_subtree_is_found_in_the_tile_of_its_level():
    assert locate(0, 300) == (Tile(0, 1, 45), 44, 1)
    assert locate(7, 1) == (Tile(0, 0, 256), 128, 128)
    assert locate(8, 3) == (Tile(1, 0, 4), 3, 1)


def test_an_entry_bundle_puts_two_length_bytes_before_each_entry():
    assert bundle([b"ab", b""]) == b"\x00\x02ab\x00\x00"
