"""What guardians do with a ward's consents, and what their going does to them (consent.md §6, invariants 20 and 22).

When a link ends, every active consent that stands by it is suspended by the transaction that ends it, with
everything passed on below: nothing is redeemed any more, and the recipients are told. Another guardian who
decides, or the ward once they decide themselves, confirms a consent, which restores exactly what was left of
it, or withdraws it. Each step is a row of `guarded_step` and an entry of the ward's ledger.

* `under(conn, tie) -> list[Standing]`; `suspend(conn, vault, tie, standing, now_ms)` in the transaction that ends it.
* `confirm(vault, who, grant_id, guardian, now_ms) -> Confirmed | Refusal`
* `steps(conn, who) -> dict[grant, list[Step]]`: for both sides' pages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, tuple_, update

from consent.asking import onward
from consent.asking.guarding import guardian_of, told, weigh
from consent.delivery.events import Cause, EventKind, cause_of, queue
from consent.ids import ClientId, GrantId, RecipientId, grant_text
from consent.ledger.append import Item
from consent.ledger.entries.commitment import Field
from consent.ledger.entries.entry import Kind
from consent.ledger.open_now import open_log
from consent.ledgering import About, enter
from consent.refusals import Refusal, RefusalCode
from consent.schema.grant_lock import LOCK
from consent.schema.grant_states import GrantState
from consent.schema.guardian_tables import guarded_step, guardian_showing
from consent.schema.tables import consent_grant, recipient
from vault.families.guardians import Guardianship
from vault.ids import Bucket, Person, SubjectId, new_id
from vault.opening import Vault
from vault.people.holds import take_people
from vault.storage.rowset import RowSet

_NEWER = "SELECT 1 FROM guarded_step t WHERE t.bucket = s.bucket AND t.grant_id = s.grant_id AND t.number > s.number"
_UNDER = RowSet(
    "WITH RECURSIVE {rows}, tree(id, depth) AS (SELECT s.grant_id, 0 FROM rows JOIN guarded_step s "
    "ON s.subject = rows.ward AND s.bucket = rows.bucket AND s.guardian = rows.guardian "
    f"AND s.guardian_from = rows.since AND s.step IN ('approved', 'confirmed') AND NOT EXISTS ({_NEWER}) "
    "UNION ALL SELECT c.id, tree.depth + 1 FROM tree JOIN consent_grant c "
    "ON c.parent_grant = tree.id AND c.bucket = (SELECT rows.bucket FROM rows)) "
    "SELECT g.bucket, g.id, g.recipient_id, g.client_id, g.retention, r.erase_days, g.decided_at, "
    "(SELECT coalesce(max(d.committed_at), 0) FROM use u JOIN disclosure d ON d.use_id = u.id "
    "AND d.bucket = u.bucket WHERE u.grant_id = g.id AND u.bucket = g.bucket) "
    "FROM (SELECT id, max(depth) AS depth FROM tree GROUP BY id) s "
    "JOIN consent_grant g ON g.bucket = (SELECT rows.bucket FROM rows) AND g.id = s.id "
    "JOIN recipient r ON r.id = g.recipient_id WHERE g.state = 'active' ORDER BY s.depth DESC, g.id",
    bucket="int",
    ward="bytes",
    guardian="bytes",
    since="int",
)


class StepKind(StrEnum):
    """What became of a ward's consent by a guardian, or for want of one."""

    APPROVED = "approved"
    SUSPENDED = "suspended"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step; `guardian` None for the ward's own. Unix milliseconds."""

    kind: StepKind
    guardian: SubjectId | None
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An active consent that stands by a link, or below one that does; `last` is when anything last happened to it."""

    bucket: Bucket
    id: GrantId
    recipient_id: RecipientId
    client_id: ClientId
    retention: str
    erase_days: int
    last: int

    @property
    def key(self) -> tuple[Bucket, GrantId]:
        return self.bucket, self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """A consent that is active again since `at`; `repeated` when it was before."""

    grant_id: GrantId
    at: int
    repeated: bool


def under(conn: Connection, tie: Guardianship) -> list[Standing]:
    """The active consents that stand by this link, with what is below them; whatever is deepest first."""
    rows = _UNDER(conn, [(tie.bucket, tie.ward, tie.guardian, tie.valid_from)])
    return [
        Standing(
            bucket=Bucket(bucket),
            id=GrantId(grant),
            recipient_id=RecipientId(to),
            client_id=ClientId(client),
            retention=retention,
            erase_days=erase_days,
            last=max(decided_at, int(last)),
        )
        for bucket, grant, to, client, retention, erase_days, decided_at, last in rows
    ]


def lock(conn: Connection, keys: Sequence[tuple[Bucket, GrantId]]) -> None:
    """Hold these grants until the transaction ends."""
    LOCK(conn, sorted(keys))


def moment(standing: Sequence[Standing], now_ms: int) -> int:
    """Now, but never before the last disclosure, whatever the clocks of two servers said."""
    return max([now_ms, *(one.last for one in standing)])


def suspend(
    conn: Connection, vault: Vault, tie: Guardianship, standing: Sequence[Standing], at: int
) -> list[About]:
    """Suspend these consents, which are locked and stand deepest first, and queue what their recipients are told.

    `at` is not before anything that happened to one of them (`moment`). Answers the ledger entries that the caller
    appends as its last step.
    """
    queue(conn, vault, [cause_of(one, EventKind.SUSPENDED, at) for one in standing])
    about = []
    for one in standing:
        conn.execute(update(consent_grant).where(*_grant(one.key)).values(state=GrantState.SUSPENDED.value))
        about.append(note(conn, vault, one.key, tie.ward, StepKind.SUSPENDED, one.recipient_id, at, tie))
    return about


def confirm(
    vault: Vault, who: Person, grant_id: GrantId, guardian: Guardianship | None, now_ms: int
) -> Confirmed | Refusal:
    """Let a suspended consent of this person stand again, by a guardian's word or by the person's own."""
    with vault.data.write() as conn:
        lock(conn, [(who[0], one) for one in onward.chain(conn, grant_id)])
        row = _suspended(conn, who, grant_id)
        people = [who] if guardian is None else [who, guardian_of(guardian)]
        if row is None or len(take_people(conn, people)) < len(people):
            return Refusal(code=RefusalCode.GRANT_NOT_SUSPENDED)
        refused = weigh(conn, vault, who, guardian, now_ms)
        if refused is not None:
            return refused
        newest = steps(conn, who).get(grant_id, [])
        if row.state == GrantState.ACTIVE and newest and newest[-1].kind is StepKind.CONFIRMED:
            return Confirmed(grant_id=grant_id, at=newest[-1].at, repeated=True)
        if (
            row.state != GrantState.SUSPENDED
            or now_ms >= row.window_to
            or not onward.may_stand(conn, grant_id)
        ):
            return Refusal(code=RefusalCode.GRANT_NOT_SUSPENDED)
        at = max([now_ms, *(step.at for step in newest)])
        key = (who[0], grant_id)
        about = note(conn, vault, key, who[1], StepKind.CONFIRMED, row.recipient_id, at, guardian)
        conn.execute(update(consent_grant).where(*_grant(key)).values(state=GrantState.ACTIVE.value))
        queue(conn, vault, [_resumed(row, at)])
        enter(conn, vault, Kind.GRANT, [about], at)
        return Confirmed(grant_id=grant_id, at=at, repeated=False)


def note(
    conn: Connection,
    vault: Vault,
    key: tuple[Bucket, GrantId],
    ward: SubjectId,
    kind: StepKind,
    recipient_id: str,
    at: int,
    tie: Guardianship | None,
) -> About:
    """Write a step that follows others, and answer the ledger entry it needs in the same transaction."""
    bucket, grant_id = key
    entry_id = new_id(bucket, at)
    year = open_log(vault, bucket, at).year
    _follow(conn, {**_row(key, ward, kind, at, tie), "id": entry_id, "ledger_year": year})
    said = (
        ("outcome", kind.value),
        ("grant", grant_text(grant_id)),
        ("recipient", recipient_id),
        *committed(tie),
    )
    return bucket, ward, entry_id, said


def note_withdrawal(
    conn: Connection, key: tuple[Bucket, GrantId], tie: Guardianship, at: int, item: Item
) -> None:
    """Write that a guardian withdrew this consent; the withdrawal's own ledger entry, `item`, speaks for both."""
    step = _row(key, tie.ward, StepKind.WITHDRAWN, at, tie)
    _follow(conn, {**step, "id": item.id, "ledger_year": item.year})


def note_approval(
    conn: Connection, key: tuple[Bucket, GrantId], tie: Guardianship, now_ms: int, ledger_year: int
) -> None:
    """Write that a guardian gave this consent, before the consent itself, whose ledger entry speaks for both."""
    step = _row(key, tie.ward, StepKind.APPROVED, now_ms, tie)
    conn.execute(insert(guarded_step).values(**step, number=0, id=key[1], ledger_year=ledger_year))


def committed(tie: Guardianship | None) -> tuple[Field, ...]:
    """What the ledger entry of a step says about who took it."""
    return () if tie is None else (("guardian", told(tie)),)


def steps(conn: Connection, who: Person) -> dict[GrantId, list[Step]]:
    """Of each of this person's consents that a guardian had a part in, what became of it, oldest first."""
    mine = (guarded_step.c.bucket == who[0], guarded_step.c.subject == who[1])
    found: dict[GrantId, list[Step]] = {}
    for row in conn.execute(select(guarded_step).where(*mine).order_by(guarded_step.c.number)):
        guardian = None if row.guardian is None else SubjectId(row.guardian)
        step = Step(kind=StepKind(row.step), guardian=guardian, at=row.at)
        found.setdefault(GrantId(row.grant_id), []).append(step)
    return found


def forget(conn: Connection, wards: Sequence[Person]) -> None:
    """Let nothing say any more who the guardians of erased wards were; the data base refuses it for anybody else."""
    of = tuple_(guarded_step.c.bucket, guarded_step.c.subject).in_(wards)
    conn.execute(update(guarded_step).where(of).values(guardian=None, guardian_from=None))
    shown = tuple_(guardian_showing.c.bucket, guardian_showing.c.subject).in_(wards)
    conn.execute(delete(guardian_showing).where(shown))


def _follow(conn: Connection, step: dict[str, Any]) -> None:
    mine = (guarded_step.c.bucket == step["bucket"], guarded_step.c.grant_id == step["grant_id"])
    last = conn.execute(select(func.coalesce(func.max(guarded_step.c.number), 0)).where(*mine)).scalar_one()
    conn.execute(insert(guarded_step).values(**step, number=last + 1))


def _row(
    key: tuple[Bucket, GrantId], ward: SubjectId, kind: StepKind, at: int, tie: Guardianship | None
) -> dict[str, Any]:
    return {
        "bucket": key[0],
        "grant_id": key[1],
        "subject": ward,
        "step": kind.value,
        "guardian": None if tie is None else tie.guardian,
        "guardian_from": None if tie is None else tie.valid_from,
        "at": at,
    }


def _grant(key: tuple[Bucket, GrantId]) -> tuple[Any, Any]:
    return consent_grant.c.bucket == key[0], consent_grant.c.id == key[1]


def _suspended(conn: Connection, who: Person, grant_id: GrantId) -> Any:
    """The person's consent, if it is one of those that can be suspended."""
    mine = (*_grant((who[0], grant_id)), consent_grant.c.subject == who[1])
    joined = consent_grant.join(recipient, recipient.c.id == consent_grant.c.recipient_id)
    return conn.execute(
        select(consent_grant, recipient.c.erase_days).select_from(joined).where(*mine)
    ).one_or_none()


def _resumed(row: Any, at: int) -> Cause:
    one = Standing(
        bucket=Bucket(row.bucket),
        id=GrantId(row.id),
        recipient_id=RecipientId(row.recipient_id),
        client_id=ClientId(row.client_id),
        retention=row.retention,
        erase_days=row.erase_days,
        last=at,
    )
    return cause_of(one, EventKind.RESUMED, at)
