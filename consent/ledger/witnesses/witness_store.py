"""A witness's record: per log the checkpoint it cosigned last, in a SQLite data base of its own.

Checking against the record and writing it are one transaction of the only writer (BEGIN IMMEDIATE), durable when it
ends (synchronous=FULL): of many submissions at once each is held against what the one before left. The data base
itself refuses a head that shrinks or changes under the same size. A second signed head of one size is kept, a few for
each log: the two notes together are the proof that it lied. Other requests that do not hold prove nothing, because
anybody may send a sound checkpoint with a wrong proof.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, MetaData, Table, Text, func, select

from consent.ledger.errors import LedgerAlarm
from consent.ledger.formats import note
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.note import Note
from consent.ledger.publishing.memory import Memory
from consent.ledger.witnesses.witnessing import Asked, Cosigner, Record, Refused, weigh
from vault.storage.appendonly import append_only, install
from vault.storage.database import Database, open_database
from vault.storage.file_version import number, require

LAYOUT: Final = 1
"""Of the tables below (`vault.storage.file_version`)."""

MOST_CONTRADICTIONS: Final = 64

_metadata = MetaData()

_head = Table(
    "witness_head",
    _metadata,
    Column("origin", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("at_s", BigInteger, nullable=False),
)

_contradiction = Table(
    "witness_contradiction",
    _metadata,
    Column("origin", Text, primary_key=True),
    Column("size", BigInteger, primary_key=True),
    Column("root", LargeBinary(32), primary_key=True),
    Column("note", LargeBinary, nullable=False),
    Column("held", LargeBinary, nullable=False),
    Column("at_s", BigInteger, nullable=False),
)

append_only(_contradiction)
install(
    _head,
    sqlite="CREATE TRIGGER witness_head_grows BEFORE UPDATE ON witness_head "
    "WHEN NEW.origin <> OLD.origin OR NEW.size < OLD.size OR NEW.at_s < OLD.at_s "
    "OR (NEW.size = OLD.size AND NEW.root <> OLD.root) "
    "BEGIN SELECT RAISE(ABORT, 'a cosigned head only grows'); END",
)
install(
    _head,
    sqlite="CREATE TRIGGER witness_head_stays BEFORE DELETE ON witness_head "
    "BEGIN SELECT RAISE(ABORT, 'a cosigned head stays'); END",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Two heads of one size that one log signed: `note`, and `held`, which was cosigned (both exact notes)."""

    origin: str
    size: int
    note: bytes
    held: bytes
    at_s: int


@dataclass(frozen=True, slots=True)
class WitnessStore:
    """The record in `data`, and its second copy in `memory`."""

    data: Database
    memory: Memory

    def cosign(self, asked: Asked, cosigners: Sequence[Cosigner], now_s: int) -> bytes | Refused:
        """The cosignature lines, given only when the new record is durable; or why there are none."""
        with self.data.write() as conn:
            answer = _cosigned(conn, asked, cosigners, now_s)
        if isinstance(answer, bytes):
            self.memory.save({asked.head.origin: asked.head})
        return answer

    def newest(self, origin: str) -> bytes | None:
        """The log's last cosigned checkpoint with its own and the witness's signatures."""
        with self.data.read() as conn:
            return conn.execute(select(_head.c.note).where(_head.c.origin == origin)).scalar()

    def records(self) -> list[Record]:
        """Every log's record, by origin."""
        with self.data.read() as conn:
            rows = conn.execute(select(_head).order_by(_head.c.origin)).all()
        return [Record(Checkpoint(row.origin, row.size, row.root), row.at_s) for row in rows]

    def contradictions(self) -> list[Contradiction]:
        """What logs signed against their own record, oldest first."""
        c = _contradiction.c
        with self.data.read() as conn:
            rows = conn.execute(
                select(c.origin, c.size, c.note, c.held, c.at_s).order_by(c.at_s, c.origin)
            ).all()
        return [
            Contradiction(origin=row.origin, size=row.size, note=row.note, held=row.held, at_s=row.at_s)
            for row in rows
        ]

    def refuse_older(self) -> None:
        """Raise LedgerAlarm when the data base is behind what was cosigned before: a restored copy."""
        held = {one.head.origin: one.head for one in self.records()}
        for origin, known in self.memory.load().items():
            head = held.get(origin)
            if (
                head is None
                or head.size < known.size
                or (head.size == known.size and head.root != known.root)
            ):
                raise LedgerAlarm(origin, f"the data base is behind the cosigned size {known.size}")
        # What was committed in the moment of a crash is not remembered yet.
        self.memory.save(held)


def create(path: Path) -> None:
    """A new, empty record."""
    with closing(open_database(f"sqlite:///{path}")) as data, data.write() as conn:
        _metadata.create_all(conn)
        number(conn, LAYOUT)


@contextmanager
def opened(path: Path, memory: Memory) -> Iterator[WitnessStore]:
    """The record in a file that is there; raises OtherLayout."""
    with closing(open_database(f"sqlite:///{path}")) as data:
        with data.read() as conn:
            require(conn, LAYOUT)
        yield WitnessStore(data, memory)


def _cosigned(conn: Connection, asked: Asked, cosigners: Sequence[Cosigner], now_s: int) -> bytes | Refused:
    c = _head.c
    row = conn.execute(select(_head).where(c.origin == asked.head.origin)).first()
    last = None if row is None else Record(Checkpoint(row.origin, row.size, row.root), row.at_s)
    refused = weigh(asked, last, now_s)
    if refused is not None:
        if row and last and (asked.head.size == last.head.size and asked.head.root != last.head.root):
            _remember(conn, asked, row.note, now_s)
        return refused
    if row and last and (asked.head, now_s) == (last.head, last.at_s):
        # Anybody may post the public checkpoint again: within its second that costs nothing durable.
        said = _lines(row.note, cosigners)
        if said is not None:
            return said
    lines = tuple(one.line(asked.note.text, now_s) for one in cosigners)
    values = {
        "size": asked.head.size,
        "root": asked.head.root,
        "note": bytes(Note(asked.note.text, (*asked.note.signatures, *lines))),
        "at_s": now_s,
    }
    if row is None:
        conn.execute(_head.insert().values(origin=asked.head.origin, **values))
    else:
        conn.execute(_head.update().where(c.origin == asked.head.origin).values(**values))
    return "".join(map(str, lines)).encode()


def _lines(kept: bytes, cosigners: Sequence[Cosigner]) -> bytes | None:
    """What was said under a kept checkpoint; None unless each of these cosigners said something."""
    found = {(line.name, line.key_id): line for line in note.parse(kept).signatures}
    lines = [found.get((one.key.name, one.key.key_id)) for one in cosigners]
    return None if None in lines else "".join(map(str, lines)).encode()


def _remember(conn: Connection, asked: Asked, held: bytes, now_s: int) -> None:
    """Keep a contradiction, once; a log that signs any number of them has been found out by a few."""
    c, head = _contradiction.c, asked.head
    same = (c.origin == head.origin, c.size == head.size, c.root == head.root)
    count = select(func.count()).select_from(_contradiction).where(c.origin == head.origin)
    known = conn.execute(select(c.size).where(*same)).first()
    if known is None and conn.execute(count).scalar_one() < MOST_CONTRADICTIONS:
        values = {"origin": head.origin, "size": head.size, "root": head.root, "held": held, "at_s": now_s}
        conn.execute(_contradiction.insert().values(note=bytes(asked.note), **values))
