"""Dual control: asking for what one person alone may not do, and the votes of others on it.

`ask` writes a request, `vote` a yes or a no; the second yes of another person (the first, for what is read of
somebody under eighteen) opens a window of fifteen minutes. Each step is a row, a ledger entry and one
transaction. The request's row is locked before anything is decided, and triggers enforce the same rules once
more (`schema.dual_rules`). Whoever asked may take the request back by a no.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from consent.denials import DenialCode, Denied
from consent.dual.requests import DualRequest, approvers, find, seal_note, with_key
from consent.dual.steps import deny, deny_erased, deny_unknown, step_item, told
from consent.errors import BadRequest
from consent.house import house_bucket
from consent.ids import DualId, fields_json
from consent.ledger.append import append
from consent.ledger.entries.entry import Kind
from consent.permits.scan_runs import check_scope, scope_of
from consent.schema.dual_tables import dual_request, dual_vote
from consent.staff_members import ASKING_MS, DualKind, DualReason, DualState, Staffer, Verdict, actor_mac
from consent.texts import storable
from vault.ids import Bucket, SubjectId, bucket_for, bucket_of, new_id
from vault.keys.keyring import SubjectKey
from vault.opening import Vault
from vault.people.stored import erased_among

__all__ = ["DualRequest", "Question", "ask", "vote"]

LONGEST_NOTE: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked for; `note` says in words what the reason's code cannot.

    A scan is about nobody (`subject` None), and `scope` is what exactly it looks for (`scan_runs.scope_of`).
    """

    kind: DualKind
    reason: DualReason
    note: str
    subject: SubjectId | None = None
    fields: tuple[str, ...] = ()
    scope: str = ""

    def __repr__(self) -> str:
        return f"Question({self.kind.value})"


def ask(vault: Vault, staffer: Staffer, question: Question, now_ms: int) -> DualRequest | Denied:
    """Write a request; raises BadRequest for one that cannot be meant."""
    _check(vault, question)
    bucket = house_bucket(vault)
    key = None
    if question.subject is not None:
        bucket = bucket_for(question.subject, vault.installation.buckets)
        key = vault.keyring.subject_keys([(bucket, question.subject)]).get(question.subject)
        if key is None or _erased(vault, bucket, question.subject):
            return deny_unknown(vault, bucket, DenialCode.UNKNOWN_PERSON, now_ms)
    request_id = DualId(new_id(bucket, now_ms))
    about = (
        ("step", "asked"),
        *told(request_id, staffer),
        ("reason", question.reason.value),
        ("fields", ",".join(question.fields)),
        *((("scope", question.scope),) if question.scope else ()),
    )
    item = step_item(vault, key, Kind.GRANT, (bucket, request_id, about), now_ms)
    row = {
        "bucket": bucket,
        "id": request_id,
        "kind": question.kind.value,
        "subject": question.subject,
        "staff": staffer.name,
        "actor": actor_mac(vault, staffer),
        "reason": question.reason.value,
        "fields": fields_json(question.fields),
        "scope": question.scope,
        "note": seal_note(vault, key, request_id, question.note),
        "asked_at": now_ms,
        "lapses_at": now_ms + ASKING_MS,
        "state": DualState.ASKED.value,
        "ledger_year": item.year,
    }
    with vault.data.write() as conn:
        conn.execute(insert(dual_request).values(**row))
        append(conn, [item], now_ms, vault.installation.ledger_host)
        made = find(conn, request_id)
    assert made is not None
    return made


def vote(
    vault: Vault, staffer: Staffer, request_id: DualId, verdict: Verdict, now_ms: int
) -> DualRequest | Denied:
    """Say yes or no to a request; whoever asked may take it back by a no, and only by that."""
    found, key = with_key(vault, request_id)
    if found is None:
        return deny_unknown(vault, bucket_of(request_id), DenialCode.UNKNOWN_REQUEST, now_ms)
    if found.subject is not None and key is None:
        return deny_erased(vault, found, staffer, now_ms)
    with vault.data.write() as conn:
        now = find(conn, request_id, lock=True)
        assert now is not None
        code = _turned_down(conn, now, actor_mac(vault, staffer), staffer, verdict, now_ms)
        if code is None:
            try:
                with conn.begin_nested():
                    _write_vote(conn, vault, key, (now, staffer, verdict), now_ms)
            except IntegrityError:
                code = DenialCode.REQUEST_CLOSED
        if code is not None:
            return deny(conn, vault, key, (now, staffer, code), now_ms)
        after = find(conn, request_id)
    assert after is not None
    return after


def _erased(vault: Vault, bucket: Bucket, subject: SubjectId) -> bool:
    with vault.data.read() as conn:
        return subject in erased_among(conn, [(bucket, subject)])


def _check(vault: Vault, question: Question) -> None:
    if not storable(question.note, lines=True) or not 0 < len(question.note) <= LONGEST_NOTE:
        raise BadRequest("a request says why, in at most 2,000 characters")
    if question.kind is DualKind.POPULATION_SCAN:
        if question.subject is not None or not question.scope or len(question.fields) != 1:
            raise BadRequest("a scan is about nobody in particular, and for named digests of one field")
    elif question.subject is None or question.scope:
        raise BadRequest("a request is about one person")
    known = {code for code in question.fields if code in vault.catalogue}
    if not question.fields or tuple(sorted(known)) != question.fields:
        raise BadRequest("name at least one field, each once, in order, and only known ones")
    if question.kind is DualKind.POPULATION_SCAN:
        scope = scope_of(question.scope)
        if question.fields != (scope.field,):
            raise BadRequest("a scan is about the field that its scope names")
        check_scope(vault, scope)


def _turned_down(
    conn: Connection, request: DualRequest, actor: bytes, staffer: Staffer, verdict: Verdict, now_ms: int
) -> DenialCode | None:
    own = request.actor == actor or request.staff == staffer.name
    if verdict is Verdict.YES and own:
        return DenialCode.OWN_REQUEST
    c = dual_vote.c
    mine = select(c.verdict).where(
        c.bucket == request.bucket, c.request_id == request.id, c.actor == actor, c.verdict == verdict.value
    )
    if conn.execute(mine).one_or_none() is not None:
        return DenialCode.ALREADY_VOTED
    open_ = request.waits(now_ms) or (verdict is Verdict.NO and request.usable(now_ms))
    return None if open_ else DenialCode.REQUEST_CLOSED


def _write_vote(
    conn: Connection,
    vault: Vault,
    key: SubjectKey | None,
    cast: tuple[DualRequest, Staffer, Verdict],
    now_ms: int,
) -> None:
    request, staffer, verdict = cast
    said_yes = len(approvers(conn, request.id))
    vote_id = new_id(request.bucket, now_ms)
    yes = verdict is Verdict.YES
    about = (("step", "approved" if yes else "refused"), *told(request.id, staffer))
    kind = Kind.GRANT if yes else Kind.REFUSE
    item = step_item(vault, key, kind, (request.bucket, vote_id, about), now_ms)
    conn.execute(
        insert(dual_vote).values(
            bucket=request.bucket,
            request_id=request.id,
            actor=actor_mac(vault, staffer),
            verdict=verdict.value,
            id=vote_id,
            staff=staffer.name,
            place=said_yes + 1 if verdict is Verdict.YES else None,
            voted_at=now_ms,
            ledger_year=item.year,
        )
    )
    append(conn, [item], now_ms, vault.installation.ledger_host)
