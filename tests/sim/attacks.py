"""What leakers who know how marks work do to their copies before they publish them (tracing.md §2.4, §3)."""

import random
from collections.abc import Mapping, Sequence

from consent.marks.carriers import read, serve
from vault.fields import FIELDS

FIELDS_OF = ("name", "phone", "email")

type Row = list[str]
type Copies = Sequence[Sequence[Row]]
"""One copy for each leaker; row n of every copy is about the same person."""


def lone(copies: Copies, _: random.Random) -> list[Row]:
    """One leaker's copy as it is."""
    return list(copies[0])


def union(copies: Copies, rng: random.Random) -> list[Row]:
    """Each person's row from one of the leakers."""
    return [list(rng.choice(rows)) for rows in zip(*copies, strict=True)]


def heap(copies: Copies, rng: random.Random) -> list[Row]:
    """All copies in one file, in any order."""
    rows = [row for copy in copies for row in copy]
    return rng.sample(rows, len(rows))


def mixing(copies: Copies, rng: random.Random) -> list[Row]:
    """Each cell from one of the leakers."""
    return [[rng.choice(cells) for cells in zip(*rows, strict=True)] for rows in zip(*copies, strict=True)]


def majority(copies: Copies, _: random.Random) -> list[Row]:
    """Each mark in the form that most of them have."""
    return _rewritten(copies, lambda bits: int(2 * sum(bits) > len(bits)))


def minority(copies: Copies, _: random.Random) -> list[Row]:
    """Each mark in the form that fewest of them have."""
    return _rewritten(copies, lambda bits: bits[0] if len(set(bits)) == 1 else int(2 * sum(bits) < len(bits)))


def ones(copies: Copies, _: random.Random) -> list[Row]:
    """Each mark as a 1 where any of them has one."""
    return _rewritten(copies, max)


def scrubbing(copies: Copies, rng: random.Random) -> list[Row]:
    """Every value cleaned."""
    return [
        [FIELDS[field].stored(cell) for field, cell in zip(FIELDS_OF, row, strict=True)]
        for row in union(copies, rng)
    ]


def half_scrubbed(copies: Copies, rng: random.Random) -> list[Row]:
    """Blanks and hyphens taken out, and small letters throughout: what a hurried script does."""
    return [[row[0], row[1].replace(" ", "").replace("-", ""), row[2].lower()] for row in union(copies, rng)]


def column_drop(copies: Copies, rng: random.Random) -> list[Row]:
    """Without the e-mail addresses."""
    return [[row[0], row[1], ""] for row in union(copies, rng)]


def shuffling(copies: Copies, rng: random.Random) -> list[Row]:
    """Rows in any order, and columns in another."""
    rows = [[row[2], row[0], row[1]] for row in union(copies, rng)]
    return rng.sample(rows, len(rows))


def padding(copies: Copies, rng: random.Random) -> list[Row]:
    """Three times as many rows about strangers, written in the same forms."""
    rows = union(copies, rng)
    for n in range(3 * len(rows)):
        bits = {code: rng.randint(0, 1) for code in read("phone", rows[0][1])}
        rows.append([f"Stranger {n}", serve("phone", f"188{n:08d}", bits), f"stranger{n}@Example.Net"])
    return rng.sample(rows, len(rows))


def _rewritten(copies: Copies, choose) -> list[Row]:
    rows = []
    for same in zip(*copies, strict=True):
        cells = [same[0][0]]
        for at, field in ((1, "phone"), (2, "email")):
            seen = [read(field, row[at]) for row in same]
            bits = {code: choose([one[code] for one in seen]) for code in _shared(seen)}
            cells.append(serve(field, FIELDS[field].stored(same[0][at]), bits))
        rows.append(cells)
    return rows


def _shared(seen: Sequence[Mapping[str, int]]) -> list[str]:
    return sorted(set.intersection(*map(set, seen)))
