"""Reading back what members of staff read by themselves: the rows, the ledger entry, and the approval each stands by.

As for emergency reads (`permits.emergency_reads`), whose check of rows against ledger this shares. A read of
somebody under eighteen that no other member of staff approved before it is left out, whatever its row says.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from consent.ids import DisclosureId, DualId, GrantId, dual_text, fields_of, grant_text
from consent.ledger.bearing import Claim
from consent.ledger.entries.commitment import Field
from consent.ledger.entries.entry import Kind
from consent.ledger.origin import LogId
from consent.permits.committed import Ref
from consent.permits.emergency_reads import CommittedRead
from consent.staff_members import Basis, DualReason
from vault.ids import Bucket, SubjectId
from vault.storage.rowset import RowSet

type Approval = tuple[DualId, str, int]
"""A request, the key of whoever approved it, and when (Unix ms)."""

_READ = RowSet(
    "WITH {rows} SELECT rows.i, d.bucket, d.id, d.subject, d.staff, d.basis, d.reason, d.fields, d.minor, d.grant_id, "
    "d.committed_at, e.year, e.idx, e.leaf, e.body, q.id, v.staff, v.voted_at, q.asked_at, r.year, r.leaf, r.body "
    "FROM rows JOIN staff_read d ON d.bucket = rows.bucket AND d.id = rows.id "
    "JOIN ledger_entry e ON e.bucket = d.bucket AND e.year = d.ledger_year AND e.id = d.id "
    "JOIN ledger_opening o ON o.bucket = e.bucket AND o.year = e.year AND o.idx = e.idx AND o.subject = d.subject "
    "LEFT JOIN dual_request q ON q.bucket = d.bucket AND q.id = d.approval_id AND q.kind = 'minor_read' "
    "AND q.subject = d.subject AND q.actor = d.actor AND d.committed_at >= q.approved_at "
    "AND d.committed_at < q.window_to "
    "LEFT JOIN dual_vote v ON v.bucket = q.bucket AND v.request_id = q.id AND v.place = 1 AND v.actor <> q.actor "
    "LEFT JOIN ledger_entry r ON r.bucket = q.bucket AND r.year = q.ledger_year AND r.id = q.id "
    "WHERE (d.approval_id IS NULL AND NOT d.minor) OR (v.staff IS NOT NULL AND r.leaf IS NOT NULL)",
    bucket="int",
    id="bytes",
)


def staff_read_fields(  # each argument is a fact of its own
    *,
    staff: str,
    basis: Basis,
    reason: DualReason,
    fields: Sequence[str],
    minor: bool,
    grant: GrantId | None,
    approval: Approval | None,
) -> tuple[Field, ...]:
    """What the entry of a read commits to; the permit recomputes it from the committed rows."""
    told: list[Field] = [
        ("step", "read"),
        ("staff", staff),
        ("basis", basis.value),
        ("reason", reason.value),
        ("fields", ",".join(fields)),
        ("minor", "yes" if minor else "no"),
    ]
    if grant is not None:
        told.append(("grant", grant_text(grant)))
    if approval is not None:
        request, approver, at = approval
        told += [("request", dual_text(request)), ("approver", approver), ("approved_at", str(at))]
    return tuple(told)


def committed_staff_reads(conn: Connection, refs: Sequence[Ref]) -> list[CommittedRead | None]:
    """The reads behind `refs`, in order; None for what is not committed, or was not approved where it had to be."""
    return [None if row is None else _read(row) for row in _READ.in_order(conn, refs)]


def _read(row: Sequence[Any]) -> CommittedRead:
    (bucket, read, subject, staff, basis, reason, fields, minor, grant, at, year, idx, leaf, body, *asked) = (
        row
    )
    request, approver, approved_at, *_ = asked
    log = LogId(bucket, year)
    said = staff_read_fields(
        staff=staff,
        basis=Basis(basis),
        reason=DualReason(reason),
        fields=fields_of(fields),
        minor=bool(minor),
        grant=None if grant is None else GrantId(grant),
        approval=None if request is None else (DualId(request), approver, approved_at),
    )
    return CommittedRead(
        bucket=Bucket(bucket),
        id=DisclosureId(read),
        subject=SubjectId(subject),
        staff=staff,
        reason=DualReason(reason),
        fields=fields_of(fields),
        committed_at=at,
        log=log,
        idx=idx,
        leaf=leaf,
        said=said,
        opened=Claim(kind=Kind.DISCLOSE, id=read, at_ms=at, log=log, leaf=leaf, body=body),
        asked=_asked(bucket, asked),
    )


def _asked(bucket: int, asked: Sequence[Any]) -> Claim | None:
    request, _, _, at, year, leaf, body = asked
    if request is None:
        return None
    return Claim(kind=Kind.GRANT, id=request, at_ms=at, log=LogId(bucket, year), leaf=leaf, body=body)
