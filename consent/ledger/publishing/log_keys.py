"""Which keys sign a log: the first from its first day, each later one from its entry in the log on (`keyrot`).

For some time both sign, so that whoever knows one of them goes on believing the log; then the new one alone. A
key's row says from when that is, and is written in the transaction of its entry. No key is stored: each is
derived from the service key, the origin and the generation (`signer`). A key that got out is no case for this:
whoever has it can sign a history of its own, so such a log is given up.
"""

from typing import Final

from sqlalchemy import Connection, func, insert, select

from consent.ledger import published
from consent.ledger.append import append_about_log, lock
from consent.ledger.entries.log_entry import KeyRotation
from consent.ledger.errors import LedgerError
from consent.ledger.formats import note
from consent.ledger.formats.note import VerifierKey
from consent.ledger.formats.retired import Retired
from consent.ledger.origin import LogId, origin_of
from consent.ledger.published import Published
from consent.ledger.publishing import given_up
from consent.ledger.publishing.signer import FIRST, Signer
from consent.ledger.tables import checkpoint, log_key
from vault.ids import Bucket, new_id
from vault.storage.database import Database

OVERLAP_MS: Final = 30 * 86_400_000
"""How long the old key signs beside the new one."""


def rotate(
    data: Database, signer: Signer, log: LogId, now_ms: int, overlap_ms: int = OVERLAP_MS
) -> VerifierKey:
    """Begin the log's next key; times in Unix ms. Raises WrongLog for a closed log."""
    with data.write() as conn:
        lock(conn, log)
        generation = _newest(conn, log) + 1
        key = signer.key(origin_of(signer.ledger_host, log), generation)
        told = KeyRotation(id=new_id(Bucket(log.bucket), now_ms), ts=now_ms, key=key)
        at = append_about_log(conn, log, told, now_ms, signer.ledger_host)
        row = {"generation": generation, "idx": at.idx, "begun_at": now_ms, "alone_at": now_ms + overlap_ms}
        conn.execute(insert(log_key).values(bucket=log.bucket, year=log.year, **row))
    return key


def signing(conn: Connection, log: LogId, now_ms: int) -> tuple[int, ...]:
    """The generations that sign at a moment in Unix ms, the oldest first."""
    alone = _alone_at(conn, log)
    newest = max(alone, default=FIRST)
    return tuple(n for n in range(FIRST, newest + 1) if n == newest or now_ms < alone[n + 1])


def current(conn: Connection, signer: Signer, log: LogId, now_ms: int) -> tuple[VerifierKey, ...]:
    """The keys to be told to outsiders at a moment in Unix ms."""
    return _keys(signer, log, signing(conn, log, now_ms))


def told(conn: Connection, signer: Signer, now_ms: int) -> list[VerifierKey]:
    """The keys of every log that outsiders are to go by at a moment in Unix ms: of one whose key was stolen none."""
    return [key for log in _unstolen(conn) for key in current(conn, signer, log, now_ms)]


def told_retired(conn: Connection, signer: Signer, now_ms: int) -> list[Retired]:
    """The keys that sign no more of the same logs."""
    return [one for log in _unstolen(conn) for one in retired(conn, signer, log, now_ms)]


def _unstolen(conn: Connection) -> list[LogId]:
    ended = given_up.every(conn)
    return [log for log in published.logs(conn) if log not in ended or not ended[log].stolen]


def every(conn: Connection, signer: Signer, log: LogId) -> tuple[VerifierKey, ...]:
    """The keys that ever signed."""
    return _keys(signer, log, range(FIRST, _newest(conn, log) + 1))


def retired(conn: Connection, signer: Signer, log: LogId, now_ms: int) -> tuple[Retired, ...]:
    """The keys that sign no more at a moment in Unix ms, each with the last size it signed; not one that signed nothing."""
    alone, still = _alone_at(conn, log), signing(conn, log, now_ms)
    ended = [n for n in range(FIRST, max(alone, default=FIRST)) if n not in still]
    sizes = {n: _last_signed(conn, log, alone[n + 1]) for n in ended}
    keys = _keys(signer, log, tuple(ended))
    return tuple(
        Retired(key, size) for key, size in zip(keys, sizes.values(), strict=True) if size is not None
    )


def _last_signed(conn: Connection, log: LogId, before_ms: int) -> int | None:
    c = checkpoint.c
    mine = (c.bucket == log.bucket, c.year == log.year, c.created_at < before_ms)
    return conn.execute(select(func.max(c.size)).where(*mine)).scalar()


def signers(conn: Connection, signer: Signer, at: Published) -> tuple[VerifierKey, ...]:
    """The keys that signed a stored checkpoint; none when it does not verify."""
    try:
        return note.verify(note.parse(at.note), every(conn, signer, at.log))
    except LedgerError:
        return ()


def _keys(signer: Signer, log: LogId, generations: range | tuple[int, ...]) -> tuple[VerifierKey, ...]:
    origin = origin_of(signer.ledger_host, log)
    return tuple(signer.key(origin, n) for n in generations)


def _newest(conn: Connection, log: LogId) -> int:
    return max(_alone_at(conn, log), default=FIRST)


def _alone_at(conn: Connection, log: LogId) -> dict[int, int]:
    """Of each generation after the first: from when on those before it sign no more."""
    c = log_key.c
    query = select(c.generation, c.alone_at).where(c.bucket == log.bucket, c.year == log.year)
    return {row.generation: row.alone_at for row in conn.execute(query)}
