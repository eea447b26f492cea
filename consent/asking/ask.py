"""Asking: a recipient pushes its request (RFC 9126) before any person sees it; the only way in.

The request is checked against what is stored: the client's redirect URI, the recipient's own notice and
liability terms by id and hash, what a person has to be told (`particulars`), the grant it is to stand
under if there is one (`onward`), a window that is still open and opens within a minute: a code and the token for
its first use live minutes, so a later window could not be used. It gets a `request_uri` good for one showing
within 90 seconds; only the digest of its secret is stored. The row belongs to no person yet and is routed
by its own random bucket.

* `push(conn, buckets, client, details, params, now_ms) -> Pushed | Refusal`
* `pending(conn, request_uri, client_id, now_ms) -> Pending | None` reads without using it up.
"""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, insert, select

from consent.asking import onward
from consent.asking.details import MAX_WINDOW_MS, Details
from consent.ids import ClientId, RecipientId, RequestId, canonical_json
from consent.recipients.particulars import missing, particulars
from consent.recipients.register import Client
from consent.recipients.retiring import retired
from consent.refusals import Refusal, RefusalCode
from consent.schema.tables import consent_request, request_claim
from consent.texts import storable
from consent.wording import notices, terms
from consent.wording.own_fields import offered, own
from vault.errors import MalformedId
from vault.ids import Bucket, Buckets, new_id, new_secret, secret_bucket, secret_hash

URN = "urn:ietf:params:oauth:request_uri:"
SECRET_PREFIX = "req"  # noqa: S105  # a prefix, not a password
LIFETIME_MS = 90_000
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")  # 32 bytes, in the one way to write them
_MAX_STATE = 512
MAX_AHEAD_MS = 60_000
"""How far in the future a window may begin, in milliseconds."""


class Via(StrEnum):
    """How the answer reaches the client: in a code through the browser, or by polling with a secret it holds."""

    CODE = "code"
    DEVICE = "device"
    BACKCHANNEL = "backchannel"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushParams:
    """The OAuth members beside the details; `code_challenge` and `dpop_jkt` are base64url SHA-256.

    What is polled for has no `redirect_uri`, `state` and `code_challenge`.
    """

    redirect_uri: str = ""
    state: str = ""
    code_challenge: str = ""
    dpop_jkt: str | None = None
    via: Via = Via.CODE


class Kept(NamedTuple):
    """Where a request is kept, the secret it is found by, and for how long (milliseconds)."""

    bucket: Bucket
    secret: str
    lifetime_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """`expires_in` is seconds, as the protocol says it."""

    request_uri: str
    expires_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A request that nobody has been shown yet."""

    bucket: Bucket
    id: RequestId
    client_id: ClientId
    recipient_id: RecipientId
    params: PushParams
    details: Details
    expires_at: int


def push(  # each argument is a separate fact of the request
    conn: Connection, buckets: Buckets, client: Client, details: Details, params: PushParams, now_ms: int
) -> Pushed | Refusal:
    """Store a request that fits what the recipient has registered and published."""
    bucket = Bucket(buckets.first + secrets.randbelow(buckets.many))
    secret = new_secret(SECRET_PREFIX, bucket)
    stored = store(conn, client, details, params, Kept(bucket, secret, LIFETIME_MS), now_ms)
    if isinstance(stored, Refusal):
        return stored
    return Pushed(request_uri=URN + secret, expires_in=LIFETIME_MS // 1000)


def store(  # each argument is a separate fact of the request
    conn: Connection, client: Client, details: Details, params: PushParams, kept: Kept, now_ms: int
) -> RequestId | Refusal:
    """Check a request and write it down; the one way in for every way of asking."""
    opened = _complete(client, details, now_ms)
    refused = (
        _refuse_params(client, params)
        or _refuse_window(opened, now_ms)
        or _refuse_party(client, opened)
        or _refuse_own_fields(conn, opened)
        or _refuse_texts(conn, client, opened)
        or onward.refuse(conn, client.recipient, opened)
    )
    if refused:
        return refused
    request = RequestId(new_id(kept.bucket, now_ms))
    conn.execute(
        insert(consent_request).values(
            bucket=kept.bucket,
            id=request,
            secret_hash=secret_hash(kept.secret),
            client_id=client.client_id,
            recipient_id=client.recipient.id,
            **{**asdict(params), "via": params.via.value},
            details=details_json(opened),
            created_at=now_ms,
            expires_at=now_ms + kept.lifetime_ms,
        )
    )
    return request


def pending(conn: Connection, request_uri: str, client_id: str, now_ms: int) -> Pending | None:
    """The unused, unexpired request behind a `request_uri` of this client, else None."""
    which = _behind(request_uri)
    found = unclaimed(conn, now_ms, *which) if which else None
    return None if found is None or found.client_id != client_id else found


def request_of(conn: Connection, request_uri: str, client_id: str) -> RequestId | None:
    """The id of the request behind a `request_uri` of this client, whatever has become of it."""
    which = _behind(request_uri)
    if which is None:
        return None
    found = select(consent_request.c.id).where(*which, consent_request.c.client_id == client_id)
    return conn.execute(found).scalar_one_or_none()


def _behind(request_uri: str) -> tuple[ColumnElement[bool], ...] | None:
    prefix, _, secret = request_uri.partition(URN)
    try:
        bucket = secret_bucket(SECRET_PREFIX, secret)
    except MalformedId:
        return None
    request = consent_request.c
    return None if prefix else (request.bucket == bucket, request.secret_hash == secret_hash(secret))


def unclaimed(conn: Connection, now_ms: int, *which: ColumnElement[bool]) -> Pending | None:
    """The one request `which` says, if nobody has taken it up and it is not over."""
    request = consent_request.c
    row = conn.execute(
        select(consent_request, request_claim.c.claimed_at)
        .outerjoin(
            request_claim,
            (request_claim.c.bucket == request.bucket) & (request_claim.c.request_id == request.id),
        )
        .where(*which)
    ).one_or_none()
    if row is None or row.claimed_at is not None or now_ms >= row.expires_at:
        return None
    return _pending(row)


def details_json(details: Details) -> str:
    """The stored form of a request's details."""
    return canonical_json(asdict(details))


def details_of(stored: str) -> Details:
    """Back from the stored form."""
    members: dict[str, Any] = json.loads(stored)
    for name in ("fields", "optional_fields", "onward"):
        members[name] = tuple(members.get(name, ()))
    return Details(**members)


def _pending(row: Any) -> Pending:
    return Pending(
        bucket=Bucket(row.bucket),
        id=RequestId(row.id),
        client_id=ClientId(row.client_id),
        recipient_id=RecipientId(row.recipient_id),
        params=PushParams(
            redirect_uri=row.redirect_uri,
            state=row.state,
            code_challenge=row.code_challenge,
            dpop_jkt=row.dpop_jkt,
            via=Via(row.via),
        ),
        details=details_of(row.details),
        expires_at=row.expires_at,
    )


def _refuse_params(client: Client, params: PushParams) -> Refusal | None:
    polled = params.via is not Via.CODE
    redirects = polled or params.redirect_uri in client.redirect_uris
    checks: Mapping[RefusalCode, tuple[str, bool]] = {
        RefusalCode.CLIENT_SUSPENDED: ("client_id", not client.suspended),
        RefusalCode.REQUEST_REDIRECT: ("redirect_uri", redirects),
        RefusalCode.REQUEST_CHALLENGE: (
            "code_challenge",
            polled or bool(_CHALLENGE.fullmatch(params.code_challenge)),
        ),
        RefusalCode.REQUEST_STATE: (
            "state",
            len(params.state) <= _MAX_STATE and storable(params.state),
        ),
        RefusalCode.REQUEST_KEY: (
            "dpop_jkt",
            params.dpop_jkt is None or bool(_CHALLENGE.fullmatch(params.dpop_jkt)),
        ),
    }
    for code, (at, holds) in checks.items():
        if not holds:
            return Refusal(code=code, at=at)
    return None


def _refuse_window(details: Details, now_ms: int) -> Refusal | None:
    opens = now_ms if details.window_from is None else details.window_from
    if max(opens, now_ms) >= details.window_to or details.window_to - opens > MAX_WINDOW_MS:
        return Refusal(code=RefusalCode.DETAILS_BAD_WINDOW, at="/0/window")
    if opens > now_ms + MAX_AHEAD_MS:
        return Refusal(code=RefusalCode.DETAILS_WINDOW_TOO_LATE, at="/0/window/from")
    return None


def _complete(client: Client, details: Details, now_ms: int) -> Details:
    """A window has a beginning, and data that leaves the country a country it leaves for (PIPL 39)."""
    opens = now_ms if details.window_from is None else details.window_from
    country = details.country or (client.recipient.country if client.recipient.abroad else None)
    return replace(details, window_from=opens, country=country)


def _refuse_party(client: Client, details: Details) -> Refusal | None:
    if details.recipient not in {None, client.recipient.id}:
        return Refusal(code=RefusalCode.DETAILS_OTHER_RECIPIENT, at="/0/recipient")
    if details.country not in {None, client.recipient.country}:
        return Refusal(code=RefusalCode.DETAILS_OTHER_COUNTRY, at="/0/country")
    return None


def _refuse_own_fields(conn: Connection, details: Details) -> Refusal | None:
    """Fields of the operator's own may be asked for as long as they are offered to the purpose."""
    for at, fields in (("datatypes", details.fields), ("optional_datatypes", details.optional_fields)):
        asked = own(fields)
        if asked and not asked <= offered(conn, details.purpose):
            return Refusal(code=RefusalCode.DETAILS_EXCESS_FIELD, at=f"/0/{at}")
    return None


def _refuse_texts(conn: Connection, client: Client, details: Details) -> Refusal | None:
    """The notice and the terms must be this recipient's, for this purpose, exactly as published, and not retired."""
    claims = details.claims or {}
    notice = notices.notice(conn, details.notice_id)
    if (
        notice is None
        or (notice.recipient_id, notice.purpose) != (client.recipient.id, details.purpose)
        or notice.hash != details.notice_hash
        or claims.get("version", notice.version) != notice.version
        or claims.get("lang", notice.lang) != notice.lang
        or retired(conn, notice.id)
    ):
        return Refusal(code=RefusalCode.DETAILS_UNKNOWN_NOTICE, at="/0/notice")
    abroad = client.recipient.abroad
    if untold := missing(particulars(client.recipient, notice, details.fields), abroad=abroad):
        code = RefusalCode.DETAILS_TRANSFER_UNTOLD if abroad else RefusalCode.DETAILS_NOTICE_UNTOLD
        return Refusal(code=code, at="/0/notice", missing=untold)
    owed = terms.terms(conn, details.terms_id)
    if (
        owed is None
        or owed.recipient_id != client.recipient.id
        or owed.hash != details.terms_hash
        or claims.get("per_record", str(owed.per_record)) != str(owed.per_record)
        or claims.get("currency", owed.currency) != owed.currency
        or retired(conn, owed.id)
    ):
        return Refusal(code=RefusalCode.DETAILS_UNKNOWN_TERMS, at="/0/liability")
    if owed.signature_hash is None and details.terms_signature is None:
        return Refusal(code=RefusalCode.DETAILS_UNSIGNED_TERMS, at="/0/liability")
    return None
