"""Draft claims: one per affected person and incident, held by the primary key, pre-filled from the grant's own terms.

The respondent is the first named recipient that had received anything of the person; where only a set was found, the
draft names nobody as respondent and rests on all of them. The sum is what the recipient agreed to in the grant, the
best of several, and nothing else: losses are the person's to add. Drafting again drafts nobody twice.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import batched
from typing import Any

from sqlalchemy import Connection, select

from breach.cases.claim_states import State
from breach.cases.incidents import Affected, Incident, affected, find
from breach.cases.money import Money, agreed, money
from breach.errors import UnknownIncident
from breach.pipeline.task import load
from breach.tables import claim
from consent.exposure import grants_behind
from consent.wording.terms import Terms, terms
from vault.fields.catalogue import Catalogue
from vault.ids import Bucket, SubjectId, encode_id, new_id
from vault.opening import Vault
from vault.storage.rowset import RowSet

PREFIX = "clm"
_CHUNK = 2_000

_DRAFT = RowSet(
    "WITH {rows} INSERT INTO claim (bucket, incident, subject, id, state, respondent, grant_id, terms_id, "
    "currency, amount, statement, drafted_at) SELECT bucket, incident, subject, id, state, respondent, "
    "grant_id, terms_id, currency, amount, statement, :now FROM rows WHERE true ON CONFLICT DO NOTHING",
    bucket="int",
    incident="bytes",
    subject="bytes",
    id="bytes",
    state="text",
    respondent="text",
    grant_id="bytes",
    terms_id="text",
    currency="text",
    amount="text",
    statement="text",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A drafted claim. `respondent`, `grant`, `terms` and `sum` are None when no single recipient is named,
    or the named one agreed to nothing; `notes` are stable codes the page puts into words.
    """

    id: bytes
    incident: bytes
    bucket: Bucket
    subject: SubjectId
    state: State
    respondent: str | None
    grant: bytes | None
    terms: str | None
    sum: Money | None
    fields: tuple[str, ...]
    notes: tuple[str, ...]
    drafted_at: int

    @property
    def number(self) -> str:
        """The claim's id as text."""
        return encode_id(PREFIX, self.id)


@dataclass(frozen=True, slots=True)
class _Basis:
    """What one recipient owes one person, by which grant."""

    recipient: str
    grant: bytes
    terms: Terms
    owed: Money


def draft_many(vault: Vault, incident_id: bytes, *, now_ms: int) -> int:
    """Draft the claims of an incident, as far as they are not there yet; how many people are affected."""
    with vault.data.read() as conn:
        opened = find(conn, incident_id)
        before = load(vault, opened.trace).before_ms
        count = 0
        for part in batched(affected(conn, incident_id, vault.installation.buckets), _CHUNK):
            bases = _bases(conn, vault.catalogue, opened, part, before)
            rows = [_row(opened, one, basis, now_ms) for one, basis in zip(part, bases, strict=True)]
            with vault.data.write() as writing:
                _DRAFT(writing, rows, now=now_ms)
            count += len(part)
    return count


def find_claim(conn: Connection, incident_id: bytes, bucket: Bucket, subject: SubjectId) -> Claim:
    """The claim of one person in one incident; raises UnknownIncident when there is none."""
    column = claim.c
    mine = (column.bucket == bucket) & (column.incident == incident_id) & (column.subject == subject)
    row = conn.execute(select(claim).where(mine)).one_or_none()
    if row is None:
        raise UnknownIncident("no claim of this person in this incident")
    return _claim(row)


def claims_of(conn: Connection, bucket: Bucket, subject: SubjectId) -> list[Claim]:
    """Every claim of one person, newest first."""
    mine = (claim.c.bucket == bucket) & (claim.c.subject == subject)
    rows = conn.execute(select(claim).where(mine).order_by(claim.c.drafted_at.desc(), claim.c.id.desc()))
    return [_claim(row) for row in rows]


def _bases(
    conn: Connection, catalogue: Catalogue, opened: Incident, part: Sequence[Affected], before_ms: int
) -> list[_Basis | None]:
    """Per person, the best terms of the first named recipient that held anything of theirs."""
    bases: list[_Basis | None] = [None] * len(part)
    known: dict[str, Terms | None] = {}
    for recipient in () if opened.joint else opened.respondents:
        best: dict[int, _Basis] = {}
        people = [(one.bucket, one.subject) for one in part]
        for at, grant, _, _, terms_id in grants_behind(conn, people, recipient, before_ms):
            if terms_id not in known:
                known[terms_id] = terms(conn, terms_id)
            basis = _basis(recipient, grant, known[terms_id], part[at].fields, catalogue)
            if basis and (at not in best or basis.owed.amount > best[at].owed.amount):
                best[at] = basis
        bases = [basis or best.get(at) for at, basis in enumerate(bases)]
    return bases


def _basis(
    recipient: str, grant: bytes, of: Terms | None, fields: Sequence[str], catalogue: Catalogue
) -> _Basis | None:
    if of is None:
        return None
    return _Basis(recipient, grant, of, agreed(of, fields, catalogue))


def _row(opened: Incident, one: Affected, basis: _Basis | None, now_ms: int) -> tuple[Any, ...]:
    statement = {"fields": one.fields, "notes": _notes(opened, one, basis)}
    return (
        one.bucket,
        opened.id,
        one.subject,
        new_id(one.bucket, now_ms),
        State.DRAFT.value,
        basis and basis.recipient,
        basis and basis.grant,
        basis and str(basis.terms.id),
        basis and basis.owed.currency,
        basis and str(basis.owed),
        json.dumps(statement),
    )


def _notes(opened: Incident, one: Affected, basis: _Basis | None) -> list[str]:
    """What the person must know before sending the draft."""
    found = "found_in_masked_rows_only" if one.masked else "found_in_conflicting_rows_only"
    notes = [] if one.agreed else [found]
    if opened.joint:
        notes.append("one_of_several_recipients")
    elif basis is None:
        notes.append("received_by_no_named_recipient" if opened.respondents else "no_recipient_named")
    if basis:
        # A court may reduce an agreed sum above 1.30 x the loss; without a proven loss no ratio is shown.
        notes.append("loss_not_proven")
    return notes


def _claim(row: Any) -> Claim:
    statement = json.loads(row.statement)
    return Claim(
        id=row.id,
        incident=row.incident,
        bucket=Bucket(row.bucket),
        subject=SubjectId(row.subject),
        state=State(row.state),
        respondent=row.respondent,
        grant=row.grant_id,
        terms=row.terms_id,
        sum=None if row.amount is None else money(Decimal(row.amount), row.currency),
        fields=tuple(statement["fields"]),
        notes=tuple(statement["notes"]),
        drafted_at=row.drafted_at,
    )
