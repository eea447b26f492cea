"""Reading which logs were given up, where each ended, and which log carries it on."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from consent.ledger import published
from consent.ledger.ended_tables import again, given_up
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.origin import LogId, origin_of


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """A log that was given up: its end (`size`, `root`, `note`), how many stored entries are proven, and what follows.

    `note` is empty of a log that was never signed. `incident` is public; `given_up_at` in Unix milliseconds.
    """

    log: LogId
    next: LogId
    size: int
    root: bytes
    note: bytes
    kept: int
    stolen: bool
    incident: str
    given_up_at: int

    def end(self, ledger_host: str) -> Checkpoint:
        """The last head that was signed of it; nobody is to believe a larger one."""
        return Checkpoint(origin_of(ledger_host, self.log), self.size, self.root)


def of(conn: Connection, log: LogId) -> GivenUp | None:
    """What is known of a log's being given up; None of one that was not."""
    c = given_up.c
    row = conn.execute(select(given_up).where(c.bucket == log.bucket, c.year == log.year)).first()
    return None if row is None else _given_up(row)


def every(conn: Connection) -> dict[LogId, GivenUp]:
    """All logs that were given up."""
    found = map(_given_up, conn.execute(select(given_up)))
    return {one.log: one for one in found}


def others(conn: Connection) -> list[LogId]:
    """The logs that were not given up: those that are signed, and that witnesses are asked about."""
    ended = every(conn)
    return [log for log in published.logs(conn) if log not in ended]


def standing(conn: Connection, log: LogId, idx: int) -> tuple[LogId, int]:
    """Where an entry is to be proven: where it was logged again last, or else where it stands."""
    c = again.c
    while True:
        was = (c.bucket == log.bucket, c.was_year == log.year, c.was_idx == idx)
        row = conn.execute(select(c.year, c.idx).where(*was)).first()
        if row is None:
            return log, idx
        log, idx = LogId(log.bucket, row.year), row.idx


def _given_up(row: Row[Any]) -> GivenUp:
    return GivenUp(
        log=LogId(row.bucket, row.year),
        next=LogId(row.bucket, row.next_year),
        size=row.size,
        root=row.root,
        note=row.note,
        kept=row.kept,
        stolen=row.stolen,
        incident=row.incident,
        given_up_at=row.given_up_at,
    )
