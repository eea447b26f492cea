"""The file a careless or dishonest app lets out: some of what it received, written the way such files really look.

Decides: a GB18030 CSV with a Chinese header; a good part of the values reformatted (country codes, blanks, hyphens,
full-width digits, upper-case mail); some rows with too few or too many cells; strangers mixed in; the order shuffled.
Nothing in it says who wrote it.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HEADINGS = {"name": "姓名", "phone": "手机号", "email": "邮箱", "resident_id": "身份证号"}
REFORMATTED = 0.45
RAGGED = 0.03
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """What was written: counts of rows by where they came from and how they were treated."""

    path: Path
    rows: int
    from_app: int
    strangers: int
    reformatted: int
    ragged: int
    size_bytes: int


def write_leak(
    path: Path,
    received: Sequence[Mapping[str, str]],
    strangers: Iterable[Mapping[str, str]],
    fields: Sequence[str],
    *,
    seed: int,
) -> Leak:
    """Write the file of `received` and `strangers` values (field code to value); returns what was done to them."""
    dice = random.Random(seed)
    others = list(strangers)
    rows = [[person.get(field, "") for field in fields] for person in [*received, *others]]
    reformatted = sum(_disguise(row, fields, dice) for row in rows)
    ragged = sum(_damage(row, dice) for row in rows)
    dice.shuffle(rows)
    with path.open("w", encoding="gb18030", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([HEADINGS[field] for field in fields])
        writer.writerows(rows)
    return Leak(
        path=path,
        rows=len(rows),
        from_app=len(received),
        strangers=len(others),
        reformatted=reformatted,
        ragged=ragged,
        size_bytes=path.stat().st_size,
    )


def _disguise(row: list[str], fields: Sequence[str], dice: random.Random) -> bool:
    if dice.random() >= REFORMATTED:
        return False
    for position, field in enumerate(fields):
        row[position] = reformat(field, row[position], dice)
    return True


def _damage(row: list[str], dice: random.Random) -> bool:
    """Cut the last cell off, or append stray ones, as hand-edited exports do."""
    if dice.random() >= RAGGED or len(row) < 2:
        return False
    if dice.random() < 0.5:
        row.pop()
    else:
        row.extend(["VIP", ""])
    return True


def reformat(field: str, value: str, dice: random.Random) -> str:
    """Another spelling of the same value."""
    if field == "phone":
        return dice.choice(_PHONE)(value)
    if field == "email":
        return dice.choice((value.upper(), value.title(), f" {value} "))
    if field == "resident_id":
        return dice.choice(
            (value.lower(), f"{value[:6]} {value[6:14]} {value[14:]}", value.translate(_FULL_WIDTH))
        )
    return value


_PHONE = (
    lambda value: f"+86{value}",
    lambda value: f"+86 {value[:3]} {value[3:7]} {value[7:]}",
    lambda value: f"0086{value}",
    lambda value: f"{value[:3]}-{value[3:7]}-{value[7:]}",
    lambda value: f"{value[:3]} {value[3:7]} {value[7:]}",
    lambda value: value.translate(_FULL_WIDTH),
)
