"""Withdrawing: one call, no reason asked, effective with its commit, never twice.

The grant moves to `withdrawn` by the insert of the withdrawal row (a trigger does it), unspent uses are
voided, the ledger entry and the event to the recipient are written in the same transaction. It takes the
same lock as a redemption, so every disclosure commits before the withdrawal or not at all. A grant that is
used up or past its window can be withdrawn too: then it is about what was received. Its time is never before
the last disclosure's, whatever the clocks of two servers said.

`withdraw(vault, subject, bucket, grant_id, now_ms) -> Withdrawn | None`; asking again gives the first answer;
None when there is no such grant of this person, or it was refused or has ended otherwise.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, update

from consent.events import WithdrawnEvent, queue_withdrawn
from consent.grants import WITHDRAWABLE, GrantState
from consent.ids import GrantId, RecipientId, grant_text
from consent.ledger.append import Position, append
from consent.ledger.entry import Kind, parse
from consent.ledger.origin import LogId, origin_of, year_of
from consent.ledger.tables import entry
from consent.ledgering import entry_item
from consent.receipts import withdrawal_receipt
from consent.tables import consent_grant, disclosure, use, withdrawal
from vault.ids import Bucket, SubjectId, new_id
from vault.keys import SubjectKey
from vault.opening import Vault

PORTAL: Final = "portal"
ERASURE: Final = "erasure"
MERGE: Final = "merge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """When a consent ended, in Unix milliseconds, how often it had been used, and the signed receipt."""

    grant_id: GrantId
    recipient_id: RecipientId
    at: int
    disclosures: int
    position: Position
    receipt: str
    repeated: bool


def withdraw(  # each argument is a fact of its own
    vault: Vault,
    subject: SubjectId,
    bucket: Bucket,
    grant_id: GrantId,
    now_ms: int,
    *,
    channel: str = PORTAL,
) -> Withdrawn | None:
    """Take a consent back; `channel` says by which way: the portal, the erasure of the person, or a merge."""
    with vault.data.read() as conn:
        grant = _grant(conn, subject, bucket, grant_id)
    if grant is None:
        return None
    key = vault.keyring.subject_keys([(bucket, subject)])[subject]
    with vault.data.write() as conn:
        state = GrantState(conn.execute(_locked_state(grant)).scalar_one())
        if state is GrantState.WITHDRAWN:
            return _first(conn, vault, grant)
        if state not in WITHDRAWABLE:
            return None
        at = max(now_ms, _last_disclosed(conn, grant))
        return _write(conn, vault, grant, key, at, channel)


def _grant(conn: Connection, subject: SubjectId, bucket: Bucket, grant_id: GrantId) -> Any:
    grant = consent_grant.c
    return conn.execute(
        select(consent_grant).where(grant.bucket == bucket, grant.id == grant_id, grant.subject == subject)
    ).one_or_none()


def _locked_state(grant: Any) -> Any:
    return (
        select(consent_grant.c.state)
        .where(consent_grant.c.bucket == grant.bucket, consent_grant.c.id == grant.id)
        .with_for_update()
    )


def _last_disclosed(conn: Connection, grant: Any) -> int:
    """When the last disclosure under the locked grant committed, by whichever server's clock; 0 for never."""
    newest = (
        select(func.coalesce(func.max(disclosure.c.committed_at), 0))
        .select_from(use)
        .join(disclosure, (disclosure.c.use_id == use.c.id) & (disclosure.c.bucket == use.c.bucket))
        .where(use.c.grant_id == grant.id, use.c.bucket == grant.bucket)
    )
    return int(conn.execute(newest).scalar_one())


def _write(
    conn: Connection, vault: Vault, grant: Any, key: SubjectKey, now_ms: int, channel: str
) -> Withdrawn:
    spent = _disclosures(conn, grant)
    fields = (("grant", grant_text(GrantId(grant.id))), ("recipient", grant.recipient_id))
    about = (Bucket(grant.bucket), key.subject, new_id(Bucket(grant.bucket), now_ms), fields)
    item = entry_item(vault, Kind.WITHDRAW, key, about, now_ms)
    conn.execute(
        insert(withdrawal).values(
            bucket=grant.bucket,
            grant_id=grant.id,
            id=item.id,
            subject=grant.subject,
            channel=channel,
            disclosures=spent,
            withdrawn_at=now_ms,
            ledger_year=year_of(now_ms),
        )
    )
    event = WithdrawnEvent(
        bucket=Bucket(grant.bucket),
        grant_id=GrantId(grant.id),
        recipient_id=RecipientId(grant.recipient_id),
        withdrawn_at=now_ms,
        disclosures=spent,
        voided=_void(conn, grant, now_ms),
    )
    queue_withdrawn(conn, vault, event)
    position = append(conn, [item], now_ms, vault.installation.ledger_host)[0]
    return _withdrawn(vault, grant, now_ms, spent, position, repeated=False)


def _disclosures(conn: Connection, grant: Any) -> int:
    counted = select(func.coalesce(func.sum(use.c.spent), 0)).where(
        use.c.bucket == grant.bucket, use.c.grant_id == grant.id
    )
    return int(conn.execute(counted).scalar_one())


def _void(conn: Connection, grant: Any, now_ms: int) -> int:
    """Tokens in flight end here; returns how many uses were still open."""
    still_open = update(use).where(
        use.c.bucket == grant.bucket,
        use.c.grant_id == grant.id,
        use.c.voided_at.is_(None),
        use.c.spent < use.c.quota,
    )
    return conn.execute(still_open.values(voided_at=now_ms)).rowcount


def _first(conn: Connection, vault: Vault, grant: Any) -> Withdrawn:
    """What the first withdrawal answered, from its rows."""
    row = conn.execute(
        select(withdrawal, entry.c.idx, entry.c.leaf, entry.c.body)
        .join(
            entry,
            (entry.c.bucket == withdrawal.c.bucket)
            & (entry.c.year == withdrawal.c.ledger_year)
            & (entry.c.id == withdrawal.c.id),
        )
        .where(withdrawal.c.bucket == grant.bucket, withdrawal.c.grant_id == grant.id)
    ).one()
    log = LogId(row.bucket, row.ledger_year)
    position = Position(
        bucket=log.bucket,
        year=log.year,
        origin=origin_of(vault.installation.ledger_host, log),
        idx=row.idx,
        n=parse(row.body).n,
        leaf=row.leaf,
        body=row.body,
    )
    return _withdrawn(vault, grant, row.withdrawn_at, row.disclosures, position, repeated=True)


def _withdrawn(
    vault: Vault, grant: Any, at: int, spent: int, position: Position, *, repeated: bool
) -> Withdrawn:
    grant_id, recipient = GrantId(grant.id), RecipientId(grant.recipient_id)
    return Withdrawn(
        grant_id=grant_id,
        recipient_id=recipient,
        at=at,
        disclosures=spent,
        position=position,
        receipt=withdrawal_receipt(vault, grant_id, recipient, at, position),
        repeated=repeated,
    )
