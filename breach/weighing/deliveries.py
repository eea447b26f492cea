"""Who received what of the people found, and whether it was the version found: the ledger's rows beside the items."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from breach.matching.rows import Item
from consent import exposure as received
from consent.staff import insiders
from vault.ids import Person
from vault.reading import records
from vault.tags import Hit

type Deliveries = dict[str, dict[int, list[int]]]
"""field -> recipient number -> times (Unix ms) of the disclosures that showed it, in order."""


@dataclass(frozen=True, slots=True)
class Shown:
    """When a version was current: Unix ms, `until` exclusive and None while it still is."""

    since: int
    until: int | None

    def shows(self, at: int) -> bool:
        """Whether a disclosure at this time showed the version."""
        return self.since <= at and (self.until is None or at < self.until)


def windows(conn: Connection, items: Sequence[Item]) -> dict[Item, Shown]:
    """When each version found was the current one."""
    hits = [
        Hit(0, bucket, subject, record, code, version) for bucket, subject, code, record, version in items
    ]
    found = records.windows(conn, hits)
    return {item: Shown(w.valid_from, w.valid_to) for item, w in zip(items, found, strict=True)}


def deliveries(
    conn: Connection,
    part: Sequence[tuple[Person, list[Item]]],
    codes: Sequence[str],
    numbers: Mapping[str, int],
    before_ms: int,
) -> Iterator[Deliveries]:
    """Per person: who received which of these fields when, or read it inside; they are known by their `numbers`."""
    asked = [(bucket, subject, code) for (bucket, subject), _ in part for code in codes]
    answers: list[Deliveries] = [{code: {} for code in codes} for _ in part]
    outside = received.received_before(conn, asked, before_ms)
    for at, recipient, _, committed_at in (*outside, *insiders.read_before(conn, asked, before_ms)):
        person, code = divmod(at, len(codes))
        answers[person][codes[code]].setdefault(numbers[recipient], []).append(committed_at)
    return iter(answers)
