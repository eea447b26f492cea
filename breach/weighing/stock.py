"""What our own store held of the values found, when: a copy of it, and a backup, shows it as of its moment."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from breach.trace.dating import Timeline
from breach.weighing.deliveries import Shown


@dataclass(slots=True)
class Stock:
    """The versions found, counted by when they began and ceased to be the current ones (Unix ms)."""

    changes: Counter[int] = field(default_factory=Counter)
    values: int = 0

    def add(self, versions: Iterable[Shown]) -> None:
        """Count versions found, each once."""
        for one in versions:
            self.values += 1
            self.changes[one.since] += 1
            if one.until is not None:
                self.changes[one.until] -= 1

    def timeline(self, until: int) -> Timeline:
        """What a copy of the store held as it was found, by when it was taken; the file came in at `until`."""
        return Timeline(
            changes=self.changes, rows=self.values, since=min(self.changes, default=until), until=until
        )
