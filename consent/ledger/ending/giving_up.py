"""Giving a log up that cannot be carried on, damaged or with a key that somebody else has, and beginning its successor.

One transaction under the head's lock: the head is closed and carried over at once, a row names the newest
checkpoint that is known to have been signed anywhere and says why, and the log after it gets an entry with that
checkpoint and the digest of the incident's text. No index is ever used again: what stood behind the end is
logged again elsewhere (`relog`).

The successor is the next edition of the year, or, of a log whose year is over, the log that is open now. An
edition that a copy outside of the data base remembers counts too, because its origin was signed once.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, Row, insert, select, update

from consent.ledger import prove, published
from consent.ledger.append import append_about_log, lock
from consent.ledger.ended_tables import given_up as given_up_table
from consent.ledger.entries.log_entry import Opening, Why
from consent.ledger.errors import LedgerError, Malformed, WrongLog
from consent.ledger.formats import checkpoint as checkpoints
from consent.ledger.formats import note
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.origin import LogId, number_of, origin_of, parse_origin, year_of
from consent.ledger.published import Published
from consent.ledger.publishing import log_keys
from consent.ledger.publishing.given_up import GivenUp
from consent.ledger.publishing.signer import Signer
from consent.ledger.tables import checkpoint, head
from consent.ledger.tree import EMPTY_ROOT
from vault.ids import Bucket, new_id
from vault.storage.database import Database

MOST_REASON: Final = 4_000
"""Characters of what the operator says."""

_REASON = re.compile(r"[^\x00-\x09\x0b-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What giving a log up would do: where it ends, what carries it on, and what is left behind.

    `size` entries are stored here, `kept` of them under a signed checkpoint that they lead to.
    """

    log: LogId
    next: LogId
    end: Checkpoint
    size: int
    kept: int

    @property
    def behind(self) -> int:
        """How many stored entries can be proven in no tree of this log."""
        return self.size - self.kept


def plan(conn: Connection, signer: Signer, log: LogId, known: Collection[Checkpoint], now_ms: int) -> Plan:
    """What `give_up` would do now (Unix ms); `known` are the signed heads that are remembered elsewhere, of any log.

    Raises WrongLog for a log that has ended already, and for one that nobody has heard of.
    """
    origin, row = origin_of(signer.ledger_host, log), _head(conn, log)
    signed = [at for at in known if at.origin == origin]
    if row is None and not signed:
        raise WrongLog("no such log")
    if row is not None and row.closed_at is not None:
        raise WrongLog("the log has ended already")
    newest = next(_signed(conn, signer, log), None)
    kept = next((at.size for at in _signed(conn, signer, log) if _is_whole(conn, at)), 0)
    stored = [Checkpoint(origin, newest.size, newest.root)] if newest else []
    end = max([*stored, *signed], key=lambda at: at.size, default=Checkpoint(origin, 0, EMPTY_ROOT))
    return Plan(
        log=log,
        next=_next(conn, signer.ledger_host, log, known, now_ms),
        end=end,
        size=row.size if row is not None else 0,
        kept=kept,
    )


def give_up(
    data: Database,
    signer: Signer,
    log: LogId,
    known: Collection[Checkpoint],
    reason: str,
    now_ms: int,
    *,
    stolen: bool = False,
) -> GivenUp:
    """Do it, at `now_ms` (Unix ms); `reason` becomes public. Raises WrongLog like `plan`, and Malformed for a bad reason."""
    if not _REASON.fullmatch(reason) or len(reason) > MOST_REASON:
        raise Malformed("a reason is a text of lines, not longer than 4,000 characters")
    with data.write() as conn:
        lock(conn, log)
        found = plan(conn, signer, log, known, now_ms)
        _close(conn, log, now_ms)
        made = GivenUp(
            log=log,
            next=found.next,
            size=found.end.size,
            root=found.end.root,
            note=_note(conn, signer, found, now_ms),
            kept=found.kept,
            stolen=stolen,
            incident=_incident(signer.ledger_host, found, reason, now_ms, stolen=stolen),
            given_up_at=now_ms,
        )
        append_about_log(conn, found.next, _opening(made, signer.ledger_host), now_ms, signer.ledger_host)
        conn.execute(insert(given_up_table).values(**_row(made)))
    return made


def digest(incident: str) -> bytes:
    """What the successor's entry says of an incident's text."""
    return hashlib.sha256(incident.encode()).digest()


def _head(conn: Connection, log: LogId) -> Row[int, int | None] | None:
    c = head.c
    mine = (c.bucket == log.bucket, c.year == log.year)
    return conn.execute(select(c.size, c.closed_at).where(*mine)).first()


def _signed(conn: Connection, signer: Signer, log: LogId) -> Iterator[Published]:
    """The stored checkpoints whose rows say what their signatures say, the newest first."""
    keys, origin, c = log_keys.every(conn, signer, log), origin_of(signer.ledger_host, log), checkpoint.c
    sizes = select(c.size).where(c.bucket == log.bucket, c.year == log.year).order_by(c.size.desc())
    for size in conn.execute(sizes).scalars().all():
        at = published.at_size(conn, log, size)
        with suppress(LedgerError):
            if at and checkpoints.verify(at.note, keys) == Checkpoint(origin, at.size, at.root):
                yield at


def _is_whole(conn: Connection, at: Published) -> bool:
    """Whether the stored tree leads to this checkpoint."""
    try:
        return prove.root(conn, at.log, at.size) == at.root
    except LedgerError:
        return False


def _next(conn: Connection, ledger_host: str, log: LogId, known: Iterable[Checkpoint], now_ms: int) -> LogId:
    year = max(year_of(now_ms), log.calendar_year)
    c = head.c
    rows = conn.execute(select(c.year, c.closed_at).where(c.bucket == log.bucket)).all()
    stored = {LogId(log.bucket, row.year): row.closed_at is None for row in rows}
    later = [one for one, is_open in stored.items() if is_open and one.calendar_year == year]
    newest = max((one.when for one in later if one.when > log.when), default=None)
    if newest is not None:
        return LogId(log.bucket, number_of(*newest))
    heard = {one for one in _named(ledger_host, known) if one.bucket == log.bucket} | stored.keys() | {log}
    return LogId(
        log.bucket,
        number_of(year, 1 + max((one.edition for one in heard if one.calendar_year == year), default=0)),
    )


def _named(ledger_host: str, known: Iterable[Checkpoint]) -> Iterator[LogId]:
    for at in known:
        try:
            host, log = parse_origin(at.origin)
        except Malformed:  # an alarm about it stands already
            continue
        if host == ledger_host:
            yield log


def _close(conn: Connection, log: LogId, now_ms: int) -> None:
    mine = (head.c.bucket == log.bucket, head.c.year == log.year)
    ended = {"closed_at": now_ms, "carried_at": now_ms}
    if conn.execute(update(head).where(*mine).values(**ended)).rowcount == 0:
        # Only a copy outside remembers it: nothing may ever be written into it again.
        empty = {"size": 0, "root": EMPTY_ROOT, "frontier": b"", "ts": 0}
        conn.execute(insert(head).values(bucket=log.bucket, year=log.year, **empty, **ended))


def _note(conn: Connection, signer: Signer, found: Plan, now_ms: int) -> bytes:
    """The checkpoint of the end: as stored, or signed again. A signature of one head is the same bytes every time."""
    stored = published.at_size(conn, found.log, found.end.size)
    if stored is not None and stored.root == found.end.root:
        return stored.note
    if not found.end.size:
        return b""
    return signer.sign(found.end, log_keys.signing(conn, found.log, now_ms))


def _incident(ledger_host: str, found: Plan, reason: str, now_ms: int, *, stolen: bool) -> str:
    at = datetime.fromtimestamp(now_ms // 1000, UTC).isoformat().replace("+00:00", "Z")
    lines = (
        "perusal incident",
        f"log {found.end.origin}",
        f"given up {at}",
        f"ended at {found.end.size} {note.b64(found.end.root)}",
        f"carried on in {origin_of(ledger_host, found.next)}",
        f"key {'stolen' if stolen else 'kept'}",
        "",
        reason.rstrip("\n"),
        "",
    )
    return "\n".join(lines)


def _opening(made: GivenUp, ledger_host: str) -> Opening:
    return Opening(
        id=new_id(Bucket(made.log.bucket), made.given_up_at),
        ts=made.given_up_at,
        before=origin_of(ledger_host, made.log),
        size=made.size,
        root=made.root,
        checkpoint_sha256=hashlib.sha256(made.note).digest(),
        why=Why.DAMAGE,
        incident_sha256=digest(made.incident),
    )


def _row(made: GivenUp) -> dict[str, object]:
    return {
        "bucket": made.log.bucket,
        "year": made.log.year,
        "next_year": made.next.year,
        "size": made.size,
        "root": made.root,
        "note": made.note,
        "kept": made.kept,
        "stolen": made.stolen,
        "incident": made.incident,
        "given_up_at": made.given_up_at,
    }
