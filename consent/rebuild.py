"""Every consent and use told again from the ledger alone, and what is stored held against it (consent.md §6, 35).

State and counters are the columns that move; entries and the rows they name by their id are not. Replayed in the
order of their entries they give every consent's state and how often it and each of its uses were spent. An entry
about an approval, a use or an end whose row is gone is found too. Keys are not needed: that an entry commits to just
these rows is for `committed` and receipts to say, and that the entries are whole for `ledger.checking.fsck`.

* `check(vault) -> Iterator[Progress | Divergence]`: everything, in pages; changes nothing.
* `retold(max_uses, happened) -> Life | None`: pure; None when the entries tell no lawful life.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from itertools import batched, groupby
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, select, tuple_

from consent.ids import GrantId, UseId
from consent.ledger import published
from consent.ledger.checking.fsck import Progress
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.errors import LedgerError
from consent.ledger.origin import LogId, origin_of
from consent.ledger.tables import entry
from consent.schema.grant_states import GrantState, may_move
from consent.schema.tables import consent_grant
from vault.ids import Bucket, SubjectId
from vault.opening import Vault
from vault.reading.outlines import outlines
from vault.storage.database import metadata
from vault.storage.rowset import RowSet

CONSENTS: Final = "consents"
_PAGE: Final = 500
_CHUNK: Final = 4_096
_AT_ONCE: Final = 50_000
"""Entries whose rows are looked for together: not every table is indexed by the id of its entries."""
_KINDS: Final = frozenset({Kind.GRANT, Kind.ACCESS, Kind.WITHDRAW})


class Flaw(StrEnum):
    NO_ROW = "the ledger knows this event, but it is not stored"
    UNLAWFUL = "the ledger's entries tell no lawful life of this consent"
    STATE = "the state is not the one that the ledger's entries give"
    USED = "the number of uses is not the one that the ledger's entries give"
    SPENT = "a use is not spent as often as the ledger's entries give"
    OPEN = "a use of a consent that has ended is still open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """One disagreement: about a stored consent, or about the entry at `idx` of the log `origin`."""

    flaw: Flaw
    grant_id: GrantId | None = None
    origin: str = ""
    idx: int | None = None


class What(StrEnum):
    """What an entry's row is: the decision itself, a use, and the rows that move a consent."""

    DECISION = "decision"
    USE = "use"
    SUSPENSION = "suspended"
    CONFIRMATION = "confirmed"
    WITHDRAWAL = "withdrawal"
    TERMINATION = "termination"
    REVOCATION = "revoked"
    INVALIDATION = "invalidated"
    DEFERRAL = "deferral"
    AGREEMENT = "agreed"
    DISAGREEMENT = "disagreed"
    TAKEN_BACK = "taken_back"
    LAPSE = "lapsed"


@dataclass(frozen=True, slots=True)
class Event:
    """One entry about a consent; `use_id` of a use."""

    what: What
    kind: Kind
    use_id: UseId | None = None


@dataclass(slots=True)
class Life:
    """What the entries so far give."""

    state: GrantState
    used: int = 0
    spent: Counter[UseId] = field(default_factory=Counter)


_TOLD = (
    "SELECT rows.i, {what}, {use}, e.year, e.idx, e.body FROM rows JOIN {table} t ON t.bucket = rows.bucket "
    "AND t.{grant} = rows.id JOIN ledger_entry e ON e.bucket = t.bucket AND e.year = t.ledger_year AND e.id = t.id"
)
_DECISION = (
    "CASE WHEN EXISTS (SELECT 1 FROM deferral d WHERE d.bucket = t.bucket AND d.grant_id = t.id) "
    f"THEN '{What.DEFERRAL}' ELSE '{What.DECISION}' END"
)
_EVENTS = RowSet(
    "WITH {rows} "
    + " UNION ALL ".join(
        _TOLD.format(what=what, use=use, table=table, grant=grant)
        for what, use, table, grant in (
            (f"'{What.USE}'", "t.use_id", "disclosure", "grant_id"),
            (_DECISION, "NULL", "consent_grant", "id"),
            (f"'{What.WITHDRAWAL}'", "NULL", "withdrawal", "grant_id"),
            (f"'{What.TERMINATION}'", "NULL", "termination", "grant_id"),
            ("t.kind", "NULL", "annulment", "grant_id"),
            ("t.step", "NULL", "protection_step", "grant_id"),
            ("t.step", "NULL", "guarded_step", "grant_id"),
        )
    )
    + f" WHERE t.step IN ('{What.SUSPENSION}', '{What.CONFIRMATION}')",
    bucket="int",
    id="bytes",
)
_USES = RowSet(
    "WITH {rows} SELECT rows.i, u.id, u.spent, u.quota, u.voided_at FROM rows "
    "JOIN use u ON u.bucket = rows.bucket AND u.grant_id = rows.id",
    bucket="int",
    id="bytes",
)
_OWNERS = RowSet(
    "WITH {rows} SELECT rows.idx, o.subject FROM rows JOIN ledger_opening o ON o.bucket = rows.bucket "
    "AND o.year = rows.year AND o.idx = rows.idx",
    bucket="int",
    year="int",
    idx="int",
)
_DECIDED: Final = {
    (What.DECISION, Kind.GRANT): GrantState.ACTIVE,
    (What.DECISION, Kind.REFUSE): GrantState.REFUSED,
    (What.DEFERRAL, Kind.GRANT): GrantState.DEFERRED,
}
_FIRST: Final = frozenset({What.DECISION, What.DEFERRAL})
_MOVES: Final = {
    What.SUSPENSION: (Kind.GRANT, GrantState.SUSPENDED),
    What.CONFIRMATION: (Kind.GRANT, GrantState.ACTIVE),
    What.WITHDRAWAL: (Kind.WITHDRAW, GrantState.WITHDRAWN),
    What.TERMINATION: (Kind.WITHDRAW, GrantState.TERMINATED),
    What.REVOCATION: (Kind.WITHDRAW, GrantState.REVOKED),
    What.INVALIDATION: (Kind.WITHDRAW, GrantState.INVALIDATED),
    What.AGREEMENT: (Kind.GRANT, GrantState.ACTIVE),
    What.DISAGREEMENT: (Kind.REFUSE, GrantState.REFUSED),
    What.TAKEN_BACK: (Kind.REFUSE, GrantState.REFUSED),
    What.LAPSE: (Kind.REFUSE, GrantState.LAPSED),
}


_OVER: Final = frozenset(
    {GrantState.WITHDRAWN, GrantState.TERMINATED, GrantState.REVOKED, GrantState.INVALIDATED}
)


def retold(max_uses: int, happened: Iterable[Event]) -> Life | None:
    """A consent's life from its entries in the ledger's order; None when they tell none that the rules allow."""
    life: Life | None = None
    for event in happened:
        if life is None or event.what in _FIRST:
            if life is not None or (event.what, event.kind) not in _DECIDED:
                return None
            life = Life(_DECIDED[event.what, event.kind])
        elif not _goes_on(life, max_uses, event):
            return None
    return life


def _goes_on(life: Life, max_uses: int, event: Event) -> bool:
    """Whether the event may follow; then it has."""
    if event.use_id is None:
        kind, after = _MOVES[event.what]
        lawful = event.kind is kind and may_move(life.state, after)
        life.state = after
        return lawful
    if event.kind is not Kind.ACCESS or life.state is not GrantState.ACTIVE or life.used >= max_uses:
        return False
    life.used += 1
    life.spent[event.use_id] += 1
    if life.used == max_uses:
        life.state = GrantState.EXHAUSTED
    return True


def check(vault: Vault) -> Iterator[Progress | Divergence]:
    """Replay everything, in one snapshot."""
    with vault.data.read() as conn:
        for log in published.logs(conn):
            yield from _check_log(conn, log, origin_of(vault.installation.ledger_host, log))
        yield from _check_consents(conn)


def _check_consents(conn: Connection) -> Iterator[Progress | Divergence]:
    g, done = consent_grant.c, 0
    total = conn.execute(select(func.count()).select_from(consent_grant)).scalar_one()
    page = select(g.bucket, g.id, g.state, g.used, g.max_uses).order_by(g.bucket, g.id).limit(_PAGE)
    after: tuple[int, bytes] = (-1, b"")
    while rows := conn.execute(page.where(tuple_(g.bucket, g.id) > tuple_(*after))).all():
        after = (rows[-1].bucket, rows[-1].id)
        keys = [(row.bucket, row.id) for row in rows]
        told, uses = _events(conn, keys), _uses(conn, keys)
        for at, row in enumerate(rows):
            for flaw in _flaws(row, retold(row.max_uses, told.get(at, ())), uses.get(at, ())):
                yield Divergence(flaw=flaw, grant_id=GrantId(row.id))
        done += len(rows)
        yield Progress(CONSENTS, done, max(total, done))


def _flaws(row: Any, life: Life | None, uses: Sequence[tuple[Any, ...]]) -> Iterator[Flaw]:
    if life is None:
        yield Flaw.UNLAWFUL
        return
    if row.state != life.state:
        yield Flaw.STATE
    if row.used != life.used:
        yield Flaw.USED
    if any(spent != life.spent[use] for _, use, spent, *_ in uses) or life.spent.keys() - {
        u[1] for u in uses
    }:
        yield Flaw.SPENT
    if life.state in _OVER and any(spent < quota and voided is None for *_, spent, quota, voided in uses):
        yield Flaw.OPEN


def _events(conn: Connection, keys: Sequence[tuple[int, bytes]]) -> Mapping[int, list[Event]]:
    """What happened to each consent, in the order of the logs; entries that are none are fsck's finding."""
    found: dict[int, list[Event]] = {}
    for i, what, use, _, _, body in sorted(_EVENTS(conn, keys), key=_in_time):
        kind = _kind(body)
        if kind is not None:
            found.setdefault(i, []).append(Event(What(what), kind, None if use is None else UseId(use)))
    return found


def _in_time(row: tuple[Any, ...]) -> tuple[int, tuple[int, int], int]:
    """By consent, and then as its entries came: all logs of a consent are of one bucket."""
    i, _, _, year, idx, _ = row
    return i, LogId(0, year).when, idx


def _uses(conn: Connection, keys: Sequence[tuple[int, bytes]]) -> Mapping[int, list[tuple[Any, ...]]]:
    rows = sorted(_USES(conn, keys), key=itemgetter(0))
    return {i: list(mine) for i, mine in groupby(rows, key=itemgetter(0))}


def _check_log(conn: Connection, log: LogId, origin: str) -> Iterator[Progress | Divergence]:
    mine = (entry.c.bucket == log.bucket) & (entry.c.year == log.year)
    size = conn.execute(select(func.count()).select_from(entry).where(mine)).scalar_one()
    for some in batched(_bodies(conn, mine), _AT_ONCE):
        events = [(idx, raw) for idx, raw, body in some if _kind(body) in _KINDS]
        stored = {i for (i,) in _stored()(conn, [(log.bucket, raw) for _, raw in events])}
        missing = [idx for at, (idx, _) in enumerate(events) if at not in stored]
        for idx in _not_erased(conn, log, missing):
            yield Divergence(flaw=Flaw.NO_ROW, origin=origin, idx=idx)
        done = some[-1][0] + 1
        yield Progress(f"{origin} {CONSENTS}", done, max(size, done))


def _not_erased(conn: Connection, log: LogId, missing: Sequence[int]) -> Iterator[int]:
    """Without the entries of erased people, of whom some rows are destroyed (`guarded.forget`)."""
    owners = {idx: SubjectId(subject) for idx, subject in _OWNERS(conn, [(*log, idx) for idx in missing])}
    people = outlines(conn, ((Bucket(log.bucket), subject) for subject in owners.values()))
    erased = {one.subject for one in people if one.state == "erased"}
    yield from (idx for idx in missing if owners.get(idx) not in erased)


def _bodies(conn: Connection, mine: ColumnElement[bool]) -> Iterator[tuple[int, bytes, bytes]]:
    """(index, id, body) of a log's entries, in order."""
    listed = select(entry.c.idx, entry.c.id, entry.c.body).where(mine).order_by(entry.c.idx).limit(_CHUNK)
    after = -1
    while rows := conn.execute(listed.where(entry.c.idx > after)).all():
        after = rows[-1].idx
        yield from ((row.idx, row.id, row.body) for row in rows)


@cache
def _stored() -> RowSet:
    """Which of these entries stand for a row: of any table whose rows need an entry of their id."""
    tables = sorted(
        table.name
        for table in metadata.tables.values()
        if any(key.name == f"fk_{table.name}_ledger_entry" for key in table.foreign_key_constraints)
    )
    found = " UNION ".join(
        f"SELECT rows.i FROM rows JOIN {name} t ON t.bucket = rows.bucket AND t.id = rows.id"
        for name in tables
    )
    return RowSet("WITH {rows} " + found, bucket="int", id="bytes")


def _kind(body: bytes) -> Kind | None:
    try:
        return parse(body).kind
    except LedgerError:
        return None
