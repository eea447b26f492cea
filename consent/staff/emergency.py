"""Breaking the glass: one person's fields, without their consent, because two others agreed that it must be.

The law is that of every read: the row, its ledger entry and the person's notice are committed in one
transaction; only then is a permit issued from the entry read back, and only then is anything opened. What breaks
in between leaves a read that the person sees and nobody received, never the other way round. An approval is one
use: asking again inside the window gives the same values, as of the first time, and is counted.
"""

import logging
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from consent.accounts.notify import NoticeKind, Told, notify
from consent.denials import DenialCode, Denied
from consent.dual.control import Question, ask
from consent.dual.requests import DualRequest, approvers, find, with_key
from consent.dual.steps import deny, deny_erased, deny_unknown, step_item
from consent.ids import DisclosureId, DualId, dual_text, fields_json, fields_of
from consent.ledger.append import append
from consent.ledger.entries.entry import Kind
from consent.permits.emergency_reads import read_fields
from consent.permits.issue import emergency_permits
from consent.schema.dual_tables import emergency_read
from consent.staff_members import DualKind, DualReason, Staffer, actor_mac
from vault.ids import Bucket, SubjectId, bucket_of, new_id
from vault.keys.keyring import SubjectKey
from vault.opening import Vault
from vault.people.holds import share_people
from vault.reader import Unreadable, UnreadableCode, open_many

__all__ = ["Opened", "ask_emergency", "open_emergency"]

_log = logging.getLogger("perusal.consent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What was read: values by field code, as of `committed_at` (Unix ms), given for the `times`-th time."""

    request_id: DualId
    read_id: DisclosureId
    subject: SubjectId
    values: dict[str, str]
    committed_at: int
    times: int

    def __repr__(self) -> str:
        return f"Opened({dual_text(self.request_id)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Committed:
    bucket: Bucket
    id: DisclosureId
    committed_at: int
    times: int


def ask_emergency(  # each argument is a fact of its own
    vault: Vault,
    staffer: Staffer,
    subject: SubjectId,
    fields: tuple[str, ...],
    reason: DualReason,
    note: str,
    now_ms: int,
) -> DualRequest | Denied:
    """Ask for a person's fields; two others have an hour to agree. Raises BadRequest."""
    question = Question(
        kind=DualKind.BREAK_GLASS,
        reason=reason,
        note=note,
        subject=subject,
        fields=tuple(sorted(set(fields))),
    )
    return ask(vault, staffer, question, now_ms)


def open_emergency(
    vault: Vault, staffer: Staffer, request_id: DualId, now_ms: int, fields: tuple[str, ...] | None = None
) -> Opened | Denied:
    """Use an approval: commit, and only then read. `fields` may name fewer than were asked for (None: all)."""
    request, key = with_key(vault, request_id)
    if request is None or request.kind is not DualKind.BREAK_GLASS:
        return deny_unknown(vault, bucket_of(request_id), DenialCode.UNKNOWN_REQUEST, now_ms)
    if key is None:
        return deny_erased(vault, request, staffer, now_ms)
    with vault.data.write() as conn:
        now = find(conn, request_id, lock=True)
        assert now is not None
        share_people(conn, [(now.bucket, key.subject)])
        outcome = _settle(conn, vault, key, (now, staffer, fields), now_ms)
        if isinstance(outcome, DenialCode):
            return deny(conn, vault, key, (now, staffer, outcome), now_ms)
    return _read(vault, request, key.subject, outcome)


type _Attempt = tuple[DualRequest, Staffer, tuple[str, ...] | None]


def _settle(
    conn: Connection, vault: Vault, key: SubjectKey, attempt: _Attempt, now_ms: int
) -> _Committed | DenialCode:
    """Decide under the request's lock and write; the data base has the last word."""
    request, staffer, fields = attempt
    code = _turned_down(vault, request, staffer, fields, now_ms)
    if code is not None:
        return code
    try:
        with conn.begin_nested():
            again = _again(conn, request, fields, now_ms)
            return again if again is not None else _first(conn, vault, key, attempt, now_ms)
    except IntegrityError:
        return DenialCode.NOT_APPROVED


def _turned_down(
    vault: Vault, request: DualRequest, staffer: Staffer, fields: tuple[str, ...] | None, now_ms: int
) -> DenialCode | None:
    if request.staff != staffer.name or request.actor != actor_mac(vault, staffer):
        return DenialCode.NOT_REQUESTER
    if not request.usable(now_ms):
        late = request.window_to is not None and now_ms >= request.window_to
        return DenialCode.WINDOW if late else DenialCode.NOT_APPROVED
    if fields is not None and (not fields or not set(fields) <= set(request.fields)):
        return DenialCode.FIELD_NOT_REQUESTED
    return None


def _again(
    conn: Connection, request: DualRequest, fields: tuple[str, ...] | None, now_ms: int
) -> _Committed | DenialCode | None:
    """The same answer once more; None when this is the first time."""
    c = emergency_read.c
    mine = (c.bucket == request.bucket, c.request_id == request.id)
    row = conn.execute(select(c.id, c.fields, c.committed_at, c.times).where(*mine)).one_or_none()
    if row is None:
        return None
    if fields is not None and tuple(sorted(set(fields))) != fields_of(row.fields):
        return DenialCode.FIELD_NOT_REQUESTED
    latest = (
        func.max(c.last_at, now_ms) if conn.dialect.name == "sqlite" else func.greatest(c.last_at, now_ms)
    )
    conn.execute(update(emergency_read).where(*mine).values(times=c.times + 1, last_at=latest))
    return _Committed(
        bucket=request.bucket,
        id=DisclosureId(row.id),
        committed_at=row.committed_at,
        times=row.times + 1,
    )


def _first(conn: Connection, vault: Vault, key: SubjectKey, attempt: _Attempt, now_ms: int) -> _Committed:
    request, staffer, fields = attempt
    wanted = request.fields if fields is None else tuple(sorted(set(fields)))
    read_id = DisclosureId(new_id(request.bucket, now_ms))
    said = read_fields(
        request=request.id,
        staff=staffer.name,
        reason=request.reason,
        approvers=approvers(conn, request.id),
        fields=wanted,
    )
    item = step_item(vault, key, Kind.DISCLOSE, (request.bucket, read_id, said), now_ms)
    conn.execute(
        insert(emergency_read).values(
            bucket=request.bucket,
            id=read_id,
            request_id=request.id,
            subject=key.subject,
            staff=staffer.name,
            actor=request.actor,
            fields=fields_json(wanted),
            committed_at=now_ms,
            times=1,
            last_at=now_ms,
            ledger_year=item.year,
        )
    )
    about = {"request": dual_text(request.id), "reason": request.reason.value, "fields": list(wanted)}
    told = Told(bucket=request.bucket, subject=key.subject, kind=NoticeKind.EMERGENCY_READ, about=about)
    notify(conn, [told], now_ms)
    append(conn, [item], now_ms, vault.installation.ledger_host)
    return _Committed(bucket=request.bucket, id=read_id, committed_at=now_ms, times=1)


def _read(vault: Vault, request: DualRequest, subject: SubjectId, done: _Committed) -> Opened | Denied:
    (permit,) = emergency_permits(vault, [(done.bucket, done.id)])
    if permit is None:
        return Denied(code=DenialCode.UNREADABLE)
    (answer,) = open_many(vault, [permit])
    if isinstance(answer, Unreadable):
        _log.error("reading under %s: %s", dual_text(request.id), answer.code.value)
        erased = answer.code is UnreadableCode.ERASED
        return Denied(code=DenialCode.PERSON_ERASED if erased else DenialCode.UNREADABLE)
    return Opened(
        request_id=request.id,
        read_id=done.id,
        subject=subject,
        values=answer,
        committed_at=done.committed_at,
        times=done.times,
    )
