"""Signing what has grown, after computing it a second time; refusing when anything disagrees.

For each log that grew since its newest checkpoint: read the new entries in one snapshot, hash their bytes anew,
go from the last signed right edge to the new root on a second code path, and require that leaves, head, tiles
and every head signed before agree. A log that was given up is signed no more. Signing happens outside any lock;
a signature that is not stored is never shown to anybody, so a crash in between is harmless. One log's alarm
does not keep the others from publishing.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from consent.ledger import prove, published
from consent.ledger.errors import LedgerAlarm, LedgerError
from consent.ledger.formats import checkpoint as checkpoints
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.origin import LogId, origin_of
from consent.ledger.published import Published
from consent.ledger.publishing import given_up, log_keys
from consent.ledger.publishing.given_up import GivenUp
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.signer import Signer
from consent.ledger.recompute import RightEdge, absorb, leaves_of
from consent.ledger.tables import checkpoint, entry, head
from consent.ledger.tree import verify_consistency
from vault.storage.database import Database
from vault.storage.rowset import RowSet

_CHUNK = 8192
# In the order of time within a bucket, as those lock them who carry one log on in the next.
_LOCK_HEADS = RowSet(
    "WITH {rows} SELECT h.bucket FROM rows JOIN ledger_head h ON h.bucket = rows.bucket "
    "AND h.year = rows.year ORDER BY h.bucket, h.year % 10000, h.year {for_update:h}",
    bucket="int",
    year="int",
)


@dataclass(frozen=True, slots=True)
class _Head:
    log: LogId
    origin: str
    size: int
    root: bytes
    frontier: bytes
    signed: int
    """The size of its newest stored checkpoint, 0 before the first."""

    def rests(self, before: Checkpoint | None) -> bool:
        """Whether it has as many entries as were signed and as are remembered: then there is nothing to sign."""
        return self.signed == self.size and (before is None or before.size == self.size)


@dataclass(frozen=True, slots=True)
class _Step:
    """A checked step from the checkpoint at `base` to one that may be signed."""

    base: int
    at: _Head
    generations: tuple[int, ...]
    """The keys that are to sign it."""

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.at.origin, self.at.size, self.at.root)


@dataclass(frozen=True, slots=True)
class _Look:
    """What one snapshot gives: the steps that may be taken, and what is wrong."""

    steps: list[_Step]
    alarms: list[LedgerAlarm]


def publish(
    data: Database,
    signer: Signer,
    now_ms: int,
    *,
    memory: Memory | None = None,
    only: Collection[LogId] | None = None,
    held: Mapping[LogId, str] | None = None,
    thorough: bool = True,
) -> list[Published]:
    """Sign and store a checkpoint for every log that grew (of `only`, when given); return the new ones.

    `now_ms` is noted beside them, Unix milliseconds. Raises one LedgerAlarm for all that was found wrong, after
    the sound logs were published. `memory` is the copy outside the data base; pass it wherever there is one.
    `held` are logs that must not be signed, each with the reason, which becomes its alarm. Unless it is
    `thorough`, a look passes over logs that rest at their signed size: it costs the same however many of them
    there are.
    """
    remembered = memory.load() if memory else {}
    look = _look(data, signer, remembered, now_ms, only=only, held=held or {}, thorough=thorough)
    alarms = look.alarms
    stored = _store(data, [(step.base, _signed(signer, step)) for step in look.steps], now_ms)
    if memory and stored:
        alarms += _remember(memory, signer, stored)
    if alarms:
        raise LedgerAlarm(alarms[0].origin, alarms[0].reason, others=tuple(alarms[1:]))
    return stored


def standing(
    data: Database,
    signer: Signer,
    remembered: Mapping[str, Checkpoint],
    held: Mapping[LogId, str] | None = None,
) -> list[LedgerAlarm]:
    """Everything that `publish` would raise now; signs and stores nothing."""
    return _look(data, signer, remembered, 0, only=None, held=held or {}).alarms


def _look(
    data: Database,
    signer: Signer,
    remembered: Mapping[str, Checkpoint],
    now_ms: int,
    *,
    only: Collection[LogId] | None,
    held: Mapping[LogId, str],
    thorough: bool = True,
) -> _Look:
    alarms: list[LedgerAlarm] = []
    with data.read() as conn:
        heads = _heads(conn, signer)
        ended = given_up.every(conn)
        if only is None:
            alarms += _vanished(heads, remembered)
            alarms += _outgrown(ended.values(), signer.ledger_host, remembered)
        wanted = [at for at in heads if at.log not in ended and (only is None or at.log in only)]
        alarms += [LedgerAlarm(at.origin, held[at.log]) for at in wanted if at.log in held]
        free = [
            at
            for at in wanted
            if at.log not in held and (thorough or not at.rests(remembered.get(at.origin)))
        ]
        return _Look(list(_steps(conn, signer, free, remembered, now_ms, alarms)), alarms)


def _signed(signer: Signer, step: _Step) -> Published:
    at, note = step.at, signer.sign(step.checkpoint, step.generations)
    return Published(log=at.log, size=at.size, root=at.root, frontier=at.frontier, note=note)


def _heads(conn: Connection, signer: Signer) -> list[_Head]:
    c, k = head.c, checkpoint.c
    newest = select(func.max(k.size)).where(k.bucket == c.bucket, k.year == c.year).scalar_subquery()
    query = select(c.bucket, c.year, c.size, c.root, c.frontier, func.coalesce(newest, 0).label("signed"))
    rows = conn.execute(query.order_by(c.bucket, c.year))
    logs = ((LogId(row.bucket, row.year), row) for row in rows)
    return [
        _Head(log, origin_of(signer.ledger_host, log), row.size, row.root, row.frontier, row.signed)
        for log, row in logs
    ]


def _remember(memory: Memory, signer: Signer, stored: list[Published]) -> list[LedgerAlarm]:
    origins = [origin_of(signer.ledger_host, at.log) for at in stored]
    try:
        memory.save(
            {name: Checkpoint(name, at.size, at.root) for name, at in zip(origins, stored, strict=True)}
        )
    except LedgerAlarm as alarm:
        return [alarm]
    return []


def _vanished(heads: list[_Head], remembered: Mapping[str, Checkpoint]) -> list[LedgerAlarm]:
    known = {at.origin for at in heads}
    return [LedgerAlarm(name, "a log that was signed is gone") for name in remembered if name not in known]


def _outgrown(
    ended: Collection[GivenUp], ledger_host: str, remembered: Mapping[str, Checkpoint]
) -> list[LedgerAlarm]:
    """A log that was given up was signed all the same, by somebody who did not know it or who has its key."""
    heads = [(one.end(ledger_host), remembered.get(origin_of(ledger_host, one.log))) for one in ended]
    return [
        LedgerAlarm(end.origin, f"given up at size {end.size}, and signed at {known.size}")
        for end, known in heads
        if known is not None and known.size > end.size
    ]


def _steps(
    conn: Connection,
    signer: Signer,
    heads: list[_Head],
    remembered: Mapping[str, Checkpoint],
    now_ms: int,
    alarms: list[LedgerAlarm],
) -> Iterator[_Step]:
    for at in heads:
        try:
            base = _base_of(conn, signer, at, remembered.get(at.origin))
        except LedgerAlarm as alarm:
            alarms.append(alarm)
        except LedgerError as error:
            alarms.append(LedgerAlarm(at.origin, f"what is stored cannot be checked ({error.code})"))
        else:
            if base is not None:
                yield _Step(base, at, log_keys.signing(conn, at.log, now_ms))


def _base_of(conn: Connection, signer: Signer, at: _Head, before: Checkpoint | None) -> int | None:
    """The signed size from which a checked step leads to `at`; None when that is signed already."""
    last = published.newest(conn, at.log)
    if before:
        _check_successor(conn, at, before)
    if last:
        _check_signed(conn, signer, at, last)
        _check_successor(conn, at, Checkpoint(at.origin, last.size, last.root))
    if at.size == (last.size if last else 0):
        return None
    _check_entries(conn, at, last)
    return last.size if last else 0


def _check_signed(conn: Connection, signer: Signer, at: _Head, last: Published) -> None:
    """The stored checkpoint row must say what its own signature says."""
    try:
        found = checkpoints.verify(last.note, log_keys.every(conn, signer, at.log))
        edge = RightEdge.from_bytes(last.size, last.frontier)
    except (LedgerError, ValueError) as error:
        raise LedgerAlarm(at.origin, "the stored checkpoint does not verify") from error
    if found != Checkpoint(at.origin, last.size, last.root) or edge.root() != last.root:
        raise LedgerAlarm(at.origin, "the stored checkpoint says something else than its signature")


def _check_successor(conn: Connection, at: _Head, before: Checkpoint) -> None:
    """Whatever was signed once must be a prefix of what stands there now."""
    if before.size > at.size:
        raise LedgerAlarm(at.origin, f"rolled back behind the signed size {before.size}")
    path = prove.consistency(conn, at.log, before.size, at.size) if before.size else []
    if not verify_consistency(before.size, at.size, before.root, at.root, path):
        raise LedgerAlarm(at.origin, f"not consistent with the signed head of size {before.size}")


def _check_entries(conn: Connection, at: _Head, last: Published | None) -> None:
    edge = RightEdge.from_bytes(last.size, last.frontier) if last else RightEdge(0, {})
    for leaves in _new_leaves(conn, at, edge.size):
        edge = absorb(edge, leaves)
    if (edge.size, edge.root(), bytes(edge)) != (at.size, at.root, at.frontier):
        raise LedgerAlarm(at.origin, "the head is not what its entries give")


def _new_leaves(conn: Connection, at: _Head, start: int) -> Iterator[list[bytes]]:
    c = entry.c
    mine = (c.bucket == at.log.bucket, c.year == at.log.year)
    while start < at.size:
        end = min(start + _CHUNK, at.size)
        query = select(c.idx, c.leaf, c.body).where(*mine, c.idx >= start, c.idx < end).order_by(c.idx)
        rows = conn.execute(query).all()
        leaves = leaves_of(row.body for row in rows)
        for expected, (row, leaf) in enumerate(zip(rows, leaves, strict=True), start):
            if row.idx != expected or row.leaf != leaf:
                raise LedgerAlarm(at.origin, f"entry {expected} is not what was appended")
        if len(rows) != end - start:
            raise LedgerAlarm(at.origin, f"entries from {start} on are missing")
        yield leaves
        start = end


def _store(data: Database, steps: list[tuple[int, Published]], now_ms: int) -> list[Published]:
    """Insert under the heads' locks, so that of two publishers only one takes each step."""
    if not steps:
        return []
    with data.write() as conn:
        _LOCK_HEADS(conn, [tuple(new.log) for _, new in steps])
        ended = given_up.every(conn)
        free = [new for base, new in steps if new.log not in ended and _base(conn, new.log) == base]
        for new in free:
            conn.execute(checkpoint.insert(), _row(new, now_ms))
    return free


def _base(conn: Connection, log: LogId) -> int:
    last = published.newest(conn, log)
    return last.size if last else 0


def _row(at: Published, now_ms: int) -> dict[str, object]:
    return {
        "bucket": at.log.bucket,
        "year": at.log.year,
        "size": at.size,
        "root": at.root,
        "frontier": at.frontier,
        "note": at.note,
        "created_at": now_ms,
    }
