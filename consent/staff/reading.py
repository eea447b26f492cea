"""One member of staff reads a person's named fields: staff are recipients too, and the person sees it like every use.

Without a second person only what `staff.ALONE` allows: on the person's consent to the house, which spends a use
of it; or on a contract or a duty of law, and then no sensitive kinds. Everything else takes two others
(`emergency`). Of somebody under eighteen another member of staff must have approved exactly this read before
(Regulations on the protection of minors in cyberspace 36); a person whose age nobody knows counts as such while
they have a parent here.

The law is that of every read: row and ledger entry are committed in one transaction, only then is a permit
issued from the entry read back, and only then is anything opened. What is refused is counted by key and day and
enters the ledger.

`read(vault, staffer, request, now_ms) -> Reading | Denied`; raises BadRequest for what cannot be meant.
"""

import logging
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, insert
from sqlalchemy.exc import IntegrityError

from consent.denials import DenialCode, Denied
from consent.dual.requests import DualRequest, approvers, find
from consent.dual.steps import deny_unknown
from consent.errors import BadRequest
from consent.ids import DisclosureId, DualId, fields_json
from consent.ledger.append import Item, append
from consent.ledger.entries.entry import Kind
from consent.ledgering import entry_item
from consent.permits.issue import staff_permits
from consent.permits.staff_reads import Approval, staff_read_fields
from consent.schema.staff_tables import staff_read
from consent.staff.house_grants import Spent, spend_grant
from consent.staff.refusals import refuse
from consent.staff_members import ALONE, Basis, DualKind, DualReason, Staffer, actor_mac
from vault.families.guardians import Tie, guardians_of
from vault.fields.catalogue import Catalogue
from vault.ids import SubjectId, bucket_for, bucket_of, new_id
from vault.keys.keyring import SubjectKey
from vault.opening import Vault
from vault.people.ages import younger_than
from vault.people.holds import share_people
from vault.people.stored import erased_among
from vault.reader import Unreadable, UnreadableCode, open_many

__all__ = ["ReadRequest", "Reading", "read"]

ADULT: Final = 18
_log = logging.getLogger("perusal.consent")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """Which fields of whom, why, on what basis, and under which approval of another, where one was given."""

    subject: SubjectId
    fields: tuple[str, ...]
    reason: DualReason
    basis: Basis
    approval: DualId | None = None

    def __repr__(self) -> str:
        return f"ReadRequest({self.basis.value}, {self.reason.value})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read: values by field code, as of `committed_at` (Unix ms)."""

    id: DisclosureId
    values: dict[str, str]
    committed_at: int

    def __repr__(self) -> str:
        return f"Reading({self.id.hex()})"


def read(vault: Vault, staffer: Staffer, request: ReadRequest, now_ms: int) -> Reading | Denied:
    """Commit, and only then read; or count what is refused."""
    if not request.fields or any(code not in vault.catalogue for code in request.fields):
        raise BadRequest("name at least one field, and only known ones")
    bucket = bucket_for(request.subject, vault.installation.buckets)
    key = vault.keyring.subject_keys([(bucket, request.subject)]).get(request.subject)
    with vault.data.read() as conn:
        gone = key is None or request.subject in erased_among(conn, [(bucket, request.subject)])
    if gone or key is None:
        return deny_unknown(vault, bucket, DenialCode.UNKNOWN_PERSON, now_ms)
    attempt = _Attempt(vault=vault, key=key, staffer=staffer, request=request, now_ms=now_ms)
    with vault.data.write() as conn:
        done = _commit(conn, attempt)
        if isinstance(done, DenialCode):
            return refuse(conn, vault, key, (staffer, request.reason, attempt.fields, done), now_ms)
    return _open(vault, attempt, done)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """One request with whose key it is about and who asks."""

    vault: Vault
    key: SubjectKey
    staffer: Staffer
    request: ReadRequest
    now_ms: int

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.request.fields)))


def _commit(conn: Connection, attempt: _Attempt) -> DisclosureId | DenialCode:
    """Decide under the locks and write; the data base has the last word."""
    if not alone(attempt.request, attempt.vault.catalogue):
        return DenialCode.NEEDS_TWO
    try:
        with conn.begin_nested():
            return _write(conn, attempt)
    except _Refused as refused:
        return refused.code
    except IntegrityError:
        if attempt.request.approval is None:
            raise
        return DenialCode.MINOR_UNAPPROVED  # an approval is good for one read


class _Refused(
    Exception
):  # never leaves this module: it undoes what was written before the refusal was known
    def __init__(self, code: DenialCode) -> None:
        super().__init__(code)
        self.code = code


def alone(request: ReadRequest, catalogue: Catalogue) -> bool:
    """Whether one member of staff may read this by themselves."""
    if request.reason not in ALONE[request.basis]:
        return False
    consented = request.basis is Basis.CONSENT
    return consented or not any(catalogue.field(code).sensitive for code in request.fields)


def _write(conn: Connection, attempt: _Attempt) -> DisclosureId:
    vault, key, now_ms = attempt.vault, attempt.key, attempt.now_ms
    bucket = bucket_for(key.subject, vault.installation.buckets)
    read_id = DisclosureId(new_id(bucket, now_ms))
    # In the order of locks: the grant, the approval, the person.
    spent = _spent(conn, attempt)
    approval = _approval(conn, attempt)
    share_people(conn, [(bucket, key.subject)])
    minor = _minor(conn, attempt)
    if minor and approval is None:
        raise _Refused(DenialCode.MINOR_UNAPPROVED)
    own = _item(attempt, read_id, minor=minor, spent=spent, approval=approval)
    conn.execute(
        insert(staff_read).values(
            bucket=bucket,
            id=read_id,
            subject=key.subject,
            staff=attempt.staffer.name,
            actor=actor_mac(vault, attempt.staffer),
            basis=attempt.request.basis.value,
            reason=attempt.request.reason.value,
            fields=fields_json(attempt.fields),
            minor=minor,
            approval_id=None if approval is None else approval[0],
            grant_id=None if spent is None else spent.grant_id,
            use_id=None if spent is None else spent.use_id,
            committed_at=now_ms,
            ledger_year=own.year,
        )
    )
    items = [] if spent is None else [spent.write(conn, vault, key)]
    items.append(own)
    append(conn, items, now_ms, vault.installation.ledger_host)
    return read_id


def _spent(conn: Connection, attempt: _Attempt) -> Spent | None:
    """The use of a consent to the house that this read is, before it is written."""
    if attempt.request.basis is not Basis.CONSENT:
        return None
    found = spend_grant(conn, attempt.vault, attempt.key.subject, attempt.fields, attempt.now_ms)
    if found is None:
        raise _Refused(DenialCode.NO_CONSENT)
    return found


def _approval(conn: Connection, attempt: _Attempt) -> Approval | None:
    """The approval that was named, if it is of exactly this; whatever is wrong with it, nothing is read."""
    if attempt.request.approval is None:
        return None
    known = find(conn, attempt.request.approval, lock=True)
    if known is None or not _covers(known, attempt):
        raise _Refused(DenialCode.MINOR_UNAPPROVED)
    (approver,) = approvers(conn, known.id)
    assert known.approved_at is not None
    return known.id, approver, known.approved_at


def _covers(known: DualRequest, attempt: _Attempt) -> bool:
    return (
        known.kind is DualKind.MINOR_READ
        and known.subject == attempt.key.subject
        and known.actor == actor_mac(attempt.vault, attempt.staffer)
        and known.staff == attempt.staffer.name
        and known.reason is attempt.request.reason
        and set(attempt.fields) <= set(known.fields)
        and known.usable(attempt.now_ms)
    )


def _minor(conn: Connection, attempt: _Attempt) -> bool:
    subject, now_ms = attempt.key.subject, attempt.now_ms
    bucket = bucket_for(subject, attempt.vault.installation.buckets)
    known = younger_than(conn, attempt.vault, [(bucket, subject)], ADULT, now_ms).get(subject)
    if known is not None:
        return known
    return any(tie.kind is Tie.PARENT and tie.holds_at(now_ms) for tie in guardians_of(conn, bucket, subject))


def _item(
    attempt: _Attempt, read_id: DisclosureId, *, minor: bool, spent: Spent | None, approval: Approval | None
) -> Item:
    said = staff_read_fields(
        staff=attempt.staffer.name,
        basis=attempt.request.basis,
        reason=attempt.request.reason,
        fields=attempt.fields,
        minor=minor,
        grant=None if spent is None else spent.grant_id,
        approval=approval,
    )
    about = (bucket_of(read_id), attempt.key.subject, read_id, said)
    return entry_item(attempt.vault, Kind.DISCLOSE, attempt.key, about, attempt.now_ms)


def _open(vault: Vault, attempt: _Attempt, read_id: DisclosureId) -> Reading | Denied:
    (permit,) = staff_permits(vault, [(bucket_of(read_id), read_id)])
    if permit is None:
        return Denied(code=DenialCode.UNREADABLE)
    (answer,) = open_many(vault, [permit])
    if isinstance(answer, Unreadable):
        _log.error("reading for staff: %s", answer.code.value)
        erased = answer.code is UnreadableCode.ERASED
        return Denied(code=DenialCode.PERSON_ERASED if erased else DenialCode.UNREADABLE)
    return Reading(id=read_id, values=answer, committed_at=attempt.now_ms)
