"""The rows of a withdrawal: which consents end together, under which locks, and what is written when they do.

A family is the consents that a request names, with every onward consent below them. All of it is locked in
sorted order like everywhere else (grants first, see `redemption.rows`), then read again: what joined it
meanwhile shows there.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection

from consent.delivery.events import Cause, EventKind, cause_of, queue
from consent.ids import ClientId, GrantId, RecipientId
from consent.ledger.append import Item
from consent.permits.committed import SIGNING
from consent.schema.grant_lock import LOCK
from consent.schema.grant_states import GrantState
from consent.signing.keys import NEWEST, Purpose, derived
from vault.ids import Bucket, SubjectId
from vault.opening import Vault
from vault.storage.rowset import Call, RowSet, volley

type Key = tuple[Bucket, GrantId]

ERASURE: Final = "erasure"
_ABOVE: Final = "parent"
"""The channel of what ends because something above it does."""

_FAMILY = RowSet(
    "WITH RECURSIVE {rows}, tree(id, depth) AS (SELECT g.id, 0 FROM rows JOIN consent_grant g "
    "ON g.bucket = rows.bucket AND g.subject = rows.subject WHERE (rows.id IS NULL OR g.id = rows.id) "
    "AND (rows.recipient IS NULL OR g.recipient_id = rows.recipient) "
    "AND (rows.purpose IS NULL OR g.purpose = rows.purpose) "
    "UNION ALL SELECT c.id, tree.depth + 1 FROM tree JOIN consent_grant c "
    "ON c.parent_grant = tree.id AND c.bucket = (SELECT rows.bucket FROM rows)), "
    "standing(id, depth, nearest) AS (SELECT id, max(depth), min(depth) FROM tree GROUP BY id) "
    "SELECT g.bucket, g.id, g.recipient_id, g.client_id, g.state, g.retention, "
    "r.erase_days, s.nearest "
    "FROM standing s JOIN consent_grant g ON g.bucket = (SELECT rows.bucket FROM rows) AND g.id = s.id "
    "JOIN recipient r ON r.id = g.recipient_id "
    "ORDER BY s.depth DESC, g.id",
    bucket="int",
    subject="bytes",
    id="bytes",
    recipient="text",
    purpose="text",
)
_TALLY = RowSet(
    "WITH {rows} SELECT rows.id, (SELECT coalesce(sum(u.spent), 0) FROM use u "
    "WHERE u.grant_id = rows.id AND u.bucket = rows.bucket), "
    "(SELECT coalesce(max(d.committed_at), 0) FROM use u JOIN disclosure d ON d.use_id = u.id "
    "AND d.bucket = u.bucket WHERE u.grant_id = rows.id AND u.bucket = rows.bucket), "
    f"{NEWEST.format(Purpose.EVENT)} FROM rows",
    bucket="int",
    id="bytes",
)
_VOID_USES = RowSet(
    "WITH {rows} UPDATE use SET voided_at = :now FROM rows WHERE use.bucket = rows.bucket "
    "AND use.grant_id = rows.id AND use.voided_at IS NULL AND use.spent < use.quota RETURNING use.grant_id",
    bucket="int",
    id="bytes",
)
_VOID_REFRESH = RowSet(
    "WITH {rows} UPDATE refresh_token SET voided_at = :now FROM rows WHERE refresh_token.bucket = rows.bucket "
    "AND refresh_token.grant_id = rows.id AND refresh_token.voided_at IS NULL",
    bucket="int",
    id="bytes",
)
# In the order given: each moves its grant, and nothing may end before what is below it.
_WITHDRAW = RowSet(
    "WITH {rows} INSERT INTO withdrawal (bucket, grant_id, id, subject, channel, disclosures, event_id, "
    "withdrawn_at, ledger_year) SELECT rows.bucket, rows.grant_id, rows.id, rows.subject, rows.channel, "
    "rows.disclosures, rows.event_id, :now, rows.year FROM rows ORDER BY rows.i",
    bucket="int",
    grant_id="bytes",
    id="bytes",
    subject="bytes",
    channel="text",
    disclosures="int",
    event_id="bytes",
    year="int",
)
_WRITTEN = RowSet(
    "WITH {rows} SELECT w.bucket, w.grant_id, g.recipient_id, w.withdrawn_at, w.disclosures, w.ledger_year, "
    f"e.idx, e.leaf, e.body, {SIGNING.format('w.withdrawn_at')}, t.terminated_at FROM rows "
    "JOIN withdrawal w ON w.bucket = rows.bucket AND w.grant_id = rows.id "
    "JOIN consent_grant g ON g.bucket = w.bucket AND g.id = w.grant_id "
    "JOIN ledger_entry e ON e.bucket = w.bucket AND e.year = w.ledger_year AND e.id = w.id "
    "LEFT JOIN termination t ON t.bucket = w.bucket AND t.grant_id = w.grant_id ORDER BY w.grant_id",
    bucket="int",
    id="bytes",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which of somebody's consents: one, those of one recipient, those for one purpose, or all when nothing is named."""

    grant_id: GrantId | None = None
    recipient_id: RecipientId | None = None
    purpose: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A consent that may end; `named` says that the request meant it, not only something above it."""

    bucket: Bucket
    id: GrantId
    recipient_id: RecipientId
    client_id: ClientId
    state: GrantState
    retention: str
    erase_days: int
    named: bool

    @property
    def key(self) -> Key:
        return self.bucket, self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Of locked grants: how often each was used, when the last use of any committed, and the key that signs now."""

    spent: dict[GrantId, int]
    last: int
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """One consent's end, about to be written: how often it was used, and what was still open under it."""

    member: Member
    item: Item
    disclosures: int
    voided: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who ends consents, when (Unix ms), by which way, and the generation of the key that signs the events."""

    subject: SubjectId
    at: int
    channel: str
    generation: int


def family(conn: Connection, subject: SubjectId, bucket: Bucket, scope: Scope) -> list[Member]:
    """Everything the scope names and everything below it, whatever is deepest first."""
    return _members(_FAMILY(conn, _wanted(subject, bucket, scope)))


def lock(
    conn: Connection, subject: SubjectId, bucket: Bucket, scope: Scope, keys: Sequence[Key]
) -> tuple[list[Member], Tally]:
    """Hold these grants until the transaction ends; the family as it stands under the locks, and what was used."""
    _, found, counted = volley(
        conn,
        Call(LOCK, sorted(keys)),
        Call(_FAMILY, _wanted(subject, bucket, scope)),
        Call(_TALLY, list(keys)),
    )
    tally = Tally(
        spent={GrantId(grant): int(spent) for grant, spent, _, _ in counted},
        last=max((int(last) for _, _, last, _ in counted), default=0),
        generation=max((generation for *_, generation in counted), default=1),
    )
    return _members(found), tally


@contextmanager
def holding(
    vault: Vault, subject: SubjectId, bucket: Bucket, scope: Scope
) -> Iterator[tuple[Connection, list[Member], Tally]]:
    """A transaction that holds everything the scope names and everything below it, with what `lock` answers."""
    with vault.data.glance() as conn:
        meant = family(conn, subject, bucket, scope)
    while True:
        with vault.data.write() as conn:
            held, tally = lock(conn, subject, bucket, scope, [one.key for one in meant])
            if {one.key for one in held} == {one.key for one in meant}:
                yield conn, held, tally
                return
        meant = held  # it grew before all of it was held: once more, so that locks are taken in their order


def void(conn: Connection, keys: Sequence[Key], now_ms: int) -> Counter[GrantId]:
    """End what could still mint uses, and every use that is open with its tokens; how many those were, by grant."""
    at = {"now": now_ms}
    _, ended = volley(conn, Call(_VOID_REFRESH, list(keys), at), Call(_VOID_USES, list(keys), at))
    return Counter(GrantId(grant) for (grant,) in ended)


def write(conn: Connection, vault: Vault, ends: Sequence[Ending], act: Act) -> None:
    """Queue each recipient's event and write each withdrawal; a trigger moves the grant. Children stand first."""
    signing = derived(vault, Purpose.EVENT, act.generation)
    told = queue(conn, vault, [_cause(end, act) for end in ends], signing)
    rows = [
        (
            end.member.bucket,
            end.member.id,
            end.item.id,
            act.subject,
            act.channel if end.member.named else _ABOVE,
            end.disclosures,
            event_id,
            end.item.year,
        )
        for end, event_id in zip(ends, told, strict=True)
    ]
    _WITHDRAW(conn, rows, now=act.at)


def written(conn: Connection, keys: Sequence[Key]) -> list[tuple[Any, ...]]:
    """Of each withdrawal: bucket, grant, recipient, time, disclosures, year, its entry's index, leaf and body, the
    generation of the key its receipt has, and when its recipient had ended it before, if it had.
    """
    return _WRITTEN(conn, list(keys))


def _wanted(subject: SubjectId, bucket: Bucket, scope: Scope) -> list[tuple[Any, ...]]:
    return [(bucket, subject, scope.grant_id, scope.recipient_id, scope.purpose)]


def _cause(end: Ending, act: Act) -> Cause:
    told = cause_of(end.member, EventKind.WITHDRAWN, act.at, end.disclosures, end.voided)
    return replace(told, erased=act.channel == ERASURE)


def _members(rows: Sequence[tuple[Any, ...]]) -> list[Member]:
    return [
        Member(
            bucket=Bucket(bucket),
            id=GrantId(grant),
            recipient_id=RecipientId(recipient),
            client_id=ClientId(client),
            state=GrantState(state),
            retention=retention,
            erase_days=erase_days,
            named=nearest == 0,
        )
        for bucket, grant, recipient, client, state, retention, erase_days, nearest in rows
    ]
