"""Withdrawing: one call, no reason asked, effective with its commit, never twice.

One consent, all of a recipient's, all for a purpose, or everything: always one transaction, in which every consent
that is meant and every onward consent below it ends. Each moves to `withdrawn` by the insert of its withdrawal row (a
trigger does it); its unspent uses are voided and with them their tokens, its codes and refresh tokens find no active
grant any more, its ledger entry and the event to its recipient are written. It takes the same locks as a redemption,
so every disclosure commits before the withdrawal or not at all. A grant that is used up or past its window can be
withdrawn too: then it is about what was received. Its time is never before the last disclosure's, whatever the
clocks of two servers said.

* `withdraw(vault, subject, bucket, grant_id, now_ms) -> Withdrawn | None`; asking again gives the first answer;
  None when there is no such grant of this person, or it was refused or has ended otherwise.
* `withdraw_all(vault, subject, bucket, scope, now_ms) -> list[Withdrawn]`: everything the scope names that ends now
  or ended by a withdrawal before, and what ends now because something above it does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select, tuple_

from consent import withdraw_rows
from consent.grants import WITHDRAWABLE, GrantState
from consent.ids import GrantId, RecipientId, grant_text
from consent.ledger.append import Position, append
from consent.ledger.entry import Kind, parse
from consent.ledger.origin import LogId, origin_of
from consent.ledger.tables import entry
from consent.ledgering import entry_item
from consent.receipts import withdrawal_receipt
from consent.tables import consent_grant, withdrawal
from consent.withdraw_rows import Ending, Key, Member, Scope
from vault.ids import Bucket, SubjectId, new_id
from vault.keys import SubjectKey
from vault.opening import Vault

__all__ = ["ERASURE", "MERGE", "PORTAL", "Scope", "Withdrawn", "withdraw", "withdraw_all"]

PORTAL: Final = "portal"
ERASURE: Final = "erasure"
MERGE: Final = "merge"
_ENDS: Final = WITHDRAWABLE | {GrantState.WITHDRAWN}


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
    ended = withdraw_all(vault, subject, bucket, Scope(grant_id=grant_id), now_ms, channel=channel)
    return next((one for one in ended if one.grant_id == grant_id), None)


def withdraw_all(
    vault: Vault, subject: SubjectId, bucket: Bucket, scope: Scope, now_ms: int, *, channel: str = PORTAL
) -> list[Withdrawn]:
    """Take back everything `scope` names and everything below it, in one transaction; in the order it was given."""
    with vault.data.read() as conn:
        if not _ending(withdraw_rows.family(conn, subject, bucket, scope)):
            return []
    key = vault.keyring.subject_keys([(bucket, subject)])[subject]
    meant: list[Member] | None = None
    fresh: list[Key] = []
    while meant is None:
        with vault.data.write() as conn:
            meant = _held(conn, subject, bucket, scope)
            if meant is not None:
                fresh = _end(conn, vault, key, meant, now_ms, channel)
    with vault.data.read() as conn:
        return _answers(conn, vault, [one.key for one in _ending(meant)], frozenset(fresh))


def _held(conn: Connection, subject: SubjectId, bucket: Bucket, scope: Scope) -> list[Member] | None:
    """The family under its locks; None when it grew before they were all held, and everything must begin again."""
    before = withdraw_rows.family(conn, subject, bucket, scope)
    withdraw_rows.lock(conn, [one.key for one in before])
    after = withdraw_rows.family(conn, subject, bucket, scope)
    return after if {one.key for one in after} == {one.key for one in before} else None


def _ending(members: Sequence[Member]) -> list[Member]:
    """Those that end or ended by a withdrawal; what only stands below and ended long ago is nobody's question."""
    return [one for one in members if one.state in (_ENDS if one.named else WITHDRAWABLE)]


def _end(
    conn: Connection, vault: Vault, key: SubjectKey, members: Sequence[Member], now_ms: int, channel: str
) -> list[Key]:
    """Write the end of everything that has not ended; answers what that was."""
    live = [one for one in members if one.state in WITHDRAWABLE]
    if not live:
        return []
    bucket, grants = live[0].bucket, [one.id for one in live]
    at = max(now_ms, withdraw_rows.last_disclosed(conn, bucket, grants))
    spent = withdraw_rows.disclosures(conn, bucket, grants)
    voided = withdraw_rows.void(conn, bucket, grants, at)
    ends = [
        Ending(
            member=one,
            item=entry_item(vault, Kind.WITHDRAW, key, _about(key, one, at), at),
            disclosures=spent.get(one.id, 0),
            voided=voided.get(one.id, 0),
        )
        for one in live
    ]
    withdraw_rows.write(conn, vault, key.subject, ends, at, channel=channel)
    append(conn, [end.item for end in ends], at, vault.installation.ledger_host)
    return [one.key for one in live]


def _about(
    key: SubjectKey, one: Member, now_ms: int
) -> tuple[Bucket, SubjectId, bytes, tuple[tuple[str, str], ...]]:
    fields = (("grant", grant_text(one.id)), ("recipient", one.recipient_id))
    return one.bucket, key.subject, new_id(one.bucket, now_ms), fields


def _answers(conn: Connection, vault: Vault, keys: Sequence[Key], fresh: frozenset[Key]) -> list[Withdrawn]:
    """What each withdrawal says, from its committed rows: the first answer and every later one are the same."""
    same = (entry.c.bucket == withdrawal.c.bucket) & (entry.c.id == withdrawal.c.id)
    rows = conn.execute(
        select(withdrawal, consent_grant.c.recipient_id, entry.c.idx, entry.c.leaf, entry.c.body)
        .join(
            consent_grant,
            (consent_grant.c.bucket == withdrawal.c.bucket) & (consent_grant.c.id == withdrawal.c.grant_id),
        )
        .join(entry, same & (entry.c.year == withdrawal.c.ledger_year))
        .where(tuple_(withdrawal.c.bucket, withdrawal.c.grant_id).in_(keys))
        .order_by(withdrawal.c.grant_id)
    )
    answers = []
    for row in rows:
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
        grant, recipient = GrantId(row.grant_id), RecipientId(row.recipient_id)
        answers.append(
            Withdrawn(
                grant_id=grant,
                recipient_id=recipient,
                at=row.withdrawn_at,
                disclosures=row.disclosures,
                position=position,
                receipt=withdrawal_receipt(vault, grant, recipient, row.withdrawn_at, position),
                repeated=(Bucket(row.bucket), grant) not in fresh,
            )
        )
    return answers
