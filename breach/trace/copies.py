"""Our own store as the source: when the copy was taken, and which backup it can be.

A backup is a copy of the store at a moment we know. What it held is told by counting versions, never person by
person; among backups, and against a copy at any other moment, they are told apart by the versions found alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from breach.trace.dating import Dated, Held, Timeline, date_leak, held_at

MOST_LISTED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """`values`: different values found; `dated`: the moment of a copy that shows them; `made`: how many backups were
    made before the file came in; `backups`: the likeliest of them, best first.
    """

    values: int
    dated: Dated | None
    made: int
    backups: tuple[Held, ...]

    @classmethod
    def of(cls, timeline: Timeline, made: Sequence[int]) -> Self:
        """From what the store held when, and when backups were made (Unix ms)."""
        return cls(
            values=timeline.rows,
            dated=date_leak(timeline),
            made=len(made),
            backups=tuple(held_at(timeline, made)[:MOST_LISTED]),
        )
