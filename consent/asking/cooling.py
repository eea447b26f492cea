"""No asking again and again: whoever was refused waits thirty days before asking the same person for the same purpose.

(Network Data Regulations of 2025, art. 24; consent.md §6, invariant 30.) Another purpose, or another recipient,
is another question. A request shown before the refusal is not approved after it. The person alone can shorten
the wait, by an act of their own: `let_ask_again`.

* `cooling_until(conn, consumer, recipient_id, purpose, now_ms) -> int | None`: Unix ms; None when they may ask.
"""

from typing import Final

from sqlalchemy import Connection

from consent.accounts.keys import Consumer
from consent.ids import RecipientId
from vault.storage.rowset import RowSet

COOLING_MS: Final = 30 * 86_400_000

_LAST = RowSet(
    "WITH {rows} SELECT (SELECT max(g.decided_at) FROM consent_grant g WHERE g.subject = rows.subject "
    "AND g.bucket = rows.bucket AND g.recipient_id = rows.recipient AND g.purpose = rows.purpose "
    "AND g.state = 'refused'), (SELECT max(a.allowed_at) FROM asking_again a WHERE a.bucket = rows.bucket "
    "AND a.subject = rows.subject AND a.recipient_id = rows.recipient AND a.purpose = rows.purpose), "
    # A question at the portal that was waved off unseen has no grant. Its details are canonical JSON, in which no text
    # can write an unescaped quote.
    "(SELECT max(o.decided_at) FROM backchannel_request k JOIN request_outcome o ON o.bucket = k.bucket "
    "AND o.request_id = k.request_id JOIN consent_request q ON q.bucket = k.bucket AND q.id = k.request_id "
    "WHERE k.subject = rows.subject AND k.bucket = rows.bucket AND o.outcome = 'refused' "
    "AND q.recipient_id = rows.recipient AND q.details LIKE '%\"purpose\":\"' || rows.purpose || '\"%') FROM rows",
    bucket="int",
    subject="bytes",
    recipient="text",
    purpose="text",
)

_ALLOW = RowSet(
    "WITH {rows} INSERT INTO asking_again (bucket, subject, recipient_id, purpose, allowed_at) "
    "SELECT bucket, subject, recipient, purpose, :now FROM rows WHERE true ON CONFLICT DO NOTHING",
    bucket="int",
    subject="bytes",
    recipient="text",
    purpose="text",
)


def cooling_until(
    conn: Connection, consumer: Consumer, recipient_id: RecipientId, purpose: str, now_ms: int
) -> int | None:
    """The instant from which this recipient may ask this person for this purpose again; None when it may now."""
    ((by_grant, allowed, unseen),) = _LAST(conn, [(consumer.bucket, consumer.subject, recipient_id, purpose)])
    refused = max((at for at in (by_grant, unseen) if at is not None), default=None)
    if refused is None or (allowed is not None and allowed >= refused):
        return None
    until: int = refused + COOLING_MS
    return until if now_ms < until else None


def let_ask_again(
    conn: Connection, consumer: Consumer, recipient_id: RecipientId, purpose: str, now_ms: int
) -> None:
    """The person's word that they want to be asked once more; it holds until they refuse again."""
    _ALLOW(conn, [(consumer.bucket, consumer.subject, recipient_id, purpose)], now=now_ms)
