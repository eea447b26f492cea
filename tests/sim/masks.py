"""Simulated masked rows: people who share parts of their values, strangers whom some of them fit by chance."""

import random
from collections.abc import Sequence

ENDINGS = 10_000
NAMES = 100

type Parts = tuple[int, int]
"""What a row shows: an ending of a number, and a family name."""


def parts(dice: random.Random, count: int) -> list[Parts]:
    """The parts that so many people, or strangers, would show."""
    return [(dice.randrange(ENDINGS), dice.randrange(NAMES)) for _ in range(count)]


def fitting(population: Sequence[Parts], rows: Sequence[Parts]) -> list[int]:
    """The people of whom one row fits nobody else, once for each such row."""
    by_parts: dict[Parts, list[int]] = {}
    for person, shown in enumerate(population):
        by_parts.setdefault(shown, []).append(person)
    fits = [by_parts.get(row, []) for row in rows]
    return [people[0] for people in fits if len(people) == 1]


def controls(rows: Sequence[Parts]) -> list[Parts]:
    """Each row's ending with the family name of a row half the file away."""
    half = len(rows) // 2
    return [(row[0], other[1]) for row, other in zip(rows, [*rows[half:], *rows[:half]], strict=True)]
