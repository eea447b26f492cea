"""Collecting cosignatures: what is sent to a witness, and which of its answers is believed and kept.

A line is stored only when it is a known key's, holds for exactly the checkpoint that was sent, and says a time
near ours; so a row of `ledger_cosignature` is never more than what a witness really said. While a log is idle
its witnesses are asked again now and then: what they say last shows that the log has not moved, what they said
first is for bundles.
"""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import Connection, select

from consent.ledger import prove
from consent.ledger.errors import Malformed, Unproven
from consent.ledger.formats import checkpoint, cosignature, note
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.cosignature import Cosigned
from consent.ledger.formats.note import SignatureLine, VerifierKey
from consent.ledger.published import Published
from consent.ledger.tables import cosigned_last
from consent.ledger.tree import verify_consistency
from consent.ledger.witnesses.submission import Submission
from vault.storage.database import Database
from vault.storage.rowset import RowSet

SKEW_S: Final = 300
"""How far a witness's clock may be from ours."""

RENEW_S: Final = 600
"""After how long a witness is asked about the same checkpoint again."""

type Line = tuple[Cosigned, SignatureLine]

_KEEP = RowSet(
    "WITH {rows} INSERT INTO ledger_cosignature (bucket, year, size, witness, key_id, line, at_s, received_at) "
    "SELECT bucket, year, size, witness, key_id, line, at_s, received_at FROM rows WHERE true "
    "ON CONFLICT (bucket, year, size, witness, key_id) DO NOTHING",
    bucket="int",
    year="int",
    size="int",
    witness="text",
    key_id="bytes",
    line="text",
    at_s="int",
    received_at="int",
)


_RENEW = RowSet(
    "WITH {rows} INSERT INTO ledger_cosigned_last (bucket, year, witness, key_id, size, line, at_s) "
    "SELECT bucket, year, witness, key_id, size, line, at_s FROM rows WHERE true "
    "ON CONFLICT (bucket, year, witness, key_id) DO UPDATE SET size = excluded.size, line = excluded.line, "
    "at_s = excluded.at_s WHERE excluded.size > ledger_cosigned_last.size "
    "OR (excluded.size = ledger_cosigned_last.size AND excluded.at_s > ledger_cosigned_last.at_s)",
    bucket="int",
    year="int",
    witness="text",
    key_id="bytes",
    size="int",
    line="text",
    at_s="int",
)


def wants(conn: Connection, at: Published, keys: Collection[VerifierKey], now_s: int) -> bool:
    """Whether one of these keys has not cosigned the checkpoint yet, or not for ten minutes."""
    c = cosigned_last.c
    lately = (c.size == at.size, c.at_s > now_s - RENEW_S)
    mine = (c.bucket == at.log.bucket, c.year == at.log.year, *lately)
    held = {(row.witness, row.key_id) for row in conn.execute(select(c.witness, c.key_id).where(*mine))}
    return any((key.name, key.key_id) not in held for key in keys)


def submission(conn: Connection, at: Published, old: int) -> Submission:
    """The checkpoint with its proof from `old`, a size not above its own."""
    proof = prove.consistency(conn, at.log, old, at.size) if old else []
    return Submission(old, tuple(proof), at.note)


def lines_in(answer: bytes, at: Published, keys: Collection[VerifierKey], now_s: int) -> list[Line]:
    """The lines of an answer that are these keys' cosignatures of the checkpoint; others' are ignored.

    Raises Malformed, or Unproven when a known key's line does not hold, none is there, or its time is not near
    `now_s`.
    """
    text = note.parse(at.note).text
    given = note.parse(text.encode() + b"\n" + answer)
    found = {(one.key.name, one.key.key_id): one for one in cosignature.verify(given, keys)}
    if not found:
        raise Unproven("no cosignature by a key of this witness")
    if any(abs(one.at_s - now_s) > SKEW_S for one in found.values()):
        raise Unproven("a cosignature of another time")
    lines = {(line.name, line.key_id): line for line in reversed(given.signatures)}
    return [(one, lines[name]) for name, one in found.items()]


def keep(data: Database, at: Published, lines: Sequence[Line], now_ms: int) -> None:
    """Store cosignatures of a checkpoint: the first of each key for ever, beside it the last."""
    said = [(one.key.name, one.key.key_id, str(line), one.at_s) for one, line in lines]
    with data.write() as conn:
        _KEEP(conn, [(*at.log, at.size, *one, now_ms) for one in said])
        _RENEW(conn, [(*at.log, name, key_id, at.size, line, at_s) for name, key_id, line, at_s in said])


def shown_by(data: bytes, log_keys: Collection[VerifierKey]) -> Checkpoint:
    """The checkpoint a witness shows, signed by the log itself; raises Malformed or Unproven."""
    return checkpoint.verify(data, log_keys)


def contradiction(conn: Connection, at: Published, head: Checkpoint) -> str | None:
    """Why a head that the log itself signed cannot stand beside ours; None when it can."""
    if head.size > at.size:
        return f"a witness holds a signed head of size {head.size}, beyond ours"
    proof = prove.consistency(conn, at.log, head.size, at.size) if head.size else []
    if not verify_consistency(head.size, at.size, head.root, at.root, proof):
        return f"a witness holds another signed head of size {head.size}"
    return None


def size_in(answer: bytes) -> int:
    """The size a witness says it cosigned last; raises Malformed."""
    try:
        return checkpoint.number(answer.decode("ascii").removesuffix("\n"))
    except UnicodeDecodeError:
        raise Malformed("not a size") from None
