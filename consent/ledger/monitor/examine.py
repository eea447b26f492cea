"""Looking at the entries a log has grown by, one after another, as its next head says they stand.

Each is hashed anew, must be the canonical encoding of an entry, must have an id nobody had, must be dated no
earlier than the one before and between the times at which witnesses saw the log without it and with it, must
follow the last entry of its tag, must not follow the one that closed the log, and must, where it is an index,
be what the entries before it give. Nothing here stops at the first lie: a log that told one is followed on,
because the next may be worse.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from consent.ledger.entries import log_entry
from consent.ledger.entries.entry import NO_PREVIOUS, Entry
from consent.ledger.entries.entry import parse as parse_entry
from consent.ledger.entries.log_entry import Closing, Index, LogEntry, Opening
from consent.ledger.errors import Malformed
from consent.ledger.indexes.index import chunks_of, root_of
from consent.ledger.monitor.alerts import Alarm, Alert
from consent.ledger.monitor.store import Line, MonitorStore
from consent.ledger.recompute import leaves_of

SKEW_MS = 60_000
"""How far the clocks of a log and of its witnesses may be apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """When the entries were written, as far as witnesses know: POSIX seconds, None where nobody cosigned."""

    after_s: int | None
    before_s: int | None


@dataclass(frozen=True, slots=True)
class Taken:
    """Entries that were looked at: what is kept of each, the new ends of their tags, and what is wrong with them."""

    lines: Sequence[Line]
    tails: Sequence[Line]
    openings: Sequence[tuple[int, Opening]]
    alerts: Sequence[Alert]


class Examination:
    """One log's new entries under one head: from index `size` on, after one dated `ts` (Unix ms)."""

    def __init__(self, store: MonitorStore, origin: str, size: int, ts: int, bounds: Bounds) -> None:
        self._store, self._origin, self._bounds = store, origin, bounds
        self.size, self.ts = size, ts
        self.uncounted_since = store.standing(origin).uncounted_since
        self._closed = store.is_closed(origin, size)
        self._tails: dict[bytes, Line] = {}
        self._ids: set[bytes] = set()
        self._lines: list[Line] = []

    def take(self, bodies: Sequence[bytes]) -> Taken:
        """Look at the next entries; whoever calls keeps them in the store before the ones after them."""
        parsed = [_parsed(body) for body in bodies]
        self._tails = self._store.tails(self._origin, {one.tag for one in parsed if isinstance(one, Entry)})
        self._ids = self._store.known_ids(self._origin, {one.id for one in parsed if one is not None})
        self._lines, alerts = [], list[Alert]()
        for leaf, one in zip(leaves_of(bodies), parsed, strict=True):
            alerts += self._look(self.size, leaf, one)
            self.size += 1
        openings = [
            (line.idx, one) for line, one in zip(self._lines, parsed, strict=True) if isinstance(one, Opening)
        ]
        return Taken(self._lines, list(self._tails.values()), openings, alerts)

    def _look(self, idx: int, leaf: bytes, one: Entry | LogEntry | None) -> Iterator[Alert]:
        if one is None:
            yield self._alert(Alarm.NOT_CANONICAL, "an entry is not in its one encoding", idx)
            self._lines.append(Line(idx, b"", leaf))
            return
        if one.id in self._ids:
            yield self._alert(Alarm.DUPLICATE_ID, "two entries have the same id", idx)
        self._ids.add(one.id)
        yield from self._dated(idx, one.ts)
        if self._closed:
            yield self._alert(Alarm.AFTER_CLOSING, "an entry follows the one that closed the log", idx)
        self._closed |= isinstance(one, Closing)
        line = Line(idx, one.id, leaf, closes=isinstance(one, Closing))
        if isinstance(one, Entry):
            line = Line(idx, one.id, leaf, one.tag, one.n)
            yield from self._linked(line, one)
            self.uncounted_since = self.uncounted_since or one.ts
        elif isinstance(one, Index):
            yield from self._counted(idx, one)
            self.uncounted_since = None
        self._lines.append(line)

    def _dated(self, idx: int, ts: int) -> Iterator[Alert]:
        if ts < self.ts:
            yield self._alert(Alarm.OUT_OF_TIME, "an entry is dated before the one it follows", idx)
        early, late = self._bounds.after_s, self._bounds.before_s
        if early is not None and ts < early * 1000 - SKEW_MS:
            yield self._alert(
                Alarm.OUT_OF_TIME, "an entry is dated before witnesses saw the log without it", idx
            )
        if late is not None and ts > late * 1000 + SKEW_MS:
            yield self._alert(Alarm.OUT_OF_TIME, "an entry is dated after witnesses saw it", idx)
        self.ts = max(self.ts, ts)

    def _linked(self, line: Line, one: Entry) -> Iterator[Alert]:
        tail = self._tails.get(one.tag)
        last, previous = (0, NO_PREVIOUS) if tail is None else (tail.n or 0, tail.leaf)
        if one.n <= last:
            yield self._alert(Alarm.PARALLEL_CHAIN, f"a tag has entry number {one.n} twice", line.idx)
            return
        if (one.n, one.previous) != (last + 1, previous):
            yield self._alert(Alarm.BROKEN_CHAIN, f"entry number {one.n} of a tag does not follow", line.idx)
        self._tails[one.tag] = line

    def _counted(self, idx: int, one: Index) -> Iterator[Alert]:
        if one.upto > idx:
            yield self._alert(Alarm.WRONG_INDEX, "an index counts entries that come after it", idx)
            return
        chunks = chunks_of(self._rows(one.upto))
        rows = sum(len(chunk.rows) for chunk in chunks) // 64
        if (one.rows, one.root) != (rows, root_of(chunks)):
            yield self._alert(Alarm.WRONG_INDEX, "an index is not what the entries before it give", idx)

    def _rows(self, upto: int) -> list[tuple[bytes, int, bytes, int]]:
        """Everybody's last entry among the first `upto`, from the store and from what is not stored yet."""
        rows = {tag: (tag, n, leaf, at) for tag, n, leaf, at in self._store.rows_upto(self._origin, upto)}
        for line in self._lines:
            if line.tag is None or line.n is None or line.idx >= upto:
                continue
            if line.tag not in rows or rows[line.tag][1] < line.n:
                rows[line.tag] = (line.tag, line.n, line.leaf, line.idx)
        return [rows[tag] for tag in sorted(rows)]

    def _alert(self, alarm: Alarm, says: str, idx: int) -> Alert:
        return Alert(alarm=alarm, origin=self._origin, says=says, at=idx)


def _parsed(body: bytes) -> Entry | LogEntry | None:
    try:
        return log_entry.parse(body) if log_entry.is_about_log(body) else parse_entry(body)
    except Malformed:
        return None
