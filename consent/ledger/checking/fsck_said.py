"""What a log says of itself, held against what is stored of it: its indexes, its keys, and the logs it carries on.

`ledger_index` and `ledger_key` repeat what entries say, so that nobody has to look for those; here each row
must have its entry and each entry its row, in every column that both have. Every index is computed again from
the entries it is over, also those whose rows are long gone. An opening must name a checkpoint that was signed
of an earlier log of its bucket: one stands first in a log that is not its bucket's first, and the end of each
earlier log may follow once. One for damage must name the end with which the other was given up, and the
incident.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from consent.ledger import published
from consent.ledger.entries.log_entry import Index, KeyRotation, LogEntry, Opening, Why
from consent.ledger.origin import LogId, origin_of
from consent.ledger.publishing import given_up
from consent.ledger.publishing.given_up import GivenUp
from consent.ledger.publishing.signer import FIRST, Signer
from consent.ledger.tables import head, index, log_key
from consent.ledger.tree import EMPTY_ROOT

type Said = Sequence[tuple[int, LogEntry]]
"""(index, entry) of every entry about the log itself, in order."""

type Indexed = Mapping[int, tuple[int, bytes]]
"""What an index over so many entries is: how many rows, and their root."""

type Flaw = tuple[str, int]
"""What is wrong, and at which entry."""

_NEVER_SIGNED = (0, EMPTY_ROOT, hashlib.sha256(b"").digest())
"""What an opening says of a log of which nothing was signed by then."""


def index_rows(conn: Connection, log: LogId) -> list[Row[Any]]:
    """The rows of `ledger_index` about a log, the oldest first."""
    c = index.c
    query = select(c.upto, c.idx, c.rows, c.root).where(c.bucket == log.bucket, c.year == log.year)
    return list(conn.execute(query.order_by(c.upto)))


@dataclass(frozen=True, slots=True)
class Heard:
    """What the first `size` entries of a log say of it: all there are, or of a log that was given up those that are proven."""

    log: LogId
    size: int
    said: Said
    indexed: Indexed


def check_said(conn: Connection, signer: Signer, heard: Heard) -> Iterator[Flaw]:
    """Everything that disagrees with what the log says of itself."""
    yield from _indexes(index_rows(conn, heard.log), heard)
    yield from _keys(conn, signer, heard)
    yield from _openings(conn, signer, heard)


def _indexes(stored: Sequence[Row[Any]], heard: Heard) -> Iterator[Flaw]:
    rows = {row.idx: (row.upto, row.rows, row.root) for row in stored if row.idx < heard.size}
    indexed = heard.indexed
    for idx, one in heard.said:
        if not isinstance(one, Index):
            continue
        if one.upto > idx or indexed.get(one.upto, (one.rows, one.root)) != (one.rows, one.root):
            yield "an index that is not what the entries before it give", idx
        if rows.pop(idx, None) != (one.upto, one.rows, one.root):
            yield "an index and its row disagree", idx
    for idx in rows:
        yield "a row of an index that is not in the log", idx


def _keys(conn: Connection, signer: Signer, heard: Heard) -> Iterator[Flaw]:
    log, c = heard.log, log_key.c
    origin = origin_of(signer.ledger_host, log)
    query = select(c.generation, c.idx, c.begun_at).where(c.bucket == log.bucket, c.year == log.year)
    rows = {row.idx: (row.generation, row.begun_at) for row in conn.execute(query) if row.idx < heard.size}
    turns = ((idx, one) for idx, one in heard.said if isinstance(one, KeyRotation))
    for generation, (idx, one) in enumerate(turns, FIRST + 1):
        row = rows.pop(idx, None)
        # An entry is as late as the one before it, so of a clock that was set back the row alone knows.
        if (
            row is None
            or row[0] != generation
            or row[1] > one.ts
            or one.key != signer.key(origin, generation)
        ):
            yield "a key and the entry that names it disagree", idx
    for idx in rows:
        yield "a key that no entry names", idx


def _openings(conn: Connection, signer: Signer, heard: Heard) -> Iterator[Flaw]:
    found = [(idx, one) for idx, one in heard.said if isinstance(one, Opening)]
    earlier = _earlier(conn, signer, heard.log)
    if earlier and heard.size and not (found and found[0][0] == 0):
        yield "does not begin with the log it carries on", 0
    ended: set[str] = set()
    for idx, one in found:
        before = earlier.get(one.before)
        # The end of each earlier log comes once; what stands first may be from before that end.
        last = idx > 0
        if before is None or (last and one.before in ended) or not _is_signed(conn, before, one, last=last):
            yield "does not carry on an earlier log as that was signed", idx
        if last:
            ended.add(one.before)


def _is_signed(conn: Connection, before: LogId, one: Opening, *, last: bool) -> bool:
    if one.why is Why.DAMAGE:
        return _is_given_up(given_up.of(conn, before), one)
    at = published.at_size(conn, before, one.size)
    told = (one.size, one.root, one.checkpoint_sha256)
    if last and one.size != conn.execute(select(head.c.size).where(*_of(before))).scalar_one():
        return False
    if at is None:
        return told == _NEVER_SIGNED and not last
    return told == (at.size, at.root, hashlib.sha256(at.note).digest())


def _is_given_up(ended: GivenUp | None, one: Opening) -> bool:
    if ended is None:
        return False
    note, incident = (hashlib.sha256(text).digest() for text in (ended.note, ended.incident.encode()))
    said = (one.size, one.root, one.checkpoint_sha256, one.incident_sha256)
    return said == (ended.size, ended.root, note, incident)


def _earlier(conn: Connection, signer: Signer, log: LogId) -> dict[str, LogId]:
    """The logs of the bucket before this one, by origin."""
    logs = (one for one in published.logs(conn) if one.bucket == log.bucket and one.when < log.when)
    return {origin_of(signer.ledger_host, one): one for one in logs}


def _of(log: LogId) -> tuple[Any, Any]:
    return head.c.bucket == log.bucket, head.c.year == log.year
