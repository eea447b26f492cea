"""Entries as an auditor reads them: each against its row, and against the entries before it.

Millions are read, and nearly all are persons' entries that are right. So a page is looked at column by column, and
entry by entry only where a column disagrees: what is found, and in which order, is the same either way.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from consent.ledger.checking.page import Page
from consent.ledger.entries import log_entry
from consent.ledger.entries.entry import NO_PREVIOUS, Outlines, outline, outlines
from consent.ledger.entries.log_entry import Closing, LogEntry
from consent.ledger.errors import LedgerError

type Flaw = tuple[str, int]
"""What is wrong, and at which index."""

type _Tail = tuple[int, bytes, int]

_ID_BYTES = 16
_LEAF_BYTES = 32
_NOBODY: _Tail = (0, NO_PREVIOUS.hex().encode(), -1)


@dataclass(slots=True)
class Chain:
    """What the entries so far say: of everybody's last one (n, leaf, index), the time, and of the log itself.

    Tags and leaves of `tails` are hexadecimal. `said` are the entries about the log itself, by index.
    """

    size: int = 0
    tails: dict[bytes, _Tail] = field(default_factory=dict)
    ts: int = 0
    said: list[tuple[int, LogEntry]] = field(default_factory=list)
    closed: bool = False
    """Whether the closing entry has come."""

    def follow(self, page: Page) -> Iterator[Flaw]:
        """Take in the next entries."""
        end = self._take_columns(page)
        for _, run in groupby(page.bodies[end:], _is_about_person):
            start, end = end, end + len(list(run))
            some = page.part(start, end)
            yield from self.one_by_one(some.part(self._take_columns(some), end - start))

    def _take_columns(self, page: Page) -> int:
        """Take in persons' entries up to the first that does not follow its tag's last; how many those are.

        None where anything else of the page is not right.
        """
        found = None if self.closed else outlines(page.bodies)
        return self._follow_tags(page, found) if found and self._is_in_step(page, found) else 0

    def _is_in_step(self, page: Page, found: Outlines) -> bool:
        """Whether persons' entries are what their rows say, and no older than those before them."""
        return (
            list(page.leaves) == page.hashes
            and set(map(len, page.ids)) == {_ID_BYTES}
            and b"".join(found.ids) == b"".join(page.ids).hex().encode()
            and page.follows(self.size)
            and found.times[0] >= self.ts
            and found.times == sorted(found.times)
        )

    def _follow_tags(self, page: Page, found: Outlines) -> int:
        """Take in entries up to the first that does not follow its tag's last; how many those are."""
        tails, known, taken = self.tails, self.tails.get, len(page.indices)
        ends = b"".join(page.hashes).hex(" ", _LEAF_BYTES).encode().split()
        columns = zip(page.indices, found.numbers, found.previous, found.tags, ends, strict=True)
        for idx, n, previous, tag, leaf in columns:
            last = known(tag, _NOBODY)
            if n != last[0] + 1 or previous != last[1]:
                taken = idx - self.size
                break
            tails[tag] = (n, leaf, idx)
        if taken:
            self.ts = found.times[taken - 1]
            self.size += taken
        return taken

    def one_by_one(self, page: Page) -> Iterator[Flaw]:
        """The same as `follow`, for entries of any kind and in any state."""
        for idx, entry_id, stored, body, leaf in zip(*page, strict=True):
            if idx != self.size:
                yield "an index is missing", self.size
            self.size += 1
            if stored != leaf:
                yield "the leaf is not the hash of the entry", idx
            if self.closed:
                yield "an entry after the one that closed the log", idx
            found = outline(body)
            if found is None:
                yield from self._look_closely(idx, entry_id, body)
                continue
            own_id, n, previous, tag, ts = found
            if own_id != entry_id.hex().encode():
                yield "stored under another id than its own", idx
            if ts < self.ts:
                yield "older than the entry before it", idx
            self.ts = ts
            last = self.tails.get(tag, _NOBODY)
            if n != last[0] + 1 or previous != last[1]:
                yield "does not follow the previous entry of its tag", idx
            self.tails[tag] = (n, leaf.hex().encode(), idx)

    def _look_closely(self, idx: int, entry_id: bytes, body: bytes) -> Iterator[Flaw]:
        """What is no person's entry in its one encoding: about the log itself, or wrong."""
        try:
            found = log_entry.parse(body)
        except LedgerError:
            yield "not a canonical entry", idx
            return
        if found.ts < self.ts:
            yield "older than the entry before it", idx
        if found.id != entry_id:
            yield "stored under another id than its own", idx
        self.ts = found.ts
        self.closed |= isinstance(found, Closing)
        self.said.append((idx, found))


def _is_about_person(body: bytes) -> bool:
    return body.startswith(b'{"c":')
