"""Which edition of a year's log is open for a bucket, as far as this process knows.

It is the first, but where a log was given up. The vault itself knows nothing of logs: it keeps this beside the
data base that it is about, for everybody who has that open, and the ledger says what is in it
(`consent.ledger.open_now`).
"""

from collections.abc import Mapping


class Editions:
    """The editions after the first, by bucket and calendar year. Thread-safe: what is known is replaced as a whole."""

    __slots__ = ("_later",)

    def __init__(self) -> None:
        self._later: Mapping[tuple[int, int], int] = {}

    def learn(self, later: Mapping[tuple[int, int], int]) -> None:
        """Know this from now on, and nothing else."""
        self._later = dict(later)

    def of(self, bucket: int, year: int) -> int:
        """The edition that is open for a bucket in a calendar year: 1 unless another is known."""
        return self._later.get((bucket, year), 1)
