"""The rows of a withdrawal: which consents end together, under which locks, and what is written when they do.

A family is the consents that a request names, with every onward consent below them. All of it is locked in sorted
order like everywhere else (grants first, see `redeem_rows`), then read again: what joined it meanwhile shows there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, literal, select, tuple_, update

from consent.events import Cause, EventKind, queue
from consent.grants import GrantState
from consent.ids import ClientId, GrantId, RecipientId
from consent.ledger.append import Item
from consent.ledger.origin import year_of
from consent.tables import consent_grant, disclosure, refresh_token, use, withdrawal
from vault.ids import Bucket, SubjectId
from vault.opening import Vault

type Key = tuple[Bucket, GrantId]


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
    named: bool

    @property
    def key(self) -> Key:
        return self.bucket, self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """One consent's end, about to be written: how often it was used, and what was still open under it."""

    member: Member
    item: Item
    disclosures: int
    voided: int


def family(conn: Connection, subject: SubjectId, bucket: Bucket, scope: Scope) -> list[Member]:
    """Everything the scope names and everything below it, whatever is deepest first."""
    grant = consent_grant.c
    named = [grant.bucket == bucket, grant.subject == subject]
    named += [grant.id == scope.grant_id] if scope.grant_id is not None else []
    named += [grant.recipient_id == scope.recipient_id] if scope.recipient_id is not None else []
    named += [grant.purpose == scope.purpose] if scope.purpose is not None else []
    roots = select(grant.id, literal(0).label("depth")).where(*named)
    tree = roots.cte("tree", recursive=True)
    below = (
        select(grant.id, (tree.c.depth + 1).label("depth"))
        .select_from(tree)
        .join(consent_grant, grant.parent_grant == tree.c.id)
        .where(grant.bucket == bucket)
    )
    tree = tree.union_all(below)
    deepest = (
        select(tree.c.id, func.max(tree.c.depth).label("depth"), func.min(tree.c.depth).label("nearest"))
        .group_by(tree.c.id)
        .subquery()
    )
    rows = conn.execute(
        select(consent_grant, deepest.c.nearest)
        .join(deepest, deepest.c.id == grant.id)
        .where(grant.bucket == bucket)
        .order_by(deepest.c.depth.desc(), grant.id)
    )
    return [_member(row) for row in rows]


def lock(conn: Connection, keys: Sequence[Key]) -> None:
    """Hold these grants until the transaction ends, in the order in which every transaction takes them."""
    grant = consent_grant.c
    mine = select(grant.id).where(tuple_(grant.bucket, grant.id).in_(keys))
    conn.execute(mine.order_by(grant.bucket, grant.id).with_for_update()).all()


def last_disclosed(conn: Connection, bucket: Bucket, grants: Sequence[GrantId]) -> int:
    """When the last disclosure under the locked grants committed, by whichever server's clock; 0 for never."""
    newest = (
        select(func.coalesce(func.max(disclosure.c.committed_at), 0))
        .select_from(use)
        .join(disclosure, (disclosure.c.use_id == use.c.id) & (disclosure.c.bucket == use.c.bucket))
        .where(use.c.bucket == bucket, use.c.grant_id.in_(grants))
    )
    return int(conn.execute(newest).scalar_one())


def disclosures(conn: Connection, bucket: Bucket, grants: Sequence[GrantId]) -> dict[GrantId, int]:
    """How often each grant was used."""
    counted = (
        select(use.c.grant_id, func.sum(use.c.spent))
        .where(use.c.bucket == bucket, use.c.grant_id.in_(grants))
        .group_by(use.c.grant_id)
    )
    return {GrantId(grant): int(spent) for grant, spent in conn.execute(counted)}


def void(conn: Connection, bucket: Bucket, grants: Sequence[GrantId], now_ms: int) -> dict[GrantId, int]:
    """End what could still mint uses, and every use that is open with its tokens; how many those were, by grant."""
    minting = (refresh_token.c.bucket == bucket, refresh_token.c.grant_id.in_(grants))
    conn.execute(
        update(refresh_token).where(*minting, refresh_token.c.voided_at.is_(None)).values(voided_at=now_ms)
    )
    still_open = (
        use.c.bucket == bucket,
        use.c.grant_id.in_(grants),
        use.c.voided_at.is_(None),
        use.c.spent < use.c.quota,
    )
    ended = conn.execute(update(use).where(*still_open).values(voided_at=now_ms).returning(use.c.grant_id))
    counted: dict[GrantId, int] = {}
    for grant in ended.scalars():
        counted[GrantId(grant)] = counted.get(GrantId(grant), 0) + 1
    return counted


def write(
    conn: Connection, vault: Vault, subject: SubjectId, ends: Sequence[Ending], now_ms: int, *, channel: str
) -> None:
    """Queue each recipient's event and write each withdrawal; a trigger moves the grant. Children stand first."""
    erased = channel == "erasure"
    causes = [
        Cause(
            kind=EventKind.WITHDRAWN,
            bucket=end.member.bucket,
            grant_id=end.member.id,
            recipient_id=end.member.recipient_id,
            client_id=end.member.client_id,
            at=now_ms,
            disclosures=end.disclosures,
            voided=end.voided,
            retention=end.member.retention,
            erased=erased,
        )
        for end in ends
    ]
    rows = [
        {
            "bucket": end.member.bucket,
            "grant_id": end.member.id,
            "id": end.item.id,
            "subject": subject,
            "channel": channel if end.member.named else "parent",
            "disclosures": end.disclosures,
            "event_id": event_id,
            "withdrawn_at": now_ms,
            "ledger_year": year_of(now_ms),
        }
        for end, event_id in zip(ends, queue(conn, vault, causes), strict=True)
    ]
    for row in rows:  # one by one: each moves its grant before the one above it is written
        conn.execute(insert(withdrawal).values(row))


def _member(row: Any) -> Member:
    return Member(
        bucket=Bucket(row.bucket),
        id=GrantId(row.id),
        recipient_id=RecipientId(row.recipient_id),
        client_id=ClientId(row.client_id),
        state=GrantState(row.state),
        retention=row.retention,
        named=row.nearest == 0,
    )
