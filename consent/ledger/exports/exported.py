"""Checking a log that stands in files: every tile, every entry where there are any, and the root that was signed.

The tree is the one `export` writes and any tlog-tiles log serves: a checkpoint beside `tile/`. No data base and
no key but public ones; whoever keeps such a tree can say years later what is missing in it or has changed, and
where.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from consent.ledger.bundles import layout
from consent.ledger.checking.fsck import Finding, Progress
from consent.ledger.errors import LedgerError, Malformed, Unproven
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.policy import Policy
from consent.ledger.formats.tiles import (
    HEIGHT,
    WIDTH,
    Tile,
    entries_path,
    locate,
    perfect_root,
    split_bundle,
    split_hashes,
    tiles_of,
)
from consent.ledger.origin import parse_origin
from consent.ledger.tree import HASH_BYTES, leaf_hash, range_hash

CHECKPOINT = "checkpoint"
ENTRIES = "tile/entries"


def check_tree(folder: Path, policy: Policy) -> Iterator[Progress | Finding]:
    """Check every log below `folder`; one that the policy names must be there. No finding means all is whole."""
    found: set[str] = set()
    for file in sorted(folder.glob(f"log/*/*/{CHECKPOINT}")):
        place = file.parent
        name = place.relative_to(folder).as_posix()
        try:
            head = policy.accept(file.read_bytes()).checkpoint
            _refuse_another(head, name)
        except LedgerError as error:
            yield Finding(name, f"{CHECKPOINT}: {error}")
            continue
        found.add(head.origin)
        yield from check_log(place, head)
    for origin in sorted({key.name for key in policy.logs} - found):
        yield Finding(origin, "no checkpoint of this log that holds")


def check_log(place: Path, head: Checkpoint) -> Iterator[Progress | Finding]:
    """Check the tiles below `place` against a head that is believed, and the entries if any are kept there."""
    state = _Read(place, head, entries=(place / ENTRIES).is_dir())
    lower: list[bytes] = []
    for level, tiles in groupby(tiles_of(head.size), key=lambda tile: tile.level):
        roots: list[bytes] = []
        for tile in tiles:
            expected = lower[WIDTH * tile.n : WIDTH * tile.n + tile.width] if level else None
            try:
                roots += state.take(tile, expected)
            except LedgerError as error:
                yield Finding(head.origin, str(error), tile.n)
                return
            if not level:
                yield Progress(head.origin, tile.end, head.size)
        lower = roots
    if range_hash(state.hash_at, 0, head.size) != head.root:
        yield Finding(head.origin, "the tiles do not lead to the signed root", head.size)


def root_at(place: Path, head: Checkpoint, size: int) -> bytes:
    """The root over the first `size` entries, from tiles of the tree under `head` that are checked already."""

    def hash_at(level: int, index: int) -> bytes:
        tile, slot, count = locate(level, index)
        width = min(WIDTH, (head.size >> HEIGHT * tile.level) - WIDTH * tile.n)
        data = (place / Tile(tile.level, tile.n, width).path).read_bytes()
        return perfect_root(split_hashes(data)[slot : slot + count])

    return range_hash(hash_at, 0, size)


def _refuse_another(head: Checkpoint, name: str) -> None:
    if layout.folder_name(parse_origin(head.origin)[1]) != name:
        raise Unproven("of another log")


@dataclass(slots=True)
class _Read:
    """The files of one log; `edge` are the hashes of its partial tiles by level, which the root is made of."""

    place: Path
    head: Checkpoint
    entries: bool
    edge: dict[int, list[bytes]] = field(default_factory=dict)

    def take(self, tile: Tile, expected: list[bytes] | None) -> list[bytes]:
        """The root of a tile that is full; raises when it is not what the level below, or its entries, give."""
        data = self._read(tile.path)
        if len(data) != HASH_BYTES * tile.width:
            raise Malformed(f"{tile.path} is of another length")
        hashes = split_hashes(data)
        if expected is not None and hashes != expected:
            raise Unproven(f"{tile.path} is not what the tiles below it give")
        if self.entries and tile.level == 0:
            self._check_bundle(tile, hashes)
        if tile.width == WIDTH:
            return [perfect_root(hashes)]
        self.edge[tile.level] = hashes
        return []

    def hash_at(self, level: int, index: int) -> bytes:
        """A perfect subtree on the right edge; all of those lie in partial tiles."""
        tile, slot, count = locate(level, index)
        return perfect_root(self.edge[tile.level][slot : slot + count])

    def _check_bundle(self, tile: Tile, hashes: list[bytes]) -> None:
        path = entries_path(tile.n, tile.width)
        bodies = split_bundle(self._read(path), len(hashes))
        # Which of the two was changed cannot be told from these two.
        if [leaf_hash(body) for body in bodies] != hashes:
            raise Unproven(f"{path} and {tile.path} disagree")

    def _read(self, path: str) -> bytes:
        try:
            return (self.place / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise Malformed(f"{path} is missing") from None
