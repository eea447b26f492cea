"""Introspection (RFC 7662): what a token is worth at this moment, told to the client it was issued to and to
nobody else.

Set-based like a redemption: `introspect_many` accepts the callers' assertions and proofs, once each, and looks
at all tokens, in one transaction of two statements that a server's batcher fills (a third gives tokens that are
asked about for the first time their places in status lists). Nothing is spent: it reads. Unknown tokens and
other clients' are one and the same, a row that the join did not find, after the same work. What is not for a
use is looked up besides, by its kind (`tokens.lasting`).

An answer's `use` says how often the token was used and for how many uses it is; `sub` is the person's name for this
one recipient, so that two of them cannot join what they know.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection

from consent.denials import DenialCode
from consent.grants.granted import granted_details
from consent.ids import ClientId, GrantId, UseId, fields_of, grant_text, use_text
from consent.recipients.pairwise import pairwise
from consent.schema.grant_chains import stands
from consent.schema.grant_states import GrantState
from consent.signing.keys import NEWEST, Purpose
from consent.signing.replay import remembering
from consent.tokens.lasting import TokenKind, worth
from consent.tokens.status_list import Minted, Place, assign
from vault.ids import Bucket, SubjectId
from vault.opening import Vault
from vault.storage.rowset import Call, RowSet, volley

_LOOK = RowSet(
    f"WITH {{rows}} SELECT rows.i, {NEWEST.format(Purpose.INTROSPECTION)}, t.jkt, t.minted_at, t.expires_at, u.id, "
    "u.fields, u.quota, u.spent, u.voided_at, g.id, g.subject, g.state, g.recipient_id, g.purpose, g.max_uses, "
    "g.window_from, g.window_to, g.retention, g.notice_id, g.notice_hash, g.terms_id, g.terms_hash, s.details, "
    f"{stands('g')}, e.list, e.idx "
    "FROM rows LEFT JOIN token t ON t.bucket = rows.bucket AND t.hash = rows.token AND t.client_id = rows.client_id "
    "LEFT JOIN use u ON u.bucket = t.bucket AND u.id = t.use_id "
    "LEFT JOIN consent_grant g ON g.bucket = u.bucket AND g.id = u.grant_id "
    "LEFT JOIN notice_showing s ON s.bucket = g.bucket AND s.id = g.showing_id "
    "LEFT JOIN status_entry e ON e.bucket = t.bucket AND e.token_hash = t.hash",
    bucket="int",
    token="bytes",  # noqa: S106  # a column's type
    client_id="text",
)

type Remembered = tuple[Bucket, bytes, int]
"""(bucket, hash, expires_ms): a row of the replay table."""


class Shown(StrEnum):
    """What came with a question and may come only once."""

    ASSERTION = "assertion"
    PROOF = "proof"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A token that an authenticated client asks about; `shown` is what proves the client, to be accepted once."""

    client_id: ClientId
    bucket: Bucket
    token_hash: bytes
    kind: TokenKind = TokenKind.ACCESS
    shown: tuple[tuple[Shown, Remembered], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The caller proved itself with something that was used before: it gets no answer."""

    what: Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`members` are those of RFC 7662 §2.2; `inactive` are what only the token's own client may know of an ended one.

    `generation` is that of the key which signs answers now, `place` where the token stands in a status list, if
    it does.
    """

    generation: int
    members: dict[str, Any] | None = None
    inactive: dict[str, Any] = field(default_factory=dict)
    place: Place | None = None


class _Row(NamedTuple):
    at: int
    generation: int
    jkt: str
    minted_at: int
    expires_at: int
    use_id: bytes | None
    fields: str
    quota: int
    spent: int
    voided_at: int | None
    grant_id: bytes
    subject: bytes
    state: str
    recipient_id: str
    purpose: str
    max_uses: int
    window_from: int
    window_to: int
    retention: str
    notice_id: str
    notice_hash: str
    terms_id: str
    terms_hash: str
    details: str
    above: bool
    list: int | None
    idx: int | None


def introspect_many(vault: Vault, questions: Sequence[Question], now_ms: int) -> list[Answer | Replayed]:
    """One answer per question, in order. Nothing is consumed but the assertions and proofs themselves."""
    if not questions:
        return []
    first = _first_shown(questions)
    asked = [(one.bucket, one.token_hash, one.client_id) for one in questions]
    with vault.data.write() as conn:
        new, found = volley(conn, remembering([row for row, _ in first.values()]), Call(_LOOK, asked))
        # Before the commit: whatever fails here must leave nothing accepted, so that it can be asked again.
        accepted = {(bucket, digest) for bucket, digest in new}
        rows = {row[0]: _Row(*row) for row in found}
        answers = [
            _replayed(question, at, accepted, first)
            or (
                _answer(vault, rows[at], now_ms)
                if question.kind is TokenKind.ACCESS
                else _lasting(conn, vault, question, rows[at].generation, now_ms)
            )
            for at, question in enumerate(questions)
        ]
        places = _places(conn, vault, questions, answers, rows)
    return [
        replace(one, place=places.get(questions[at].token_hash))
        if isinstance(one, Answer) and one.members
        else one
        for at, one in enumerate(answers)
    ]


def _places(
    conn: Connection,
    vault: Vault,
    questions: Sequence[Question],
    answers: Sequence[Answer | Replayed],
    rows: Mapping[int, _Row],
) -> dict[bytes, Place]:
    """Where the tokens that are alive stand in status lists; one that has no place yet gets it here."""
    known: dict[bytes, Place] = {}
    fresh: list[Minted] = []
    for at, answer in enumerate(answers):
        alive = isinstance(answer, Answer) and answer.members is not None
        if alive and questions[at].kind is TokenKind.ACCESS:
            row, asked = rows[at], questions[at]
            if row.list is not None and row.idx is not None:
                known[asked.token_hash] = Place(row.list, row.idx)
            else:
                fresh.append(Minted(asked.bucket, asked.token_hash, row.minted_at))
    return known | assign(conn, vault, fresh)


type _First = dict[tuple[int, bytes], tuple[Remembered, int]]


def _first_shown(questions: Sequence[Question]) -> _First:
    """Everything shown, once, with the question that shows it first."""
    first: _First = {}
    for at, question in enumerate(questions):
        for _, row in question.shown:
            first.setdefault(row[:2], (row, at))
    return first


def _replayed(
    question: Question, at: int, accepted: set[tuple[int, bytes]], first: _First
) -> Replayed | None:
    for what, row in question.shown:
        if row[:2] not in accepted or first[row[:2]][1] != at:
            return Replayed(what=what)
    return None


def _answer(vault: Vault, row: _Row, now_ms: int) -> Answer:
    if row.use_id is None:
        return Answer(generation=row.generation)
    use = {"n": row.spent, "of": row.quota}
    about = {"grant_id": grant_text(GrantId(row.grant_id)), "use": use}
    ended = _ended(row, now_ms)
    if ended is not None:
        return Answer(generation=row.generation, inactive={"reason": ended.value, **about})
    details = granted_details(row, fields_of(row.fields))
    members = {
        "token_type": "DPoP",
        "sub": pairwise(vault, row.recipient_id, SubjectId(row.subject)),
        "iat": row.minted_at // 1000,
        "exp": row.expires_at // 1000,
        "cnf": {"jkt": row.jkt},
        "authorization_details": [{**details, "use_id": use_text(UseId(row.use_id or b""))}],
        **about,
    }
    return Answer(generation=row.generation, members=members)


def _lasting(conn: Connection, vault: Vault, asked: Question, generation: int, now_ms: int) -> Answer:
    """The answer about a token that is not for a use."""
    what = (asked.kind, asked.client_id, asked.bucket, asked.token_hash)
    found = worth(conn, vault, *what, now_ms)
    return Answer(generation=generation, members=found.members, inactive=dict(found.inactive))


def _ended(row: _Row, now_ms: int) -> DenialCode | None:
    """Why a redemption of this token would be denied now, in the order in which it would be (`decide`)."""
    state = GrantState(row.state)
    if state is not GrantState.ACTIVE:
        return _BY_STATE.get(state, DenialCode.GRANT_NOT_ACTIVE)
    if row.voided_at is not None:
        return DenialCode.VOIDED
    if not row.above:
        return DenialCode.PARENT_NOT_ACTIVE
    if now_ms >= row.expires_at:
        return DenialCode.EXPIRED
    if not row.window_from <= now_ms < row.window_to:
        return DenialCode.WINDOW
    return DenialCode.SPENT if row.spent >= row.quota else None


_BY_STATE = {GrantState.WITHDRAWN: DenialCode.WITHDRAWN, GrantState.EXHAUSTED: DenialCode.SPENT}
