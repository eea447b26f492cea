"""Rows of a dump against the vault: canonical forms, blind tags in bulk, every suggested hit confirmed inside the vault.

A digest of a phone number, an e-mail address or a resident ID (md5, sha1, sha256, however it is written) is
looked up by the tags of digests and confirmed by hashing the opened value: it then counts like the value
itself. Other and salted digests can be compared with nothing and are only counted.

One row is one statement about one person. When all its identifiers that are known to the vault lead to the same
single person, the row agrees and its items count; when they lead to different people or leave several, the row
conflicts and is only recorded as that. One by which nobody is found is looked up by `mailboxes`. A row that shows masked values and no whole identifier is judged by
`masked`; beside a whole one, known here or not, masked values are only counted. Nothing of a cell is kept: an
item names person, field and version, never a value.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from breach.intake.columns import (
    HELPERS,
    IDENTIFIERS,
    LOOKED_UP,
    STARS,
    Columns,
    Kind,
    identifier,
    kind_of,
)
from breach.intake.mentions import mentioned
from breach.matching import mailboxes
from breach.matching.asked import Asked, readings_of
from breach.matching.cells import Cells
from breach.matching.linkable import MOST_ROWS, Record, linkable
from breach.matching.masked import Row, Settled, Weights, added, settle
from breach.matching.masked_cells import IDENTIFYING
from vault.families.merge import survivors
from vault.fields import FIELDS, InvalidValue
from vault.ids import PROFILE, Bucket, Person, RecordId, SubjectId
from vault.keys.keyring import Keyring
from vault.reading.records import count_people
from vault.tags import (
    Hit,
    Probe,
    Shape,
    confirm,
    match,
    read_cell,
    read_digest,
)

type Item = tuple[Bucket, SubjectId, str, RecordId, int]
"""(bucket, subject, field, record, version): one stored version that the dump shows."""

_REMEMBERED = 400_000


def _never(_text: str) -> None:
    """A search that finds nothing."""


AGREED = 1
"""Flag of an item: a row whose identifiers agree shows it."""

CONFLICTING = 2
"""Flag of an item: a row whose identifiers lead to different people shows it."""

MASKED = 4
"""Flag of an item: a row that shows only parts of values fits its person and nobody else."""


class AgreedRow(NamedTuple):
    """A row whose identifiers agree on one person, under every id that was theirs, with all its cells as they stand."""

    people: frozenset[Person]
    cells: Sequence[str]


class Found(NamedTuple):
    """What a batch shows: items with their flags, as far as they are news, the weights of candidates, every
    distinct value that was looked up, the rows that agree, what is to be compared by blind codes, and whom another
    spelling of a mailbox leads to; `tags`: the smallest of values of which only the tags are known.
    """

    items: dict[Item, int]
    weights: Weights
    values: list[Probe]
    rows: list[AgreedRow]
    records: list[Record]
    met: set[Person]
    tags: Sequence[int] = ()

    def add(self, more: "Found") -> None:
        """Take in what another part of the batch shows."""
        for item, how in more.items.items():
            self.items[item] = self.items.get(item, 0) | how
        for whom, weight in more.weights.items():
            self.weights[whom] = added(self.weights.get(whom, (0, 0)), weight)
        self.values.extend(more.values)
        self.rows.extend(more.rows)
        self.records.extend(more.records)
        self.met.update(more.met)


class Matcher:
    """Matches batch after batch of one dump. Not thread-safe: it remembers what was confirmed."""

    def __init__(self, keyring: Keyring, columns: Columns, cells: Cells, *, linking: bool = False) -> None:
        self._linking = linking
        self._keyring = keyring
        self._columns = columns
        self._width = len(columns.kinds)
        self._known: dict[Item, int] = {}
        self._known_masked: set[Item] = set()
        self._merged: dict[SubjectId, SubjectId] = {}
        self.cells = cells

    def match(self, conn: Connection, rows: Sequence[Sequence[str]]) -> Found:
        """What one batch shows; `conn` reads the vault's data base."""
        asked = Asked()
        regular = [row for row in rows if len(row) == self._width]
        for at, kinds in self._columns.identifiers:
            self._ask_column([row[at] for row in regular], kinds, asked)
        start = len(regular)
        ragged = [row for row in rows if len(row) != self._width] if start < len(rows) else []
        self._ask_ragged(ragged, start, asked)
        self.cells.rows += len(rows)
        for _, kind in self._columns.helpers:
            self.cells.recognised_only[kind] += len(regular)
        found = self._true_hits(conn, asked)
        self._merged = survivors(conn, {item[:2] for items in found.values() for item in items})
        shown, agreed = self._settle(asked, found)
        news = {item: how for item, how in shown.items() if self._is_news(item, how)}
        weights = self._settle_masked(conn, list(self._masked_rows(asked, regular)), news)
        by_mailbox = mailboxes.settle(conn, self._keyring, asked, found, self.cells)
        self._note(by_mailbox, news)
        for whom, weight in by_mailbox.weights.items():
            weights[whom] = added(weights.get(whom, (0, 0)), weight)
        cells = [*regular, *ragged] if ragged else regular
        whole = [AgreedRow(people, cells[row]) for row, people in agreed.items()]
        records = self._linkable(cells, asked, found)
        return Found(news, weights, asked.probes, whole, records, by_mailbox.met)

    def _linkable(
        self, rows: Sequence[Sequence[str]], asked: Asked, found: Mapping[int, Sequence[Item]]
    ) -> list[Record]:
        """What the rows without a hit show that blind codes can be made of, as far as there is room for them."""
        if not self._linking:
            return []
        hit = {row for row, probe in asked.cells if probe in found}
        records = list(linkable(self._columns, rows, hit))
        room = max(MOST_ROWS - self.cells.rows_linkable, 0)
        self.cells.rows_linkable += len(records[:room])
        self.cells.rows_not_linked += len(records[room:])
        return records[:room]

    def _settle_masked(self, conn: Connection, rows: Sequence[Row], news: dict[Item, int]) -> Weights:
        """Judge masked rows, adding what they show to `news`; the weights of their candidates."""
        if not rows:
            return {}
        settled = settle(conn, self._keyring, rows, count_people(conn), self.cells)
        self._note(settled, news)
        return settled.weights

    def _note(self, settled: Settled, news: dict[Item, int]) -> None:
        """Flag what was found without a whole value, as far as it is news."""
        items = {(bucket, who, code, PROFILE, version) for bucket, who, code, version in settled.agreed}
        for item in items - self._known_masked:
            news[item] = news.get(item, 0) | MASKED
        if len(self._known_masked) > _REMEMBERED:
            self._known_masked.clear()
        self._known_masked |= items

    def _masked_rows(self, asked: Asked, regular: Sequence[Sequence[str]]) -> Iterator[Row]:
        """What the rows without a whole identifier show; masked cells of the others are only counted."""
        decided = {row for row, _ in asked.cells} if asked.masked else set()
        for row, texts in asked.masked.items():
            shown = {} if row in decided else readings_of(texts)
            if not IDENTIFYING.intersection(shown):
                self.cells.recognised_only[Kind.MASKED] += len(texts)
                continue
            helpers = asked.helpers.get(row, [])
            if row < len(regular):
                helpers = [(kind, regular[row][at]) for at, kind in self._columns.helpers]
            for kind, text in helpers:
                reading = read_cell(kind, text)
                if reading is not None:
                    shown.setdefault(kind, reading)
            yield shown

    def _ask_column(self, texts: Sequence[str], kinds: tuple[Kind, ...], asked: Asked) -> None:
        if len(kinds) != 1:
            for row, text in enumerate(texts):
                self._ask_shown(text, row, asked)
            return
        kind = kinds[0]
        canonical = FIELDS[kind].canonical
        known = asked.numbers[kind]
        # `z***@qq.com` has the shape of an address; only its stars say that it is none.
        stars = STARS.search if kind is Kind.EMAIL else _never
        for row, text in enumerate(texts):
            if stars(text):
                self._ask_other(text, row, asked)
                continue
            try:
                value = canonical(text)
            except InvalidValue:
                self._ask_other(text, row, asked)
                continue
            number = known.get(value)
            if number is None:
                number = asked.add(kind, value)
            asked.cells.append((row, number))

    def _ask_ragged(self, rows: Sequence[Sequence[str]], start: int, asked: Asked) -> None:
        """Rows of another width: which column a cell belongs to is anybody's guess, so every cell is looked at."""
        for row, texts in enumerate(rows, start):
            for text in texts:
                kind = self._ask_cell(text, row, asked)
                if kind in HELPERS:
                    asked.helpers.setdefault(row, []).append((kind, text))

    def _ask_other(self, text: str, row: int, asked: Asked) -> None:
        """A cell of an identifier column that is no such value: of another kind, masked, a digest, blank or damage."""
        if text and not text.isspace():
            self.cells.unreadable += not self._ask_shown(text, row, asked)

    def _ask_shown(self, text: str, row: int, asked: Asked) -> bool:
        """A cell of a column of identifiers as it is or, where it is none, those inside it; whether it says anything."""
        kind = self._ask_cell(text, row, asked)
        inside = () if kind in LOOKED_UP else mentioned(text)
        for one in inside:
            self._ask_cell(one, row, asked)
        return kind is not None or bool(inside)

    def _ask_cell(self, text: str, row: int, asked: Asked) -> Kind | None:
        kind = kind_of(text)
        if kind in IDENTIFIERS:
            value = identifier(kind, text)
            number = asked.numbers[kind].get(value)
            asked.cells.append((row, asked.add(kind, value) if number is None else number))
        elif kind is Kind.DIGEST:
            self._ask_digest(text, row, asked)
        elif kind is Kind.MASKED:
            asked.masked.setdefault(row, []).append(text)
        elif kind is not None:
            self.cells.recognised_only[kind] += 1
        return kind

    def _ask_digest(self, text: str, row: int, asked: Asked) -> None:
        """A digest may be of a value of several fields; at most one of its probes hits."""
        digest = read_digest(text)
        numbers = asked.of_digest(digest) if digest else ()
        if numbers:
            self.cells.looked_up[Kind.DIGEST] += 1
            asked.cells += [(row, number) for number in numbers]
        else:
            self.cells.unmatchable[digest.algorithm if digest else "salted"] += 1

    def _true_hits(self, conn: Connection, asked: Asked) -> dict[int, list[Item]]:
        """Confirmed items by probe number.

        What this run has confirmed once is not opened again: a second value with the same 64-bit tag could
        at most repeat an item that is already there.
        """
        hits = match(conn, self._keyring, asked.probes)
        fresh = [hit for hit in hits if _item(hit) not in self._known]
        answers = confirm(conn, self._keyring, fresh, asked.probes)
        denied = {(hit.probe, _item(hit)) for hit, true in zip(fresh, answers, strict=True) if not true}
        found: dict[int, list[Item]] = {}
        for hit in hits:
            item = _item(hit)
            if (hit.probe, item) not in denied:
                found.setdefault(hit.probe, []).append(item)
        # Forgetting costs a second opening, nothing else: memory stays bounded whatever the vault's size.
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        for items in found.values():
            for item in items:
                self._known.setdefault(item, 0)
        return found

    def _is_news(self, item: Item, how: int) -> bool:
        known = self._known.get(item, 0)
        self._known[item] = known | how
        return known | how != known

    def _settle(
        self, asked: Asked, found: dict[int, list[Item]]
    ) -> tuple[dict[Item, int], dict[int, frozenset[Person]]]:
        """Items with their flags, and of each row that agrees whom it is about."""
        by_row: dict[int, list[int]] = {}
        looked_up: Counter[str] = Counter()
        for row, probe in asked.cells:
            if asked.probes[probe].shape == Shape.EXACT:
                looked_up[asked.probes[probe].field] += 1
            if probe in found:
                by_row.setdefault(row, []).append(probe)
        self.cells.looked_up += looked_up
        items: dict[Item, int] = {}
        agreed: dict[int, frozenset[Person]] = {}
        for row, probes in by_row.items():
            people = self._settle_row([found[probe] for probe in probes], items)
            if people:
                agreed[row] = people
            self._count(asked.probes[probe] for probe in probes)
        return items, agreed

    def _count(self, matched: Iterable[Probe]) -> None:
        for probe in matched:
            self.cells.matched[probe.field] += 1
            if probe.shape != Shape.EXACT:
                self.cells.matched_by_digest[probe.field] += 1

    def _settle_row(
        self, groups: Sequence[Sequence[Item]], items: dict[Item, int]
    ) -> frozenset[Person] | None:
        """Flag what a row shows; whom it is about, or None when its identifiers do not agree."""
        people = set.intersection(*({self._who(item) for item in group} for group in groups))
        agreed = len(people) == 1
        self.cells.rows_agreed += agreed
        self.cells.rows_conflicting += not agreed
        for item in {item for group in groups for item in group}:
            if not agreed:
                items[item] = items.get(item, 0) | CONFLICTING
            elif self._who(item) in people:
                items[item] = items.get(item, 0) | AGREED
        if not agreed:
            return None
        if not self._merged:  # as nearly always: then every one of these items names the same person
            return frozenset([next(item[:2] for item in groups[0] if item[1] in people)])
        return frozenset(item[:2] for group in groups for item in group if self._who(item) in people)

    def _who(self, item: Item) -> SubjectId:
        """Whom an item is about: of two accounts that became one person, the one that is left."""
        return self._merged.get(item[1], item[1])


def _item(hit: Hit) -> Item:
    return hit.bucket, hit.subject, hit.field, hit.record, hit.version
