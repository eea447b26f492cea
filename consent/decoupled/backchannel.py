"""Asking a person directly (CIBA, poll and ping mode): the request appears at their portal, wherever they are.

The recipient tells the person a number of two digits; the portal shows it among two others, and only who picks the
right one is shown the request: whoever is not speaking with the recipient cannot wave it through. One wrong pick
ends it. A hint that means nobody is answered and kept like any other, and waits for its end (`handles`). At most
`MOST_OPEN` requests of a recipient wait for one hint at a time, counted under a lock.

* `start(conn, vault, client, details, wanted, now_ms) -> Started | TooMany | Refusal`
* `waiting(conn, vault, consumer, now_ms) -> list[Question]`: what the signed-in person can take up.
* `pick(vault, consumer, request_id, number, now_ms, ward=None) -> Showing | Refusal`; `number` None says no without
  looking; `ward` is the link by which the person answers for somebody else.
"""

import json
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from consent.accounts.keys import Consumer
from consent.asking import ask, signed_requests
from consent.asking.ask import Kept, PushParams, Via
from consent.asking.cooling import cooling_until
from consent.asking.details import Details
from consent.asking.guarding import ward_of, weigh
from consent.asking.onward import lost
from consent.asking.showings import Showing, claim_request, take_up
from consent.asking.signed_requests import SignedRequest
from consent.decoupled import pings
from consent.decoupled.handles import Target, leads_somewhere, named
from consent.decoupled.outcomes import Outcome, settle
from consent.decoupled.polling import INTERVAL_S, LIFETIME_MS, PREFIXES
from consent.ids import RecipientId, RequestId
from consent.recipients import register as recipients
from consent.recipients.register import Client
from consent.refusals import Refusal, RefusalCode
from consent.schema.backchannel_tables import backchannel_request, backchannel_turn
from consent.schema.decoupled_tables import request_outcome, request_poll
from consent.schema.tables import consent_request, request_claim
from consent.wording.purposes import Purpose, purpose
from vault.families.guardians import Guardianship
from vault.ids import Bucket, new_secret
from vault.opening import Vault
from vault.storage.database import Dialect

MOST_OPEN = 2
_NUMBER = re.compile(r"[0-9]{2}")
_LONGEST_HINT = 200
_CHOICES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a client says beside the details; `seconds` is how long it wishes to wait.

    `token` is what it wants to be pinged with; without meaning for a client that only polls.
    """

    hint: str
    number: str
    jkt: str | None = None
    seconds: int = LIFETIME_MS // 1000
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Seconds, as the protocol says them."""

    auth_req_id: str
    expires_in: int
    interval: int


@dataclass(frozen=True, slots=True)
class TooMany:
    """The hint has as many requests waiting as there may be; one of them ends in so many seconds."""

    wait_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request that waits for this person, before they have picked a number; Unix milliseconds."""

    bucket: Bucket
    id: RequestId
    recipient: str
    purpose: Purpose
    choices: tuple[str, ...]
    expires_at: int


def start(  # each argument is a separate fact of the request
    conn: Connection,
    vault: Vault,
    client: Client,
    details: Details,
    wanted: Wanted,
    now_ms: int,
    *,
    signed: SignedRequest | None = None,
) -> Started | TooMany | Refusal:
    """Store a request that waits for the person its hint means, if it means one, with what it was signed with."""
    refused = _refuse(client, wanted)
    if refused:
        return refused
    target = named(conn, vault, client.recipient.id, wanted.hint)
    wait_s = _turn(conn, target, now_ms)
    if wait_s:
        return TooMany(wait_s)
    lifetime = min(wanted.seconds * 1000, LIFETIME_MS)
    secret = new_secret(PREFIXES[Via.BACKCHANNEL], target.bucket)
    params = PushParams(via=Via.BACKCHANNEL, dpop_jkt=wanted.jkt)
    request = ask.store(conn, client, details, params, Kept(target.bucket, secret, lifetime), now_ms)
    if isinstance(request, Refusal):
        return request
    _insert(conn, target, request, wanted.number)
    if signed is not None:
        signed_requests.keep(conn, client, (target.bucket, request), signed)
    if client.notification_uri is not None:
        said = pings.Ping(auth_req_id=secret, token=wanted.token)
        pings.keep(conn, vault, client.client_id, request, said, now_ms + lifetime)
    return Started(auth_req_id=secret, expires_in=lifetime // 1000, interval=INTERVAL_S)


def waiting(conn: Connection, vault: Vault, consumer: Consumer, now_ms: int) -> list[Question]:
    """What waits for this person, newest first; not from whom they stopped, or refused it a short while ago."""
    rows = conn.execute(_open(now_ms, backchannel_request.c.subject == consumer.subject)).all()
    return [
        _question(conn, row)
        for row in rows
        if leads_somewhere(conn, vault, row.hint_hash)
        and cooling_until(conn, consumer, RecipientId(row.recipient_id), _purpose_of(row), now_ms) is None
        and not lost(conn, consumer.subject, ask.details_of(row.details))
    ]


def pick(
    vault: Vault,
    consumer: Consumer,
    request_id: RequestId,
    number: str | None,
    now_ms: int,
    ward: Guardianship | None = None,
) -> Showing | Refusal:
    """Show the request to whoever knows its number; any other pick ends it."""
    kept, request = backchannel_request.c, consent_request.c
    whose = consumer if ward is None else ward_of(ward, consumer.lang)
    own = (kept.bucket == whose.bucket, kept.request_id == request_id, kept.subject == whose.subject)
    with vault.data.write() as conn:
        row = conn.execute(select(kept.number, kept.hint_hash).where(*own)).one_or_none()
        if row is None or not leads_somewhere(conn, vault, row.hint_hash):
            return take_up(conn, vault, consumer, None, now_ms)
        refused = weigh(conn, vault, (whose.bucket, whose.subject), ward, now_ms)
        if refused is not None:
            return refused  # nothing has ended: it waits for whoever decides
        which = (request.bucket == whose.bucket, request.id == request_id)
        pending = ask.unclaimed(conn, now_ms, *which)
        if pending is not None and row.number != number:
            if claim_request(conn, pending, now_ms):
                settle(conn, request_id, Outcome.REFUSED, now_ms)
            return Refusal(code=RefusalCode.REQUEST_NUMBER, at="number")
        return take_up(conn, vault, consumer, pending, now_ms, ward)


def _refuse(client: Client, wanted: Wanted) -> Refusal | None:
    if not _NUMBER.fullmatch(wanted.number):
        return Refusal(code=RefusalCode.REQUEST_NUMBER, at="binding_message")
    if not (0 < len(wanted.hint) <= _LONGEST_HINT and wanted.hint.isprintable()):
        return Refusal(code=RefusalCode.REQUEST_HINT, at="login_hint")
    if client.notification_uri is not None and not pings.is_token(wanted.token):
        return Refusal(code=RefusalCode.REQUEST_NOTIFICATION, at="client_notification_token")
    return None


def _turn(conn: Connection, target: Target, now_ms: int) -> int:
    """0 when one more request may wait for this hint, else the seconds until one may; requests take turns here."""
    dialect = sqlite if conn.dialect.name == Dialect.SQLITE else postgresql
    row = dialect.insert(backchannel_turn).values(
        bucket=target.bucket, hint_hash=target.hint_hash, asked_at=now_ms
    )
    conn.execute(row.on_conflict_do_update(index_elements=["bucket", "hint_hash"], set_={"asked_at": now_ms}))
    waits = _open(now_ms, backchannel_request.c.hint_hash == target.hint_hash).subquery()
    many, first = conn.execute(select(func.count(), func.min(waits.c.expires_at)).select_from(waits)).one()
    return 0 if many < MOST_OPEN else (first - now_ms) // 1000 + 1


def _open(now_ms: int, which: Any) -> Any:
    """The requests that nobody has answered and that are not over."""
    kept, request, ended, taken = backchannel_request.c, consent_request.c, request_outcome.c, request_claim.c
    return (
        select(consent_request, kept.choices, kept.hint_hash)
        .join(backchannel_request, (kept.bucket == request.bucket) & (kept.request_id == request.id))
        .outerjoin(request_outcome, (ended.bucket == request.bucket) & (ended.request_id == request.id))
        .outerjoin(request_claim, (taken.bucket == request.bucket) & (taken.request_id == request.id))
        .where(which, request.expires_at > now_ms, ended.request_id.is_(None), taken.request_id.is_(None))
        .order_by(request.id.desc())
    )


def _insert(conn: Connection, target: Target, request: RequestId, number: str) -> None:
    own = {"bucket": target.bucket, "request_id": request}
    conn.execute(request_poll.insert().values(**own, interval_s=INTERVAL_S, polled_at=0))
    conn.execute(
        backchannel_request.insert().values(
            **own,
            hint_hash=target.hint_hash,
            subject=target.subject,
            number=number,
            choices=json.dumps(_choices(number)),
        )
    )


def _choices(number: str) -> list[str]:
    """The number and two others, in an order that says nothing; kept, so that a page reloaded says no more."""
    every = [f"{n:02d}" for n in range(100) if f"{n:02d}" != number]
    dice = secrets.SystemRandom()
    chosen = [number, *dice.sample(every, _CHOICES - 1)]
    dice.shuffle(chosen)
    return chosen


def _purpose_of(row: Any) -> str:
    return ask.details_of(row.details).purpose


def _question(conn: Connection, row: Any) -> Question:
    asking = recipients.recipient(conn, row.recipient_id)
    assert asking is not None  # a foreign key promises it
    return Question(
        bucket=Bucket(row.bucket),
        id=RequestId(row.id),
        recipient=asking.legal_name,
        purpose=purpose(conn, _purpose_of(row)),
        choices=tuple(json.loads(row.choices)),
        expires_at=row.expires_at,
    )
