"""The erasure horizon: how long after an erasure something could still be brought back from backups (vault.md §6.7).

Values die with the person's keys, and those live on in sealed backups of the key data base until the key of
their backup epoch is destroyed, `backup_days` after it was made. Tags in older backups of the data let somebody
who also has the index root confirm a guess; the root lives for `index_days` from its making, and then in backups
for `backup_days` more. What is published is the longer of the two: a promise should not be the shorter one.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """The two lives an operator decides, in whole days."""

    backup_days: int
    index_days: int

    def __post_init__(self) -> None:
        if self.backup_days < 1 or self.index_days < 1:
            raise ValueError("a horizon is at least one day")

    @property
    def values_days(self) -> int:
        """Until nobody can open an erased person's values, whatever backups they have."""
        return self.backup_days

    @property
    def tags_days(self) -> int:
        """Until nobody can confirm a guess about an erased person by tags in old backups."""
        return self.index_days + self.backup_days

    @property
    def days(self) -> int:
        """The published erasure horizon."""
        return max(self.values_days, self.tags_days)
