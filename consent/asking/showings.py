"""One showing of one notice version to one person: made by using up the request, read for the page.

Whoever claims a pushed request first is the person it is shown to; the `request_uri` is spent by the same
transaction. A showing is evidence (consent.md §6, invariant 19): no grant can exist without it, and the grant's
recipient, purpose, notice and terms must be the ones that stood here. What a guardian is shown for a ward is a
showing of the ward's data, and the guardian's alone to answer (`guarding`).

* `claim(vault, consumer, request_uri, client_id, now_ms, ward=None) -> Showing | Refusal`; `ward` is the link by which
  the person answers for somebody else.
* `showing(conn, consumer, showing_id) -> Showing | None` for the page; `None` when it is not this person's to answer.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select

from consent.accounts.keys import Consumer
from consent.asking import ask, onward
from consent.asking.ask import Via
from consent.asking.cooling import cooling_until
from consent.asking.details import Details
from consent.asking.guarding import guardian_of, ward_of, weigh
from consent.asking.onward import Parent
from consent.ids import ClientId, GrantId, RequestId, ShowingId
from consent.recipients import register as recipients
from consent.recipients.register import Recipient
from consent.refusals import Refusal, RefusalCode
from consent.schema.grant_states import GrantState
from consent.schema.guardian_tables import guardian_showing
from consent.schema.tables import consent_grant, notice_showing
from consent.wording import notices, purposes, terms
from consent.wording.notices import Notice
from consent.wording.purposes import Purpose
from consent.wording.terms import Terms
from vault.families.guardians import Guardianship, link_of
from vault.fields.field import Sensitivity
from vault.ids import Bucket, SubjectId, bucket_of, new_id
from vault.opening import Vault
from vault.storage.rowset import RowSet

LIFETIME_MS = 600_000
_CHANNEL = "portal"

_CLAIM = RowSet(
    "WITH {rows} INSERT INTO request_claim (bucket, request_id, claimed_at) "
    "SELECT rows.bucket, rows.request_id, :now FROM rows WHERE true ON CONFLICT DO NOTHING RETURNING bucket",
    bucket="int",
    request_id="bytes",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """Everything the approval page must say, and where the answer goes. Times are Unix milliseconds."""

    id: ShowingId
    bucket: Bucket
    subject: SubjectId
    client_id: ClientId
    recipient: Recipient
    purpose: Purpose
    details: Details
    notice: Notice
    terms: Terms
    redirect_uri: str
    state: str
    code_challenge: str
    dpop_jkt: str | None
    via: Via
    request_id: RequestId
    shown_at: int
    expires_at: int
    decided: GrantId | None
    approved: bool
    lang: str = "en"
    """The language it was shown in."""
    parent: Parent | None = None
    """The grant under which the request asks, as it stood when this was read (`onward`)."""
    guardian: Guardianship | None = None

    @property
    def answerer(self) -> tuple[Bucket, SubjectId]:
        """Whose answer it takes: the person's, or the guardian's it was shown to."""
        return (self.bucket, self.subject) if self.guardian is None else guardian_of(self.guardian)

    @property
    def fields(self) -> tuple[str, ...]:
        return self.details.fields

    @property
    def optional_fields(self) -> tuple[str, ...]:
        return self.details.optional_fields

    @property
    def max_uses(self) -> int:
        return self.details.max_uses

    @property
    def window(self) -> tuple[int, int]:
        """From and to, Unix milliseconds; outside it nothing is disclosed."""
        opens = self.details.window_from
        return (self.shown_at if opens is None else opens), self.details.window_to

    @property
    def retention(self) -> str:
        """How long the recipient may keep what it receives, as an ISO 8601 duration."""
        return self.details.retention

    def example_sum(self, sensitive: Collection[str] = ()) -> Decimal:
        """What the person would be owed if all that is needed leaked once, in the currency of the terms.

        `sensitive` are the fields that are sensitive in this person's case.
        """
        counted = Counter(
            Sensitivity.SENSITIVE if code in sensitive else Sensitivity.ORDINARY for code in self.fields
        )
        return self.terms.owed(fields=counted)


def claim(
    vault: Vault,
    consumer: Consumer,
    request_uri: str,
    client_id: str,
    now_ms: int,
    ward: Guardianship | None = None,
    *,
    came_ms: int | None = None,
) -> Showing | Refusal:
    """Use up the request and show it to this person; only the first claim of a request succeeds.

    `came_ms` is when they came with it, in time or not, where that was before now.
    """
    with vault.data.write() as conn:
        request = ask.pending(conn, request_uri, client_id, now_ms if came_ms is None else came_ms)
        return take_up(conn, vault, consumer, request, now_ms, ward)


def take_up(
    conn: Connection,
    vault: Vault,
    consumer: Consumer,
    request: ask.Pending | None,
    now_ms: int,
    ward: Guardianship | None = None,
) -> Showing | Refusal:
    """The same for a request already found, in the caller's transaction."""
    client = None if request is None else recipients.client(conn, request.client_id)
    if request is None or client is None or client.suspended:
        return Refusal(code=RefusalCode.REQUEST_URI_UNKNOWN, at="request_uri")
    whose = consumer if ward is None else ward_of(ward, consumer.lang)
    refused = weigh(conn, vault, (whose.bucket, whose.subject), ward, now_ms)
    if refused is not None:
        return refused  # not used up: somebody else may answer it
    if onward.lost(conn, whose.subject, request.details):
        return Refusal(code=RefusalCode.REQUEST_URI_UNKNOWN, at="request_uri")  # it may be somebody else's
    asked = (request.recipient_id, request.details.purpose)
    if cooling_until(conn, whose, *asked, now_ms) is not None:
        return Refusal(code=RefusalCode.REQUEST_TOO_SOON)  # not used up: the person may want to be asked
    if not claim_request(conn, request, now_ms):
        return Refusal(code=RefusalCode.REQUEST_URI_UNKNOWN, at="request_uri")
    shown = _insert(conn, whose, request, now_ms)
    if ward is not None:
        _insert_guardian(conn, shown, ward)
    found = showing(conn, consumer, shown)
    if found is None:
        raise AssertionError("a showing just written is there")
    return found


def claim_request(conn: Connection, request: ask.Pending, now_ms: int) -> bool:
    """Use a request up; only the first who does so is told True."""
    return bool(_CLAIM(conn, [(request.bucket, request.id)], now=now_ms))


def showing(conn: Connection, consumer: Consumer, showing_id: ShowingId) -> Showing | None:
    """The showing, when it was made to this person, of their own data or of a ward's."""
    shown, by = notice_showing.c, guardian_showing.c
    row = conn.execute(
        select(
            notice_showing,
            consent_grant.c.id.label("decided"),
            consent_grant.c.state.label("answer"),
            by.guardian,
            by.guardian_from,
        )
        .outerjoin(
            consent_grant,
            (consent_grant.c.bucket == shown.bucket) & (consent_grant.c.showing_id == shown.id),
        )
        .outerjoin(guardian_showing, (by.bucket == shown.bucket) & (by.showing_id == shown.id))
        .where(shown.bucket == bucket_of(showing_id), shown.id == showing_id, answers(consumer))
    ).one_or_none()
    return None if row is None else _showing(conn, row)


def answers(consumer: Consumer) -> ColumnElement[bool]:
    """Whether the answer to a showing is this person's to give."""
    guardian = guardian_showing.c.guardian
    own = guardian.is_(None) & (notice_showing.c.subject == consumer.subject)
    return own | (guardian == consumer.subject)


def _insert_guardian(conn: Connection, shown: ShowingId, ward: Guardianship) -> None:
    conn.execute(
        insert(guardian_showing).values(
            bucket=ward.bucket,
            showing_id=shown,
            subject=ward.ward,
            guardian_bucket=ward.guardian_bucket,
            guardian=ward.guardian,
            guardian_from=ward.valid_from,
        )
    )


def _insert(conn: Connection, consumer: Consumer, request: ask.Pending, now_ms: int) -> ShowingId:
    details, params = request.details, request.params
    shown = ShowingId(new_id(consumer.bucket, now_ms))
    conn.execute(
        insert(notice_showing).values(
            bucket=consumer.bucket,
            id=shown,
            subject=consumer.subject,
            request_id=request.id,
            recipient_id=request.recipient_id,
            client_id=request.client_id,
            purpose=details.purpose,
            notice_id=details.notice_id,
            notice_hash=details.notice_hash,
            terms_id=details.terms_id,
            terms_hash=details.terms_hash,
            via=params.via.value,
            redirect_uri=params.redirect_uri,
            state=params.state,
            code_challenge=params.code_challenge,
            dpop_jkt=params.dpop_jkt,
            details=ask.details_json(details),
            lang=consumer.lang,
            channel=_CHANNEL,
            shown_at=now_ms,
            expires_at=_lapses(request, now_ms),
        )
    )
    return shown


def _lapses(request: ask.Pending, now_ms: int) -> int:
    """An answer that is polled for helps nobody once the polling is over."""
    lapses = now_ms + LIFETIME_MS
    return lapses if request.params.via is Via.CODE else min(lapses, request.expires_at)


def _showing(conn: Connection, row: Any) -> Showing:
    recipient = recipients.recipient(conn, row.recipient_id)
    notice = notices.notice(conn, row.notice_id)
    owed = terms.terms(conn, row.terms_id)
    details = ask.details_of(row.details)
    # Foreign keys promise all three; the type checker needs to hear it.
    assert recipient is not None
    assert notice is not None
    assert owed is not None
    link = None if row.guardian is None else (row.subject, row.guardian, row.guardian_from)
    return Showing(
        id=ShowingId(row.id),
        bucket=Bucket(row.bucket),
        subject=SubjectId(row.subject),
        client_id=ClientId(row.client_id),
        recipient=recipient,
        purpose=purposes.purpose(conn, row.purpose),
        details=details,
        notice=notice,
        terms=owed,
        redirect_uri=row.redirect_uri,
        state=row.state,
        code_challenge=row.code_challenge,
        dpop_jkt=row.dpop_jkt,
        via=Via(row.via),
        request_id=RequestId(row.request_id),
        shown_at=row.shown_at,
        expires_at=row.expires_at,
        decided=None if row.decided is None else GrantId(row.decided),
        lang=row.lang,
        approved=row.decided is not None and row.answer != GrantState.REFUSED,
        parent=None if details.parent_grant is None else onward.parent(conn, details.parent_grant),
        guardian=None if link is None else link_of(conn, Bucket(row.bucket), *link),
    )
