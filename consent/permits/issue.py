"""Permits: from a committed, re-read, re-verified ledger leaf to the reader's key; the only such way.

`permits(vault, refs) -> list[Permitted | None]` opens a connection of its own, so what it reads is what was
committed and not what a transaction hoped for. No leaf, no permit; a leaf that does not open to exactly these
rows, no permit. `emergency_permits` and `scan_permission` do the same for what two people approved,
`staff_permits` for what a member of staff read by themselves, `own_permits` for a person's copy of their own
data. This module is the only caller of `vault.permit.issue` and of `vault.scan.permit.issue`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from consent.ledger.origin import origin_of
from consent.permits.committed import CommittedUse, Ref, committed_uses, open_uses
from consent.permits.emergency_reads import CommittedRead, committed_reads, open_reads
from consent.permits.own_copy import EXPORT, SELF, OwnRead, borne_out
from consent.permits.scan_runs import committed_run
from consent.permits.staff_reads import committed_staff_reads
from vault.opening import Vault
from vault.permit import AccessKind, AccessPermit, AccessStatement, issue
from vault.scan import permit as scan_permit


@dataclass(frozen=True, slots=True)
class Permitted:
    """A use that may be read, and the permit to read it."""

    use: CommittedUse
    permit: AccessPermit


def permits(vault: Vault, refs: Sequence[Ref]) -> list[Permitted | None]:
    """One permit per committed use, in order; None where the ledger does not bear it out."""
    with vault.data.glance() as conn:
        uses = committed_uses(conn, refs)
    openings = open_uses(vault, uses)
    return [
        None
        if use is None or opening is None
        else Permitted(use, issue(vault.keyring, _statement(vault, use)))
        for use, opening in zip(uses, openings, strict=True)
    ]


def emergency_permits(vault: Vault, refs: Sequence[Ref]) -> list[AccessPermit | None]:
    """One permit per committed emergency read, in order; None where the ledger or the votes do not bear it out."""
    return _read_permits(vault, refs, committed_reads, AccessKind.EMERGENCY)


def staff_permits(vault: Vault, refs: Sequence[Ref]) -> list[AccessPermit | None]:
    """One permit per committed read of a member of staff, in order; None where the ledger does not bear it out."""
    return _read_permits(vault, refs, committed_staff_reads, AccessKind.STAFF)


def _read_permits(
    vault: Vault,
    refs: Sequence[Ref],
    committed: Callable[[Connection, Sequence[Ref]], Sequence[CommittedRead | None]],
    kind: AccessKind,
) -> list[AccessPermit | None]:
    with vault.data.read() as conn:
        reads = committed(conn, refs)
        openings = open_reads(conn, vault, reads)
    return [
        None if read is None or opening is None else issue(vault.keyring, _by_staff(vault, read, kind))
        for read, opening in zip(reads, openings, strict=True)
    ]


def own_permits(vault: Vault, reads: Sequence[OwnRead]) -> list[AccessPermit | None]:
    """One permit per committed copy of somebody's own data, in order; None where the ledger does not bear it out."""
    with vault.data.read() as conn:
        borne = borne_out(conn, vault, reads)
    return [
        issue(vault.keyring, _own(vault, read)) if true else None
        for read, true in zip(reads, borne, strict=True)
    ]


def _own(vault: Vault, read: OwnRead) -> AccessStatement:
    return AccessStatement(
        kind=AccessKind.COPY,
        subject=read.subject,
        bucket=read.bucket,
        tenant=vault.installation.tenant,
        fields=read.fields,
        recipient=SELF,
        purpose=EXPORT,
        at_ms=read.at_ms,
        log_origin=read.position.origin,
        entry_index=read.position.idx,
        leaf_hash=read.position.leaf,
    )


def scan_permission(vault: Vault, ref: Ref) -> scan_permit.ScanPermission | None:
    """The permission for a committed scan; None where the ledger or the votes do not bear it out."""
    with vault.data.read() as conn:
        run = committed_run(conn, vault, ref)
    if run is None:
        return None
    statement = scan_permit.ScanStatement(
        request=run.request_id,
        field=run.scope.field,
        schemes=run.scope.schemes,
        wanted=run.scope.wanted,
        salts=run.scope.salts,
        asked_by=run.actor,
        approved_by=run.approvers,
        until_ms=run.until_ms,
    )
    return scan_permit.issue(vault.keyring, statement)


def _by_staff(vault: Vault, read: CommittedRead, kind: AccessKind) -> AccessStatement:
    return AccessStatement(
        kind=kind,
        subject=read.subject,
        bucket=read.bucket,
        tenant=vault.installation.tenant,
        fields=read.fields,
        recipient=read.recipient,
        purpose=read.reason.value,
        at_ms=read.committed_at,
        log_origin=origin_of(vault.installation.ledger_host, read.log),
        entry_index=read.idx,
        leaf_hash=read.leaf,
    )


def _statement(vault: Vault, use: CommittedUse) -> AccessStatement:
    return AccessStatement(
        kind=AccessKind.USE,
        subject=use.subject,
        bucket=use.bucket,
        tenant=vault.installation.tenant,
        fields=use.fields,
        recipient=use.recipient_id,
        purpose=use.purpose,
        # As of the commit: a retry reads the very values the first answer held.
        at_ms=use.committed_at,
        log_origin=origin_of(vault.installation.ledger_host, use.log),
        entry_index=use.idx,
        leaf_hash=use.leaf,
    )
