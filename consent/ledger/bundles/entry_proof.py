"""The proof of one entry on its own: a C2SP tlog-proof and the exact bytes that it is about."""

from dataclasses import dataclass

from sqlalchemy import Connection

from consent.ledger import prove
from consent.ledger.errors import LedgerAlarm
from consent.ledger.formats import checkpoint, note
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.policy import Policy
from consent.ledger.formats.proof import Proof
from consent.ledger.origin import LogId
from consent.ledger.publishing import given_up
from consent.ledger.tree import leaf_hash, verify_inclusion
from consent.ledger.witnesses import witnessed


@dataclass(frozen=True, slots=True)
class EntryProof:
    """An entry's exact bytes, its proof file, and the head that the proof leads to."""

    body: bytes
    proof: Proof
    head: Checkpoint


def prove_entry(conn: Connection, log: LogId, idx: int, witnesses: Policy) -> EntryProof:
    """The entry under the newest checkpoint that the quorum has cosigned, else the newest.

    One that was logged again is proven where it stands now.

    Raises NotYetPublished, and LedgerAlarm when what the data base holds does not lead to the signed root.
    """
    log, idx = given_up.standing(conn, log, idx)
    signed = witnessed.covering(conn, log, idx, witnesses)
    (path,) = prove.inclusion(conn, log, [idx], signed.at.size)
    ((_, body),) = prove.entries(conn, log, [idx])
    head = checkpoint.parse_text(note.parse(signed.note).text)
    if not verify_inclusion(leaf_hash(body), idx, head.size, path, head.root):
        raise LedgerAlarm(head.origin, f"entry {idx} does not lead to the signed root of size {head.size}")
    return EntryProof(body, Proof(idx, tuple(path), signed.note), head)
