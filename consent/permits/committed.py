"""Reading committed uses back, with the ledger entry each stands by: the base of permits, receipts, evidence.

What an entry commits to is rebuilt from the stored rows and compared with the commitment in the stored
leaf, under the secret unsealed from the ledger, and the entry must be of the very person whose row it is
(`ledger.bearing`). Rows and ledger that disagree are an integrity alarm: the use is left out, nothing is
decrypted for it, and its id is logged.

* `committed_uses(conn, refs) -> list[CommittedUse | None]`, refs are (bucket, disclosure id), in order.
* `open_uses(vault, uses) -> list[Opening | None]` the verified openings; None where they disagree, the
  secret does not open, or the person's keys are gone.
"""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from consent.ids import DisclosureId, GrantId, RecipientId, UseId, disclosure_text, fields_of, grant_text
from consent.ledger.bearing import Claim, bears_out
from consent.ledger.entries.commitment import Opening, commit
from consent.ledger.entries.entry import Kind
from consent.ledger.openings import SealedSecret, unsealed
from consent.ledger.origin import LogId
from consent.ledgering import access_fields
from consent.signing.keys import Purpose
from vault.ids import Bucket, RecordId, SubjectId
from vault.keys.keyring import SubjectKey
from vault.opening import Vault
from vault.storage.rowset import RowSet

_log = logging.getLogger("perusal.consent")

type Ref = tuple[Bucket, DisclosureId]


class CommittedUse(NamedTuple):
    """One disclosure as its rows and its ledger entry say; time in Unix milliseconds.

    `slot` of the `quota` of its use, `number` of its grant; `marks`: how its values were marked
    (`marks.served`); `signing` is the generation of the key its receipt has.
    """

    bucket: Bucket
    disclosure_id: DisclosureId
    grant_id: GrantId
    use_id: UseId
    slot: int
    number: int
    quota: int
    subject: SubjectId
    recipient_id: RecipientId
    purpose: str
    fields: tuple[str, ...]
    marks: str | None
    committed_at: int
    retention: str
    notice_hash: str
    terms_hash: str
    log: LogId
    idx: int
    leaf: bytes
    body: bytes
    signing: int
    secret: SealedSecret | None


SIGNING = (
    f"(SELECT coalesce(max(k.generation), 1) FROM signing_key k WHERE k.name = '{Purpose.RECEIPT}' "
    "AND k.created_at <= {})"
)
"""The generation of the receipts' key at a time, as a column: the same receipt comes out whenever it is asked for."""

_READ = RowSet(
    "WITH {rows} SELECT rows.i, d.bucket, d.id, d.grant_id, d.use_id, d.slot, d.number, u.quota, d.subject, "
    "d.recipient_id, d.purpose, d.fields, d.marks, d.committed_at, g.retention, g.notice_hash, g.terms_hash, "
    f"e.year, e.idx, e.leaf, e.body, {SIGNING.format('d.committed_at')}, o.subject, o.sealed FROM rows "
    "JOIN disclosure d ON d.bucket = rows.bucket AND d.id = rows.id "
    "JOIN use u ON u.bucket = d.bucket AND u.id = d.use_id "
    "JOIN consent_grant g ON g.bucket = d.bucket AND g.id = d.grant_id "
    "JOIN ledger_entry e ON e.bucket = d.bucket AND e.year = d.ledger_year AND e.id = d.id "
    "LEFT JOIN ledger_opening o ON o.bucket = e.bucket AND o.year = e.year AND o.idx = e.idx",
    bucket="int",
    id="bytes",
)


def committed_uses(conn: Connection, refs: Sequence[Ref]) -> list[CommittedUse | None]:
    """The uses behind `refs`, in order; None for what is not committed."""
    return [None if row is None else _use(row) for row in _READ.in_order(conn, refs)]


def open_uses(vault: Vault, uses: Sequence[CommittedUse | None]) -> list[Opening | None]:
    """The opening of each use's commitment, verified against the stored leaf and the person it is about."""
    stored = [use.secret for use in uses if use is not None and use.secret is not None]
    secrets = dict(zip(stored, unsealed(vault, stored), strict=True))
    keys = vault.keyring.subject_keys(sorted({(use.bucket, use.subject) for use in uses if use is not None}))
    host = vault.installation.ledger_host
    return [
        None
        if use is None or use.secret is None
        else _opening(use, host, keys.get(use.subject), secrets[use.secret])
        for use in uses
    ]


def _opening(use: CommittedUse, host: str, key: SubjectKey | None, secret: bytes | None) -> Opening | None:
    if secret is None or key is None:
        return None
    fields = access_fields(
        recipient=use.recipient_id,
        purpose=use.purpose,
        fields=use.fields,
        grant=grant_text(use.grant_id),
        marks=use.marks,
    )
    if not _agrees(use, host, key, commit(secret, fields)):
        _log.critical("%s and its ledger entry disagree", disclosure_text(use.disclosure_id))
        return None
    return Opening(secret, fields)


def _agrees(use: CommittedUse, host: str, key: SubjectKey, commitment: bytes) -> bool:
    claim = Claim(
        kind=Kind.ACCESS,
        id=use.disclosure_id,
        at_ms=use.committed_at,
        log=use.log,
        leaf=use.leaf,
        body=use.body,
    )
    mine = use.secret is not None and use.secret.subject == use.subject
    return mine and bears_out(claim, key, host, commitment)


def _use(row: Sequence[Any]) -> CommittedUse:
    (bucket, disclosure, grant, use, slot, number, quota, subject, recipient, purpose, fields, *rest) = row
    marks, committed_at, retention, notice_hash, terms_hash, year, idx, leaf, body, signing, owner, sealed = (
        rest
    )
    return CommittedUse(
        bucket=Bucket(bucket),
        disclosure_id=DisclosureId(disclosure),
        grant_id=GrantId(grant),
        use_id=UseId(use),
        slot=slot,
        number=number,
        quota=quota,
        subject=SubjectId(subject),
        recipient_id=RecipientId(recipient),
        purpose=purpose,
        fields=fields_of(fields),
        marks=marks,
        committed_at=committed_at,
        retention=retention,
        notice_hash=notice_hash,
        terms_hash=terms_hash,
        log=LogId(bucket, year),
        idx=idx,
        leaf=leaf,
        body=body,
        signing=signing,
        secret=None
        if sealed is None
        else SealedSecret(Bucket(bucket), SubjectId(owner), RecordId(disclosure), sealed),
    )
