"""How a monitor reads one log: every answer is a stranger's bytes, and no answer is an OSError."""

from collections.abc import Sequence
from typing import Protocol

from consent.ledger.formats.tiles import Tile


class OutOfTime(OSError):
    """Nothing is wrong with the log's answers so far; there is no time left for more of them."""


class Reader(Protocol):
    """One log, as it shows itself and as its witnesses have seen it."""

    def head(self) -> bytes:
        """The newest checkpoint."""
        ...

    def tile(self, wanted: Tile) -> bytes:
        """A tile of hashes, full or as wide as `wanted` says."""
        ...

    def entries(self, n: int, width: int) -> bytes:
        """The entries beside level-0 tile `n`."""
        ...

    def rows(self, upto: int, n: int, width: int) -> bytes:
        """The rows beside level-0 tile `n` of the tree over the index of the first `upto` entries."""
        ...

    def witnessed(self) -> Sequence[bytes]:
        """The checkpoints that witnesses show of this log, of as many as answer."""
        ...
