"""Writes a leaked file of any size whose truth is known: who is in it, and which rows are nobody of ours.

The file is a GB18030 CSV with a Chinese header; about half of the values are respelt and a few rows are
ragged, as in `api.demo.leak`. Rows about strangers share no key value with the city.
"""

import csv
import io
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from api.demo.city import Citizen, citizens, strangers
from api.demo.leak import HEADINGS, RAGGED, REFORMATTED, reformat

FIELDS = ("name", "phone", "email")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """The file and its truth: numbers of the citizens who stand in it."""

    path: Path
    rows: int
    citizens: frozenset[int]
    size_bytes: int


def write_dump(path: Path, *, seed: int, rows: int, numbers: Iterable[int], city: int) -> Planted:
    """Write `rows` rows in random order: one per citizen of the city (by its seed), strangers for the rest."""
    dice = random.Random(seed)
    inside = frozenset(numbers)
    lines = [_line(person, dice) for number in sorted(inside) for person in citizens(city, 1, number)]
    lines += [_line(person, dice) for person in strangers(city, rows - len(inside))]
    dice.shuffle(lines)
    with path.open("w", encoding="gb18030", newline="") as file:
        file.write(_csv([HEADINGS[name] for name in FIELDS]))
        file.writelines(lines)
    return Planted(path=path, rows=len(lines), citizens=inside, size_bytes=path.stat().st_size)


def _line(person: Citizen, dice: random.Random) -> str:
    values = person.values()
    cells = [values[name] for name in FIELDS]
    if dice.random() < REFORMATTED:
        cells = [reformat(name, cell, dice) for name, cell in zip(FIELDS, cells, strict=True)]
    if dice.random() < RAGGED:
        cells.append("VIP")
    return _csv(cells)


def _csv(cells: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
