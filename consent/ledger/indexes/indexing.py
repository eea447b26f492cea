"""Making the index of a log, and proving from it (`index`, `index_proof`).

An index is made from one snapshot: the size of the log and everybody's last entry in it belong together. Its entry is
then appended like any other; whatever came in between is covered by the next. Of the rows only those of the newest
two are kept, since every older index is what the log's entries give. Whoever proves reads a few chunks.

* `make_due(data, ledger_host, now_ms, every_ms) -> list[Made]`: for each log that has grown and whose index is old.
* `newest(conn, log, size) -> Made | None`: the newest whose rows are kept and whose entry a tree of `size` holds.
* `proof_of(conn, made, tag) -> IndexProof`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import batched, chain
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, text
from sqlalchemy.exc import IntegrityError

from consent.ledger.append import append_about_log
from consent.ledger.entries.log_entry import Index
from consent.ledger.errors import LedgerAlarm
from consent.ledger.formats.tiles import WIDTH
from consent.ledger.indexes.index import (
    ROW_BYTES,
    TAG_BYTES,
    Chunk,
    chunks_of,
    full_root,
    path_in,
    root_of,
    rows_in,
)
from consent.ledger.indexes.index_proof import IndexProof, Place
from consent.ledger.origin import LogId, path_of
from consent.ledger.succession import open_logs
from consent.ledger.tables import head, index, index_chunk, subject_head
from vault.ids import Bucket, new_id
from vault.storage.database import Database

EVERY_MS: Final = 3_600_000
_KEPT: Final = 2
_AT_ONCE: Final = 64
_PAGE: Final = 10_000

# Whoever was broken off leaves some behind: of the same entries they are the same.
_WRITE_CHUNKS = text(
    "INSERT INTO ledger_index_chunk (bucket, year, upto, n, first, root, data) "
    "VALUES (:bucket, :year, :upto, :n, :first, :root, :data) ON CONFLICT (bucket, year, upto, n) "
    "DO UPDATE SET first = excluded.first, root = excluded.root, data = excluded.data"
)


@dataclass(frozen=True, slots=True)
class Made:
    """An index in its log: over the first `upto` entries, itself entry `idx`."""

    log: LogId
    upto: int
    idx: int
    rows: int
    root: bytes
    created_at: int


def make_due(data: Database, ledger_host: str, now_ms: int, every_ms: int = EVERY_MS) -> list[Made]:
    """Index every open log that has grown since its last index, if that is `every_ms` old; times in Unix ms."""
    with data.read() as conn:
        due = [log for log in open_logs(conn) if _is_due(conn, log, now_ms - every_ms)]
    made = (make(data, ledger_host, log, now_ms) for log in due)
    return [one for one in made if one is not None]


def make(data: Database, ledger_host: str, log: LogId, now_ms: int) -> Made | None:
    """Index one log as it stands; None where somebody else has just done so, or nothing is in it.

    The rows, 64 bytes for each person, are written a few at a time before the log's head is taken: whoever
    appends waits for one entry, and on SQLite, which has one writer, for some of the rows.
    """
    with data.read() as conn:
        upto = _size(conn, log)
        chunks = chunks_of(_tails(conn, log))
    if not upto:
        return None
    rows = _chunk_rows(log, upto, chunks)
    for some in batched(rows, _AT_ONCE):
        with data.write() as conn:
            conn.execute(_WRITE_CHUNKS, list(some))
    try:
        with data.write() as conn:
            made = _append(conn, ledger_host, log, now_ms, upto, chunks)
            if _written(conn, log, upto) < len(rows):  # somebody else's newer indexes have had them dropped
                conn.execute(_WRITE_CHUNKS, rows)
    except IntegrityError:  # the same index was made a moment ago
        return None
    with data.write() as conn:
        _forget(conn, log)
    return made


def make_within(conn: Connection, ledger_host: str, log: LogId, now_ms: int) -> Made | None:
    """The same where the log's head is held, so that nothing comes in between; None where everything is indexed."""
    upto, c = _size(conn, log), index.c
    last = conn.execute(select(func.max(c.idx)).where(c.bucket == log.bucket, c.year == log.year)).scalar()
    if not upto or last == upto - 1:
        return None
    chunks = chunks_of(_tails(conn, log))
    made = _append(conn, ledger_host, log, now_ms, upto, chunks)
    for some in batched(_chunk_rows(log, upto, chunks), _AT_ONCE):
        conn.execute(_WRITE_CHUNKS, list(some))
    _forget(conn, log)
    return made


def _append(
    conn: Connection, ledger_host: str, log: LogId, now_ms: int, upto: int, chunks: Sequence[Chunk]
) -> Made:
    found = Index(
        id=new_id(Bucket(log.bucket), now_ms), ts=now_ms, upto=upto, rows=_count(chunks), root=root_of(chunks)
    )
    position = append_about_log(conn, log, found, now_ms, ledger_host)  # holds the head until the end
    made = Made(log, upto, position.idx, found.rows, found.root, now_ms)
    _keep(conn, made)
    return made


def newest(conn: Connection, log: LogId, size: int) -> Made | None:
    """The newest index that can be proven in a tree of `size` entries; None before the first."""
    c, k = index.c, index_chunk.c
    kept = select(k.upto).where(k.bucket == log.bucket, k.year == log.year)
    query = select(c.upto, c.idx, c.rows, c.root, c.created_at).where(
        c.bucket == log.bucket, c.year == log.year, c.idx < size, (c.rows == 0) | c.upto.in_(kept)
    )
    row = conn.execute(query.order_by(c.upto.desc()).limit(1)).first()
    return None if row is None else Made(log, row.upto, row.idx, row.rows, row.root, row.created_at)


def proof_of(conn: Connection, made: Made, tag: bytes) -> IndexProof:
    """What this index says of a tag; raises LedgerAlarm when its rows are not what was committed to."""
    if not made.rows:
        return IndexProof(tag, ())
    n = _chunk_of(conn, made, tag)
    rows = rows_in(_data(conn, made, n))
    at = next((i for i, row in enumerate(rows) if row.tag >= tag), len(rows))
    if at < len(rows) and rows[at].tag == tag:
        return IndexProof(tag, _places(conn, made, [WIDTH * n + at]))
    wanted = [WIDTH * n + at - 1, WIDTH * n + at]
    return IndexProof(tag, _places(conn, made, [one for one in wanted if 0 <= one < made.rows]))


def _is_due(conn: Connection, log: LogId, before_ms: int) -> bool:
    c = index.c
    mine = (c.bucket == log.bucket, c.year == log.year)
    last = conn.execute(select(c.idx, c.created_at).where(*mine).order_by(c.upto.desc()).limit(1)).first()
    return last is None or (last.created_at <= before_ms and last.idx + 1 < _size(conn, log))


def _size(conn: Connection, log: LogId) -> int:
    query = select(head.c.size).where(head.c.bucket == log.bucket, head.c.year == log.year)
    return conn.execute(query).scalar_one_or_none() or 0


def _tails(conn: Connection, log: LogId) -> Iterator[tuple[bytes, int, bytes, int]]:
    c = subject_head.c
    mine = (c.bucket == log.bucket, c.year == log.year)
    query = select(c.tag, c.n, c.leaf, c.idx).where(*mine).order_by(c.tag)
    pages = conn.execute(query.execution_options(yield_per=_PAGE)).partitions()
    return chain.from_iterable(pages)


def _count(chunks: Sequence[Chunk]) -> int:
    return sum(len(chunk.rows) for chunk in chunks) // ROW_BYTES


def _keep(conn: Connection, made: Made) -> None:
    values = {"upto": made.upto, "idx": made.idx, "rows": made.rows, "root": made.root}
    mine = {"bucket": made.log.bucket, "year": made.log.year}
    conn.execute(insert(index).values(**mine, **values, created_at=made.created_at))


def _chunk_rows(log: LogId, upto: int, chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
    return [
        {
            "bucket": log.bucket,
            "year": log.year,
            "upto": upto,
            "n": n,
            "first": chunk.rows[:TAG_BYTES],
            "root": full_root(chunk),
            "data": chunk.rows,
        }
        for n, chunk in enumerate(chunks)
    ]


def _written(conn: Connection, log: LogId, upto: int) -> int:
    c = index_chunk.c
    mine = (c.bucket == log.bucket, c.year == log.year, c.upto == upto)
    return conn.execute(select(func.count()).select_from(index_chunk).where(*mine)).scalar_one()


def _forget(conn: Connection, log: LogId) -> None:
    """Drop the rows of all but the newest indexes."""
    c, k = index.c, index_chunk.c
    newest_first = (
        select(c.upto).where(c.bucket == log.bucket, c.year == log.year).order_by(c.upto.desc()).limit(_KEPT)
    )
    oldest = conn.execute(select(func.min(newest_first.subquery().c.upto))).scalar_one()
    conn.execute(delete(index_chunk).where(k.bucket == log.bucket, k.year == log.year, k.upto < oldest))


def _chunk_of(conn: Connection, made: Made, tag: bytes) -> int:
    """The chunk in which the tag stands or would stand."""
    c = index_chunk.c
    mine = (c.bucket == made.log.bucket, c.year == made.log.year, c.upto == made.upto)
    query = select(c.n).where(*mine, c.first <= tag).order_by(c.n.desc()).limit(1)
    return conn.execute(query).scalar_one_or_none() or 0


def _data(conn: Connection, made: Made, n: int) -> bytes:
    c = index_chunk.c
    mine = (c.bucket == made.log.bucket, c.year == made.log.year, c.upto == made.upto)
    found = conn.execute(select(c.data).where(*mine, c.n == n)).scalar_one_or_none()
    if found is None:
        raise LedgerAlarm(f"log {path_of(made.log)}", "rows of an index are missing")
    return bytes(found)


def _places(conn: Connection, made: Made, wanted: Sequence[int]) -> tuple[Place, ...]:
    c = index_chunk.c
    mine = (c.bucket == made.log.bucket, c.year == made.log.year, c.upto == made.upto)
    full = list(conn.execute(select(c.root).where(*mine, c.root.is_not(None)).order_by(c.n)).scalars().all())
    last = _data(conn, made, len(full)) if made.rows % WIDTH else b""
    places: list[Place] = []
    for at in wanted:
        chunk = _data(conn, made, at // WIDTH)
        row = rows_in(chunk)[at % WIDTH]
        places.append(Place(at, row, tuple(path_in(chunk, full, last, at, made.rows))))
    return tuple(places)
