"""Whether a log's public tiles are made of its entries: level 0 hash by hash, the slots above as they become full.

Whoever reads entries bundle by bundle fetches what stands above each (`fetch`) and holds it against the leaves
(`check`). The older slots of a tile above were held against their leaves when those were read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from consent.ledger.formats.tiles import HEIGHT, WIDTH, Tile, perfect_root, split_hashes
from consent.ledger.monitor.alerts import Alarm, Alert
from consent.ledger.monitor.reading import Reader


@dataclass(slots=True)
class PublicTiles:
    """The tiles of one log at the signed size `size`; of each level the one that was needed last is kept."""

    reader: Reader
    origin: str
    size: int
    _given: dict[int, tuple[int, list[bytes]]] = field(default_factory=dict)
    _told: set[tuple[int, int]] = field(default_factory=set)

    def fetch(self, n: int) -> None:
        """Read level-0 tile `n` and the tiles in which it fills a slot; raises OSError."""
        for level, at, _ in self._above(n):
            if self._given.get(level, (-1, []))[0] != at:
                wanted = Tile(level, at, self._width(level, at))
                self._given[level] = at, split_hashes(self.reader.tile(wanted))

    def check(self, n: int, leaves: Sequence[bytes]) -> Iterator[Alert]:
        """What of these tiles is not made of the leaf hashes of bundle `n`; each tile is named once."""
        below = list(leaves)
        for level, at, slot in self._above(n):
            given = self._given[level][1]
            whole = len(given) == self._width(level, at)
            if not whole or (given != below if level == 0 else given[slot] != perfect_root(below)):
                yield from self._alert(level, at)
                return
            below = given

    def _alert(self, level: int, at: int) -> Iterator[Alert]:
        if (level, at) not in self._told:
            self._told.add((level, at))
            says = f"a tile of level {level} is not made of its entries"
            yield Alert(alarm=Alarm.WRONG_TILE, origin=self.origin, says=says, at=at)

    def _above(self, n: int) -> Iterator[tuple[int, int, int]]:
        """Level and number of the tile beside bundle `n`, and of each with the slot that is full with it."""
        level, at, full = 0, n, WIDTH * (n + 1) <= self.size
        yield 0, n, 0
        while full:
            level += 1
            at, slot = divmod(at, WIDTH)
            yield level, at, slot
            full = slot == WIDTH - 1

    def _width(self, level: int, at: int) -> int:
        """How wide a tile is at this size: only what is published can be asked for."""
        return min(WIDTH, (self.size >> HEIGHT * level) - at * WIDTH)
