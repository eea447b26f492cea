"""What witnesses are said to have said, held against the checkpoints it was about.

Each line must be of the checkpoint and the key that its row names, at the time that stands beside it. Of a
witness the operator's policy names the signature is verified; of others, as of one that was named once, nobody
here has the key.
"""

from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, Row, Table, select

from consent.ledger.errors import LedgerError
from consent.ledger.formats import cosignature as cosignatures
from consent.ledger.formats import note
from consent.ledger.formats.note import VerifierKey
from consent.ledger.formats.policy import Policy
from consent.ledger.origin import LogId
from consent.ledger.tables import checkpoint, cosignature, cosigned_last

_PAGE = 10_000

type _Row = Row[int, str, bytes, str, int, bytes]
"""(size, witness, key id, line, POSIX seconds, the checkpoint's note)."""

type Keys = Mapping[tuple[str, bytes], VerifierKey]
"""The witnesses' keys by name and key id."""


def check_cosigned(conn: Connection, log: LogId, witnesses: Policy) -> Iterator[tuple[str, int]]:
    """What is wrong with stored cosignatures of a log, and under which size."""
    keys = {(one.key.name, one.key.key_id): one.key for one in witnesses.witnesses}
    for table in (cosignature, cosigned_last):
        for row in _rows(conn, log, table):
            if not _holds(row, keys):
                yield "a stored cosignature is not what the witness said of it", row.size


def _rows(conn: Connection, log: LogId, table: Table) -> Iterator[_Row]:
    c, k = table.c, checkpoint.c
    same = (k.bucket == c.bucket) & (k.year == c.year) & (k.size == c.size)
    query = (
        select(c.size, c.witness, c.key_id, c.line, c.at_s, k.note)
        .join_from(table, checkpoint, same)
        .where(c.bucket == log.bucket, c.year == log.year)
        .order_by(c.size, c.witness, c.key_id)
    )
    yield from conn.execute(query.execution_options(yield_per=_PAGE))


def _holds(row: _Row, keys: Keys) -> bool:
    try:
        signed = note.parse(row.note + row.line.encode())
        line = signed.signatures[-1]
        if (line.name, line.key_id, str(line)) != (row.witness, row.key_id, row.line):
            return False
        key = keys.get((row.witness, row.key_id))
        if key is not None:
            cosignatures.verify(signed, [key])
        at_s: int = row.at_s
        return int.from_bytes(line.signature[:8]) == at_s
    except LedgerError:
        return False
