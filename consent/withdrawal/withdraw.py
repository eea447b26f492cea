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
from typing import Any, Final

from sqlalchemy import Connection

from consent.asking.guarding import stands
from consent.ids import GrantId, RecipientId, grant_text
from consent.ledger.append import Item, Position, append
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.origin import LogId, origin_of
from consent.ledgering import entry_item
from consent.receipts.issue import Ended, withdrawal_receipts
from consent.schema.grant_states import WITHDRAWABLE, GrantState
from consent.withdrawal import guarded
from consent.withdrawal import rows as withdraw_rows
from consent.withdrawal.rows import ERASURE, Act, Ending, Key, Member, Scope, Tally
from vault.families.guardians import Guardianship
from vault.ids import Bucket, SubjectId, new_id
from vault.keys.keyring import SubjectKey
from vault.opening import Vault

__all__ = ["ERASURE", "GUARDIAN", "MERGE", "PORTAL", "Scope", "Withdrawn", "withdraw", "withdraw_all"]

PORTAL: Final = "portal"
MERGE: Final = "merge"
GUARDIAN: Final = "guardian"
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
    vault: Vault,
    subject: SubjectId,
    bucket: Bucket,
    scope: Scope,
    now_ms: int,
    *,
    channel: str = PORTAL,
    guardian: Guardianship | None = None,
) -> list[Withdrawn]:
    """Take back everything `scope` names and everything below it, in one transaction; in the order it was given.

    `guardian`: by whose link it is done for the person; nothing is done once that has ended.
    """
    with vault.data.glance() as conn:
        meant = withdraw_rows.family(conn, subject, bucket, scope)
    if not _ending(meant):
        return []
    key = vault.keyring.subject_keys([(bucket, subject)])[subject]
    while True:
        with vault.data.write() as conn:
            held, tally = withdraw_rows.lock(conn, subject, bucket, scope, [one.key for one in meant])
            if {one.key for one in held} == {one.key for one in meant}:
                if guardian is not None and not stands(conn, guardian, now_ms):
                    return []
                act = _act(subject, now_ms, channel if guardian is None else GUARDIAN, tally)
                fresh = _end(conn, vault, key, held, tally, act, guardian)
                # Before the commit: whatever fails from here on must leave everything as it was.
                return _answers(conn, vault, [one.key for one in _ending(held)], frozenset(fresh))
        meant = held  # it grew before all of it was held: once more, so that locks are taken in their order


def _act(subject: SubjectId, now_ms: int, channel: str, tally: Tally) -> Act:
    """Never before the last disclosure, whatever the clocks of two servers said."""
    return Act(subject=subject, at=max(now_ms, tally.last), channel=channel, generation=tally.generation)


def _ending(members: Sequence[Member]) -> list[Member]:
    """Those that end or ended by a withdrawal; what only stands below and ended long ago is nobody's question."""
    return [one for one in members if one.state in (_ENDS if one.named else WITHDRAWABLE)]


def _end(
    conn: Connection,
    vault: Vault,
    key: SubjectKey,
    members: Sequence[Member],
    tally: Tally,
    act: Act,
    guardian: Guardianship | None,
) -> list[Key]:
    """Write the end of everything that has not ended; answers what that was."""
    live = [one for one in members if one.state in WITHDRAWABLE]
    if not live:
        return []
    keys = [one.key for one in live]
    voided = withdraw_rows.void(conn, keys, act.at)
    ends = [
        Ending(
            member=one,
            item=_item(vault, key, one, act.at, guardian),
            disclosures=tally.spent.get(one.id, 0),
            voided=voided[one.id],
        )
        for one in live
    ]
    withdraw_rows.write(conn, vault, ends, act)
    if guardian is not None:
        for end in ends:
            guarded.note_withdrawal(conn, end.member.key, guardian, act.at, end.item)
    append(conn, [end.item for end in ends], act.at, vault.installation.ledger_host)
    return keys


def _item(vault: Vault, key: SubjectKey, one: Member, at_ms: int, guardian: Guardianship | None) -> Item:
    fields = (("grant", grant_text(one.id)), ("recipient", one.recipient_id), *guarded.committed(guardian))
    about = (one.bucket, key.subject, new_id(one.bucket, at_ms), fields)
    return entry_item(vault, Kind.WITHDRAW, key, about, at_ms)


def ended_of(vault: Vault, row: tuple[Any, ...]) -> Ended:
    """A row of `withdraw_rows.written` as receipts are made from it."""
    bucket, grant, recipient, at, disclosures, year, idx, leaf, body, signing, terminated = row
    position = Position(
        bucket=bucket,
        year=year,
        origin=origin_of(vault.installation.ledger_host, LogId(bucket, year)),
        idx=idx,
        n=parse(body).n,
        leaf=leaf,
        body=body,
    )
    return Ended(
        bucket=Bucket(bucket),
        grant_id=GrantId(grant),
        recipient_id=RecipientId(recipient),
        at=at,
        disclosures=disclosures,
        position=position,
        signing=signing,
        terminated_at=terminated,
    )


def _answers(conn: Connection, vault: Vault, keys: Sequence[Key], fresh: frozenset[Key]) -> list[Withdrawn]:
    """What withdrawals say, from their rows: the first answer and every later one are the same."""
    ended = [ended_of(vault, row) for row in withdraw_rows.written(conn, keys)]
    return [
        Withdrawn(
            grant_id=one.grant_id,
            recipient_id=one.recipient_id,
            at=one.at,
            disclosures=one.disclosures,
            position=one.position,
            receipt=receipt,
            repeated=(one.bucket, one.grant_id) not in fresh,
        )
        for one, receipt in zip(ended, withdrawal_receipts(conn, vault, ended), strict=True)
    ]
