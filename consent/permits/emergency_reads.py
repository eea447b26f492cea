"""Reading committed emergency reads back, with the ledger entry and the two votes each stands by.

As for uses (`committed`): what the entry commits to is rebuilt from the stored rows and compared with the
commitment in the stored leaf, and both this entry and the one of the request must be of the very person the row
names. A read that is not borne out by exactly two approvals of others, or whose rows and ledger disagree, is an
integrity alarm: it is left out, nothing is decrypted for it, and its request is logged.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from consent.ids import DisclosureId, DualId, disclosure_text, dual_text, fields_of
from consent.ledger.bearing import Claim, bears_out, concerns
from consent.ledger.entries.commitment import Field, Opening, commit
from consent.ledger.entries.entry import Kind
from consent.ledger.openings import reopen
from consent.ledger.origin import LogId
from consent.permits.committed import Ref
from consent.staff_members import DualReason
from vault.ids import Bucket, SubjectId
from vault.keys.keyring import SubjectKey
from vault.opening import Vault
from vault.storage.rowset import RowSet

_log = logging.getLogger("perusal.consent")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedRead:
    """One read by staff as its rows and its ledger entry say; `said` is what the entry must commit to.

    `opened` is what the read claims of its entry, `asked` what the request it rests on claims of the entry that began
    it; None for a read that rests on none.
    """

    bucket: Bucket
    id: DisclosureId
    subject: SubjectId
    staff: str
    reason: DualReason
    fields: tuple[str, ...]
    committed_at: int
    log: LogId
    idx: int
    leaf: bytes
    said: tuple[Field, ...]
    opened: Claim
    asked: Claim | None

    @property
    def recipient(self) -> str:
        """What a permit and an alarm call the reader."""
        return f"staff:{self.staff}"


_READ = RowSet(
    "WITH {rows} SELECT rows.i, d.bucket, d.id, d.request_id, d.subject, d.staff, q.reason, "
    "a.staff, b.staff, d.fields, d.committed_at, e.year, e.idx, e.leaf, e.body, "
    "q.asked_at, r.year, r.leaf, r.body FROM rows "
    "JOIN emergency_read d ON d.bucket = rows.bucket AND d.id = rows.id "
    "JOIN dual_request q ON q.bucket = d.bucket AND q.id = d.request_id AND q.kind = 'break_glass' "
    "AND q.subject = d.subject AND q.actor = d.actor AND d.committed_at >= q.approved_at "
    "AND d.committed_at < q.window_to "
    "JOIN dual_vote a ON a.bucket = q.bucket AND a.request_id = q.id AND a.place = 1 AND a.actor <> q.actor "
    "JOIN dual_vote b ON b.bucket = q.bucket AND b.request_id = q.id AND b.place = 2 AND b.actor <> q.actor "
    "AND b.actor <> a.actor "
    "JOIN ledger_entry r ON r.bucket = q.bucket AND r.year = q.ledger_year AND r.id = q.id "
    "JOIN ledger_entry e ON e.bucket = d.bucket AND e.year = d.ledger_year AND e.id = d.id "
    "JOIN ledger_opening o ON o.bucket = e.bucket AND o.year = e.year AND o.idx = e.idx "
    "AND o.subject = d.subject",
    bucket="int",
    id="bytes",
)


def read_fields(
    *, request: DualId, staff: str, reason: DualReason, approvers: Sequence[str], fields: Sequence[str]
) -> tuple[Field, ...]:
    """What the entry of an emergency read commits to; the permit recomputes it from the committed rows."""
    return (
        ("step", "opened"),
        ("request", dual_text(request)),
        ("staff", staff),
        ("reason", reason.value),
        ("approvers", ",".join(approvers)),
        ("fields", ",".join(fields)),
    )


def committed_reads(conn: Connection, refs: Sequence[Ref]) -> list[CommittedRead | None]:
    """The reads behind `refs`, in order; None for what is not committed or not approved by two others."""
    return [None if row is None else _read(row) for row in _READ.in_order(conn, refs)]


def open_reads(conn: Connection, vault: Vault, reads: Sequence[CommittedRead | None]) -> list[Opening | None]:
    """The opening of each read's commitment, verified against the stored leaf and the person it is about."""
    present = [read for read in reads if read is not None]
    secrets = reopen(conn, vault, [(read.log, read.idx) for read in present])
    keys = vault.keyring.subject_keys(sorted({(read.bucket, read.subject) for read in present}))
    host = vault.installation.ledger_host
    return [
        None
        if read is None
        else _opening(read, host, keys.get(read.subject), secrets.get((read.log, read.idx)))
        for read in reads
    ]


def _opening(read: CommittedRead, host: str, key: SubjectKey | None, secret: bytes | None) -> Opening | None:
    if secret is None or key is None:
        return None
    rests = read.asked is None or concerns(read.asked, key, host)
    if not (rests and bears_out(read.opened, key, host, commit(secret, read.said))):
        _log.critical("the read %s by staff and its ledger entry disagree", disclosure_text(read.id))
        return None
    return Opening(secret, read.said)


def _read(row: Sequence[Any]) -> CommittedRead:
    (bucket, read, request, subject, staff, reason, first, second, fields, at, *ledger) = row
    year, idx, leaf, body, asked_at, asked_year, asked_leaf, asked_body = ledger
    log = LogId(bucket, year)
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
        said=read_fields(
            request=DualId(request),
            staff=staff,
            reason=DualReason(reason),
            approvers=(first, second),
            fields=fields_of(fields),
        ),
        opened=Claim(kind=Kind.DISCLOSE, id=read, at_ms=at, log=log, leaf=leaf, body=body),
        asked=Claim(
            kind=Kind.GRANT,
            id=request,
            at_ms=asked_at,
            log=LogId(bucket, asked_year),
            leaf=asked_leaf,
            body=asked_body,
        ),
    )
