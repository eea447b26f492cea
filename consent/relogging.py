"""Logging again, in the log after it, what stands behind the end of a log that was given up.

An entry is taken over as it was committed: kind, id, commitment and sealed secret are the same, so whoever
holds its receipt or its opening can still show what it says; only its tag and its number are those of the new
log. What is damaged is not taken over, nor what was about the log itself, nor anything of a person whose keys
are gone, but for the certificate that says so. Each batch is a transaction of its own and nothing is logged
twice, so this can be broken off anywhere and begun again by anybody.

* `relog(vault, log, now_ms) -> Iterator[Progress]`: a report after each batch.
"""

import hmac
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, select

from consent.house import house_secret, house_tag, nobody
from consent.ledger.append import Item, Position, append
from consent.ledger.ended_tables import again
from consent.ledger.entries import log_entry
from consent.ledger.entries.entry import Entry, Kind, parse
from consent.ledger.errors import LedgerError
from consent.ledger.open_now import open_log, read_editions
from consent.ledger.openings import SealedSecret, tag_of, unsealed
from consent.ledger.origin import LogId, origin_of
from consent.ledger.publishing import given_up
from consent.ledger.publishing.given_up import GivenUp
from consent.ledger.tables import entry, opening
from consent.ledger.tree import leaf_hash
from vault.ids import Bucket, RecordId, SubjectId
from vault.keys.keyring import SubjectKey
from vault.opening import Vault
from vault.storage.rowset import RowSet

BATCH: Final = 256

NOTE = RowSet(
    "WITH {rows} INSERT INTO ledger_again (bucket, year, idx, was_year, was_idx) "
    "SELECT bucket, year, idx, was_year, was_idx FROM rows WHERE true ON CONFLICT DO NOTHING",
    bucket="int",
    year="int",
    idx="int",
    was_year="int",
    was_idx="int",
)


class Fate(StrEnum):
    """What becomes of an entry behind the end."""

    LOGGED = "logged"
    DAMAGED = "damaged"
    ERASED = "erased"
    ABOUT_LOG = "about_log"


@dataclass(slots=True)
class Progress:
    """How many entries there were to look at, and what became of those so far."""

    total: int
    fates: Counter[Fate] = field(default_factory=Counter)

    @property
    def done(self) -> int:
        return self.fates.total()


@dataclass(frozen=True, slots=True)
class _Stored:
    """An entry as its rows say; `subject` and `sealed` are None without an opening."""

    idx: int
    id: bytes
    leaf: bytes
    body: bytes
    subject: SubjectId | None
    sealed: bytes | None


@dataclass(frozen=True, slots=True)
class _Move:
    """From which log to which, and the keys of the people in a batch."""

    vault: Vault
    old: LogId
    new: LogId
    keys: Mapping[SubjectId, SubjectKey]

    def tags(self, row: _Stored) -> tuple[bytes, bytes] | None:
        """The tag an entry's owner has in each of the two logs; None where nobody has the key any more."""
        host = self.vault.installation.ledger_host
        origins = origin_of(host, self.old), origin_of(host, self.new)
        if row.subject == nobody(self.vault):
            return house_tag(self.vault, origins[0]), house_tag(self.vault, origins[1])
        key = None if row.subject is None else self.keys.get(row.subject)
        return None if key is None else (tag_of(key.ledger, origins[0]), tag_of(key.ledger, origins[1]))

    def opens(self, row: _Stored) -> bool:
        """Whether the sealed secret is still to be had."""
        if row.subject is None or row.sealed is None:
            return False
        if row.subject == nobody(self.vault):
            return house_secret(self.vault, row.id, row.sealed) is not None
        sealed = SealedSecret(Bucket(self.old.bucket), row.subject, RecordId(row.id), row.sealed)
        return unsealed(self.vault, [sealed]) != [None]


def relog(vault: Vault, log: LogId, now_ms: int) -> Iterator[Progress]:
    """Go on where it was broken off, at `now_ms` (Unix ms); nothing where the log was not given up."""
    with vault.data.read() as conn:
        ended = given_up.of(conn, log)
        read_editions(conn, vault.editions)
    if ended is None:
        return
    told = Progress(_count(vault, ended))
    after = -1
    while True:
        with vault.data.write() as conn:
            rows = _page(conn, ended, after)
            fates = _take(conn, vault, log, rows, now_ms) if rows else Counter[Fate]()
        if not rows:
            return
        after = rows[-1].idx
        told.fates += fates
        yield told


def _count(vault: Vault, ended: GivenUp) -> int:
    waiting = select(func.count()).select_from(entry.outerjoin(again, _AGAIN)).where(_behind(ended))
    with vault.data.read() as conn:
        return conn.execute(waiting).scalar_one()


_AGAIN: Final = (
    (again.c.bucket == entry.c.bucket) & (again.c.was_year == entry.c.year) & (again.c.was_idx == entry.c.idx)
)


def _behind(ended: GivenUp) -> ColumnElement[bool]:
    e = entry.c
    mine = (e.bucket == ended.log.bucket) & (e.year == ended.log.year)
    return mine & (e.idx >= ended.kept) & again.c.idx.is_(None)


def _page(conn: Connection, ended: GivenUp, after: int) -> list[_Stored]:
    e, o = entry.c, opening.c
    owned = (o.bucket == e.bucket) & (o.year == e.year) & (o.idx == e.idx)
    query = (
        select(e.idx, e.id, e.leaf, e.body, o.subject, o.sealed)
        .select_from(entry.outerjoin(again, _AGAIN).outerjoin(opening, owned))
        .where(_behind(ended), e.idx > after)
        .order_by(e.idx)
        .limit(BATCH)
    )
    return [_Stored(*row) for row in conn.execute(query)]


def _take(conn: Connection, vault: Vault, log: LogId, rows: Sequence[_Stored], now_ms: int) -> Counter[Fate]:
    bucket = Bucket(log.bucket)
    people = sorted({(bucket, row.subject) for row in rows if row.subject is not None})
    move = _Move(vault, log, open_log(vault, bucket, now_ms), vault.keyring.subject_keys(people))
    weighed = [_weighed(move, row) for row in rows]
    items = {row.idx: item for row, item in zip(rows, weighed, strict=True) if isinstance(item, Item)}
    positions = append(conn, list(items.values()), now_ms, vault.installation.ledger_host)
    NOTE(conn, [_noted(at, log, was) for at, was in zip(positions, items, strict=True)])
    return Counter(one if isinstance(one, Fate) else Fate.LOGGED for one in weighed)


def _weighed(move: _Move, row: _Stored) -> Item | Fate:
    """The entry as it is to be logged again, or why it is not."""
    found = _intact(row)
    if found is None:
        return Fate.ABOUT_LOG if _is_about_log(row.body) else Fate.DAMAGED
    tags = move.tags(row)
    if row.sealed is None or row.subject is None or (tags is None and found.kind is not Kind.ERASE):
        return Fate.ERASED
    # The certificate of an erasure is opened by a secret that is kept beside it; its tag is its own from now on.
    if tags is not None and not (hmac.compare_digest(found.tag, tags[0]) and move.opens(row)):
        return Fate.DAMAGED
    return Item(
        bucket=move.new.bucket,
        year=move.new.year,
        kind=found.kind,
        tag=tags[1] if tags else row.id,
        id=row.id,
        commitment=found.commitment,
        subject=row.subject,
        sealed_secret=row.sealed,
        editions=move.vault.editions,
    )


def _intact(row: _Stored) -> Entry | None:
    try:
        found = parse(row.body)
    except LedgerError:
        return None
    return found if leaf_hash(row.body) == row.leaf and found.id == row.id else None


def _is_about_log(body: bytes) -> bool:
    try:
        log_entry.parse(body)
    except LedgerError:
        return False
    return True


def _noted(at: Position, log: LogId, was: int) -> tuple[int, int, int, int, int]:
    return at.bucket, at.year, at.idx, log.year, was
