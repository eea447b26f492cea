"""The ledger's word on a person's copy of their own data: committed first, read back, and only then a permit.

The entry is of kind `disclose` in the person's chain, with recipient `self`, the purpose `export` and the fields
that are read, so that a copy somebody else took in the person's name shows there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from consent.ledger.append import Position, append
from consent.ledger.bearing import Claim, bears_out
from consent.ledger.entries.commitment import Field, commit
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.openings import reopen
from consent.ledger.origin import LogId
from consent.ledgering import entry_items
from vault.ids import Bucket, SubjectId, new_id
from vault.opening import Vault
from vault.storage.rowset import RowSet

SELF: Final = "self"
EXPORT: Final = "export"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRead:
    """One person's part of a copy, as its ledger entry says; `at_ms` is Unix milliseconds."""

    bucket: Bucket
    subject: SubjectId
    actor: str
    fields: tuple[str, ...]
    at_ms: int
    position: Position

    @property
    def log(self) -> LogId:
        return LogId(self.position.bucket, self.position.year)

    def committed(self) -> tuple[Field, ...]:
        """What the entry commits to."""
        return _committed(self.fields, self.actor)


_LEAF = RowSet(
    "WITH {rows} SELECT rows.i, e.leaf, e.body FROM rows JOIN ledger_entry e ON e.bucket = rows.bucket "
    "AND e.year = rows.year AND e.idx = rows.idx",
    bucket="int",
    year="int",
    idx="int",
)


def enter(
    vault: Vault,
    people: Sequence[tuple[Bucket, SubjectId]],
    fields: Sequence[str],
    actor: str,
    now_ms: int,
) -> list[OwnRead]:
    """Write one entry for each person whose values are about to be copied, in a transaction of its own."""
    named = tuple(sorted(fields))
    committed = _committed(named, actor)
    about = [(bucket, subject, new_id(bucket, now_ms), committed) for bucket, subject in people]
    items = entry_items(vault, Kind.DISCLOSE, about, now_ms)
    with vault.data.write() as conn:
        positions = append(conn, items, now_ms, vault.installation.ledger_host)
    return [
        OwnRead(bucket=bucket, subject=subject, actor=actor, fields=named, at_ms=now_ms, position=position)
        for (bucket, subject), position in zip(people, positions, strict=True)
    ]


def borne_out(conn: Connection, vault: Vault, reads: Sequence[OwnRead]) -> list[bool]:
    """For each read, whether the committed entry is there, is of this person and opens to exactly this."""
    secrets = reopen(conn, vault, [(read.log, read.position.idx) for read in reads])
    stored = {i: (leaf, body) for i, leaf, body in _LEAF(conn, [(*r.log, r.position.idx) for r in reads])}
    keys = vault.keyring.subject_keys(sorted({(read.bucket, read.subject) for read in reads}))
    answers: list[bool] = []
    for at, read in enumerate(reads):
        secret, key = secrets.get((read.log, read.position.idx)), keys.get(read.subject)
        answers.append(
            secret is not None
            and key is not None
            and stored.get(at) == (read.position.leaf, read.position.body)
            and bears_out(_claim(read), key, vault.installation.ledger_host, commit(secret, read.committed()))
        )
    return answers


def _claim(read: OwnRead) -> Claim:
    return Claim(
        kind=Kind.DISCLOSE,
        id=parse(read.position.body).id,
        at_ms=read.at_ms,
        log=read.log,
        leaf=read.position.leaf,
        body=read.position.body,
    )


def _committed(fields: Sequence[str], actor: str) -> tuple[Field, ...]:
    return (("recipient", SELF), ("purpose", EXPORT), ("fields", ",".join(fields)), ("actor", actor))
