"""Planted persons' own yes: to requests by handle of whoever they were planted with, by the way that everybody goes.

The recipient asks by the handle it was given at the sign-up, and somebody takes half a minute to two to pick
the number and say yes: how long follows from the request, so that no answer comes at once. Shared persons
answer the half of the recipients that are given them, dark ones and those of retired lists nobody, as people
who do not look. What takes a proof of presence is left to the operator's own staff, who have the sign-in keys.
"""

import hmac
from typing import Final

from sqlalchemy import Connection, select

from consent.accounts.keys import present
from consent.approving.approve import Approved, approve
from consent.asking.showings import Showing
from consent.decoupled.backchannel import pick
from consent.ids import RequestId
from consent.planted.planting import Kind, Listed, holds, known, lists, mac_of
from consent.schema.backchannel_tables import backchannel_request
from consent.schema.decoupled_tables import request_outcome
from consent.schema.tables import consent_request, request_claim
from vault.ids import Bucket, Person, SubjectId
from vault.opening import Vault

_LEAST_MS: Final = 30_000
_SPREAD_MS: Final = 90_000

type _Open = tuple[Person, RequestId, str, str, int]
"""(whom, request, number, recipient, asked at in Unix ms)."""


def answer_due(vault: Vault, now_ms: int) -> int:
    """Answer what has waited long enough; how many consents were given."""
    with vault.data.read() as conn:
        live = {one.id: one for one in lists(conn) if one.sealed and one.retired_at is None}
        waiting = _open(conn, now_ms) if live else []
        on = known(conn, vault, [one[0] for one in waiting])
    due = [
        waiting[at]
        for at, list_id in sorted(on.items())
        if list_id in live and _answers(vault, live[list_id], waiting[at], now_ms)
    ]
    return sum(_answer(vault, one, now_ms) for one in due)


def _open(conn: Connection, now_ms: int) -> list[_Open]:
    """Every request that a person may still take up."""
    kept, asked = backchannel_request.c, consent_request.c
    ended, taken = request_outcome.c, request_claim.c
    columns = (kept.bucket, kept.subject, kept.request_id, kept.number, asked.recipient_id, asked.created_at)
    rows = conn.execute(
        select(*columns)
        .join(consent_request, (kept.bucket == asked.bucket) & (kept.request_id == asked.id))
        .outerjoin(request_outcome, (ended.bucket == asked.bucket) & (ended.request_id == asked.id))
        .outerjoin(request_claim, (taken.bucket == asked.bucket) & (taken.request_id == asked.id))
        .where(asked.expires_at > now_ms, kept.subject.is_not(None))
        .where(ended.request_id.is_(None), taken.request_id.is_(None))
    )
    return [
        ((Bucket(bucket), SubjectId(who)), RequestId(request), number, whom, at)
        for bucket, who, request, number, whom, at in rows
    ]


def _answers(vault: Vault, on: Listed, asked: _Open, now_ms: int) -> bool:
    who, request, _, whom, at = asked
    if now_ms < at + _pause(vault, request):
        return False
    if on.kind is Kind.SHARED:
        return holds(vault, mac_of(vault, who[1]), whom)
    return on.kind is Kind.UNIQUE and on.recipient_id == whom


def _pause(vault: Vault, request: RequestId) -> int:
    """How long this one takes to answer, in milliseconds."""
    drawn = hmac.digest(vault.keyring.service_key("honey"), b"pv1/planted/pause" + request, "sha256")
    return _LEAST_MS + int.from_bytes(drawn[:4]) % _SPREAD_MS


def _answer(vault: Vault, asked: _Open, now_ms: int) -> bool:
    who, request, number, *_ = asked
    with vault.data.write() as conn:
        consumer = present(conn, who)
    if consumer is None:
        return False
    shown = pick(vault, consumer, request, number, now_ms)
    if not isinstance(shown, Showing):
        return False
    return isinstance(approve(vault, consumer, shown.id, None, now_ms), Approved)
