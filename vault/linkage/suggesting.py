"""Whom the rows of a file may be about, by blind codes: people are gone through in pages, nobody is opened.

A row is answered with everybody who is alike enough, or, when there are more than `MOST`, only with that: what fits
so many says nothing. The answer does not depend on the order of the pages.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sqlalchemy import select, tuple_

from vault.ids import Bucket, Person, SubjectId
from vault.linkage.codes import Codes, Record
from vault.linkage.keeping import Keeper
from vault.linkage.likeness import ALIKE, Blocked
from vault.linkage.tables import linkage_code
from vault.opening import Vault
from vault.tables import person

MOST: Final = 64
"""How many people a row may suggest at most."""

_PAGE: Final = 10_000
_ROWS: Final = 20_000

type Report = Callable[[int], None]
"""Called after each page with how many people have been gone through."""


class Suggestion(NamedTuple):
    """A person a row may be about, and how alike the two are (0 to 1)."""

    row: int
    person: Person
    likeness: float


@dataclass(frozen=True, slots=True)
class Suggested:
    """`found`, sorted; `crowded`: rows that more than `MOST` people are like."""

    found: tuple[Suggestion, ...] = ()
    crowded: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Gathered:
    best: dict[tuple[int, Person], float] = field(default_factory=dict)
    many: Counter[int] = field(default_factory=Counter)

    def add(self, row: int, who: Person, likeness: float) -> None:
        known = self.best.get((row, who))
        if known is None:
            self.many[row] += 1
        if self.many[row] <= MOST:
            self.best[row, who] = max(likeness, known or 0.0)

    def suggested(self, start: int) -> Suggested:
        crowded = frozenset(row for row, count in self.many.items() if count > MOST)
        found = sorted(
            Suggestion(start + row, who, round(likeness, 6))
            for (row, who), likeness in self.best.items()
            if row not in crowded
        )
        return Suggested(tuple(found), frozenset(start + row for row in crowded))


def suggest(
    vault: Vault, records: Sequence[Record], *, least: float = ALIKE, report: Report | None = None
) -> Suggested:
    """For each record, by its place, whom it may be about; only people whose codes are made are thought of."""
    keeper = Keeper(vault.keyring.tag_keys)
    found: list[Suggestion] = []
    crowded: set[int] = set()
    for start in range(0, len(records), _ROWS):
        part = _part(vault, keeper, records[start : start + _ROWS], least, report)
        suggested = part.suggested(start)
        found += suggested.found
        crowded |= suggested.crowded
    return Suggested(tuple(found), frozenset(crowded))


def _part(
    vault: Vault, keeper: Keeper, records: Sequence[Record], least: float, report: Report | None
) -> _Gathered:
    gathered, gone = _Gathered(), 0
    rows = Blocked(keeper.encoder.encode(records))
    for people, codes, owners in _pages(vault, keeper):
        pairs = rows.pairs(codes, least)
        for row, code, likeness in zip(*(column.tolist() for column in pairs), strict=True):
            gathered.add(row, people[owners[code]], likeness)
        gone += len(people)
        if report:
            report(gone)
    return gathered


def _pages(vault: Vault, keeper: Keeper) -> Iterator[tuple[list[Person], Codes, list[int]]]:
    """Everybody's codes of the epoch that is read, page by page, with whose each is."""
    first, many = vault.installation.buckets
    code = linkage_code.c
    query = (
        select(code.bucket, code.subject, code.sealed)
        .join(person, (person.c.bucket == code.bucket) & (person.c.subject == code.subject))
        .where(
            code.epoch == keeper.epoch,
            code.bucket.between(first, first + many - 1),
            person.c.state != "erased",
        )
        .order_by(code.bucket, code.subject)
        .limit(_PAGE)
    )
    after: Person | None = None
    while True:
        with vault.data.read() as conn:
            here = query if after is None else query.where(tuple_(code.bucket, code.subject) > after)
            page = [((Bucket(row[0]), SubjectId(row[1])), row[2]) for row in conn.execute(here)]
        if page:
            yield [who for who, _ in page], *keeper.open(page)
        if len(page) < _PAGE:
            return
        after = page[-1][0]
