"""Ties between people, each in the ledger by the commit that makes it: merged duplicates, guardians of wards.

A merge first takes back the consents that were given in the other's name, so that every recipient is told; the
other's account opens nothing any more. Who is guarded by whom stands in the ward's chain; whatever a ward's guardian
approved is suspended when the link ends.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, select

from consent.accounts.keys import lock_out
from consent.accounts.notify import NoticeKind, Told, notify
from consent.asking.guarding import guardian_of
from consent.ids import GrantId
from consent.ledger.append import append
from consent.ledger.entries.entry import Kind
from consent.ledgering import About, enter, entry_items
from consent.people.keeping import ledger_changes
from consent.people.writes import correction, guarded_text, merged_text, survived_text, unguarded_text
from consent.protection import deferral as waiting
from consent.protection.mode import current, entrusted
from consent.schema.grant_states import WITHDRAWABLE
from consent.schema.tables import consent_grant
from consent.withdrawal import guarded
from consent.withdrawal.withdraw import MERGE, withdraw
from vault.families import guardians
from vault.families import merge as merging
from vault.families.guardians import Guardianship, Tie
from vault.families.merge import Merged
from vault.ids import Bucket, SubjectId, bucket_for
from vault.opening import Vault
from vault.people.drafts import Refused
from vault.people.holds import lock_people, next_instant

__all__ = ["Guardianship", "Merged", "Refused", "Tie", "appoint", "dismiss", "end_due", "merge", "release"]


def merge(
    vault: Vault,
    keep: SubjectId,
    drop: SubjectId,
    now_ms: int,
    *,
    clock: Callable[[], int] = next_instant,
) -> Merged | Refused:
    """Make one person of two, for good; refusals are those of `vault.families.merge.merge`, and then nothing has changed.

    Besides, `merge_protected`: `drop` is in protected mode, which would end with them, or looks twice for somebody.
    """
    away = bucket_for(drop, vault.installation.buckets), drop
    with vault.data.read() as conn:
        refusal = merging.refusal(conn, vault, keep, drop)
        protected = current(conn, away, now_ms) is not None or bool(entrusted(conn, away, now_ms))
    if refusal is not None or protected:
        return refusal or Refused("merge_protected", "")
    _withdraw_all(vault, drop, now_ms)
    waiting.drop(vault, away, now_ms)

    def within(conn: Connection, done: Merged) -> None:
        lock_out(conn, [done.dropped[0]])
        enter(conn, vault, Kind.CORRECT, _merge_entries(done), now_ms)
        ledger_changes(conn, vault, done.moved, now_ms)

    return merging.merge(vault, keep, drop, now_ms, clock=clock, within=within)


def appoint(
    vault: Vault, ward: SubjectId, guardian: SubjectId, kind: Tie, evidence_sha256: bytes, now_ms: int
) -> Guardianship | Refused:
    """Make somebody a guardian, on evidence of which the digest is given; refusals as `vault.families.guardians.link`."""

    def within(conn: Connection, tie: Guardianship) -> None:
        enter(conn, vault, Kind.CORRECT, [correction((tie.bucket, ward), guarded_text(tie))], now_ms)

    return guardians.link(vault, ward, guardian, kind, evidence_sha256, now_ms, within=within)


def dismiss(vault: Vault, ward: SubjectId, guardian: SubjectId, now_ms: int) -> Guardianship | None:
    """End a guardianship; None when there is none.

    Every active consent that stands by it is suspended by the same transaction (`guarded`). A ward without keys
    has no chain that could say so, and no consent that stands.
    """
    bucket = bucket_for(ward, vault.installation.buckets)
    keyed = ward in vault.keyring.subject_keys([(bucket, ward)])
    with vault.data.glance() as conn:
        meant = _standing(conn, bucket, ward, guardian)
    while True:
        with vault.data.write() as conn:
            # Grants first, then the ward, whom whoever approves holds too: nothing is given through the link any more.
            guarded.lock(conn, [one.key for one in meant])
            lock_people(conn, [(bucket, ward)])
            held = _standing(conn, bucket, ward, guardian)
            if {one.key for one in held} <= {one.key for one in meant}:
                return _dismiss(conn, vault, (bucket, ward, guardian), held, now_ms, keyed=keyed)
        meant = held  # it grew before all of it was held: once more, so that locks are taken in their order


def end_due(vault: Vault, now_ms: int) -> int:
    """End every guardianship whose time is over, because the ward came of age; answers how many."""
    ended = 0
    while True:
        with vault.data.read() as conn:
            over = guardians.due(conn, now_ms)
        done = [dismiss(vault, tie.ward, tie.guardian, now_ms) for tie in over]
        ended += sum(tie is not None for tie in done)
        if not any(done):  # nothing is over, or another server is at it
            return ended


def release(vault: Vault, guardian: SubjectId, now_ms: int) -> int:
    """End everything somebody guards, because they are erased; answers how many links that were."""
    with vault.data.read() as conn:
        live = guardians.wards_of(conn, bucket_for(guardian, vault.installation.buckets), guardian)
    ties = [tie for tie in live if tie.ended_at is None]
    return sum(dismiss(vault, tie.ward, guardian, now_ms) is not None for tie in ties)


def _standing(
    conn: Connection, bucket: Bucket, ward: SubjectId, guardian: SubjectId
) -> list[guarded.Standing]:
    """What stands by the link between these two that has not been ended."""
    ties = guardians.guardians_of(conn, bucket, ward)
    live = [tie for tie in ties if tie.guardian == guardian and tie.ended_at is None]
    return [one for tie in live for one in guarded.under(conn, tie)]


def _dismiss(
    conn: Connection,
    vault: Vault,
    pair: tuple[Bucket, SubjectId, SubjectId],
    standing: Sequence[guarded.Standing],
    now_ms: int,
    *,
    keyed: bool,
) -> Guardianship | None:
    bucket, ward, guardian = pair
    ties = guardians.guardians_of(conn, bucket, ward)
    live = next((tie for tie in ties if tie.guardian == guardian and tie.ended_at is None), None)
    if live is None:
        return None
    at = guarded.moment(standing, now_ms)
    suspended = guarded.suspend(conn, vault, live, standing, at)
    if suspended:
        others = [guardian_of(tie) for tie in ties if tie.decides_at(at) and tie.guardian != guardian]
        told = [
            Told(bucket=home, subject=who, kind=NoticeKind.GUARDED_PAUSED, about={}) for home, who in others
        ]
        own = Told(bucket=bucket, subject=ward, kind=NoticeKind.GUARDED_PAUSED, about={})
        notify(conn, [own, *told], at)
    ended = guardians.end(conn, bucket, ward, guardian, at)
    if ended is not None and keyed:
        items = entry_items(vault, Kind.GRANT, suspended, at)
        items += entry_items(vault, Kind.CORRECT, [correction((bucket, ward), unguarded_text(ended))], at)
        append(conn, items, at, vault.installation.ledger_host)
    return ended


def _withdraw_all(vault: Vault, subject: SubjectId, now_ms: int) -> None:
    bucket, grant = bucket_for(subject, vault.installation.buckets), consent_grant.c
    live = select(grant.id).where(
        grant.bucket == bucket, grant.subject == subject, grant.state.in_(sorted(WITHDRAWABLE))
    )
    with vault.data.read() as conn:
        found = [GrantId(name) for name in conn.execute(live).scalars()]
    for name in found:
        withdraw(vault, subject, bucket, name, now_ms, channel=MERGE)


def _merge_entries(done: Merged) -> list[About]:
    """One entry in the chain of whoever stands for the survivor now, and one for each in the survivor's."""
    home, keep = done.keep
    entries: list[About] = []
    for bucket, other in done.dropped:
        entries.append(correction((bucket, other), merged_text(keep, done.merged_at)))
        entries.append(correction((home, keep), survived_text(other, done.merged_at)))
    return entries
