"""What a request finds there already: the page this person has of it, and what its recipient may do without it.

Two consents for one recipient, purpose and notice stand beside one another (ADR 0037); the page says so beforehand.

* `shown_before(conn, consumer, request_uri, client_id, now_ms, *, buckets) -> ShowingId | None`
* `standing_beside(conn, shown, now_ms) -> tuple[int, int]`
"""

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from consent.accounts.keys import Consumer
from consent.asking import ask
from consent.asking.showings import LIFETIME_MS, Showing, answers
from consent.ids import ShowingId
from consent.schema.grant_states import GrantState
from consent.schema.guardian_tables import guardian_showing
from consent.schema.tables import consent_grant, notice_showing
from vault.ids import Bucket, mint_id


def shown_before(  # each argument is a fact of its own
    conn: Connection,
    consumer: Consumer,
    request_uri: str,
    client_id: str,
    now_ms: int,
    *,
    buckets: Collection[Bucket],
) -> ShowingId | None:
    """The showing this person has of a request, if it is still open; `buckets` are theirs and their wards'."""
    request_id, shown, by = ask.request_of(conn, request_uri, client_id), notice_showing.c, guardian_showing.c
    if request_id is None:
        return None
    found = conn.execute(
        select(shown.id)
        .outerjoin(guardian_showing, (by.bucket == shown.bucket) & (by.showing_id == shown.id))
        .outerjoin(
            consent_grant,
            (consent_grant.c.bucket == shown.bucket) & (consent_grant.c.showing_id == shown.id),
        )
        .where(
            # An open showing is ten minutes old at most, and its id says when it was made: few rows are read.
            or_(*(_since(bucket, now_ms - LIFETIME_MS) for bucket in buckets)),
            shown.request_id == request_id,
            shown.expires_at > now_ms,
            consent_grant.c.id.is_(None),
            answers(consumer),
        )
    ).scalar_one_or_none()
    return None if found is None else ShowingId(found)


def standing_beside(conn: Connection, shown: Showing, now_ms: int) -> tuple[int, int]:
    """How many consents the same recipient has for the same purpose, and how many uses are left of them together."""
    g = consent_grant.c
    found = conn.execute(
        select(func.count(), func.coalesce(func.sum(g.max_uses - g.used), 0)).where(
            g.bucket == shown.bucket,
            g.subject == shown.subject,
            g.recipient_id == shown.recipient.id,
            g.purpose == shown.purpose.code,
            g.state == GrantState.ACTIVE.value,
            g.window_to > now_ms,
        )
    ).one()
    return int(found[0]), int(found[1])


def _since(bucket: Bucket, at_ms: int) -> ColumnElement[bool]:
    return and_(notice_showing.c.bucket == bucket, notice_showing.c.id >= mint_id(bucket, at_ms, bytes(8)))
