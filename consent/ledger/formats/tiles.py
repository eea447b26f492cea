"""Where hashes live in C2SP tlog-tiles: coordinates, paths and partial widths.

A tile is up to 256 hashes. Tile n of level L, slot i, covers the leaves
[(256 n + i) * 256^L, (256 n + i + 1) * 256^L). Levels above 0 hash full lower tiles only. A path is
`tile/<L>/<N>[.p/<W>]` with N in groups of three digits, all but the last prefixed by `x`; entry bundles put
the word `entries` in place of the level.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from consent.ledger.errors import Malformed
from consent.ledger.tree import HASH_BYTES, parents

WIDTH = 256
HEIGHT = 8
MAX_LEVEL = 7
"""256^8 leaves is 2^64: no size a log can reach has a tile above level 7."""

_MOST_CHARACTERS = 64
"""A tree of 2^64 leaves has none of more than 47."""

_PATH = re.compile(r"tile/(0|[1-9]\d?|entries)/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?")


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """One tile's place and how many of its 256 slots are meant (1..256)."""

    level: int
    n: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        return _path(str(self.level), self.n, self.width)

    @property
    def end(self) -> int:
        """The smallest tree size at which this tile has this width."""
        return (WIDTH * self.n + self.width) << HEIGHT * self.level


def entries_path(n: int, width: int = WIDTH) -> str:
    """The path of the entry bundle beside the level-0 tile `n`."""
    return _path("entries", n, width)


def parse_path(path: str) -> tuple[Tile, bool]:
    """The tile a path names, and whether its entry bundle is meant; raises Malformed for any other spelling."""
    match = _PATH.fullmatch(path) if path.isascii() and len(path) <= _MOST_CHARACTERS else None
    if match is None:
        raise Malformed("not a tile path")
    n = int(match[2].replace("x", "").replace("/", ""))
    level = 0 if match[1] == "entries" else int(match[1])
    tile = Tile(level, n, int(match[3] or WIDTH))
    known = entries_path(n, tile.width) if match[1] == "entries" else tile.path
    # Re-writing it refuses superfluous groups and a partial width of 256.
    if known != path or level > MAX_LEVEL:
        raise Malformed("not a tile path")
    return tile, match[1] == "entries"


def _path(level: str, n: int, width: int) -> str:
    digits = str(n)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    name = "/".join([*("x" + group for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{name}" + (f".p/{width}" if width < WIDTH else "")


def tiles_of(size: int) -> Iterator[Tile]:
    """Every tile of a tree of `size` leaves, full ones and the partial right edge, level by level."""
    for level in range(MAX_LEVEL + 1):
        hashes = size >> HEIGHT * level
        if not hashes:
            return
        full, rest = divmod(hashes, WIDTH)
        yield from (Tile(level, n) for n in range(full))
        if rest:
            yield Tile(level, full, rest)


def locate(level: int, index: int) -> tuple[Tile, int, int]:
    """Where a perfect subtree is found: the tile (with the width needed), its first slot and slot count."""
    tile_level, inside = divmod(level, HEIGHT)
    first = index << inside
    count = 1 << inside
    n, slot = divmod(first, WIDTH)
    return Tile(tile_level, n, slot + count), slot, count


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of neighbouring hashes."""
    row = hashes
    while len(row) > 1:
        row = parents(row)
    return row[0]


def split_hashes(data: bytes) -> list[bytes]:
    """The hashes inside a tile's bytes."""
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def split_bundle(data: bytes, count: int) -> list[bytes]:
    """The `count` entries inside an entry bundle's bytes; raises Malformed."""
    bodies: list[bytes] = []
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2])
        bodies.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    if at != len(data) or len(bodies) != count:
        raise Malformed("not an entry bundle of this width")
    return bodies


def bundle(bodies: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry behind its length as two bytes, big-endian."""
    return b"".join(len(body).to_bytes(2) + body for body in bodies)
