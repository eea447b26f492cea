"""Why a code was not exchanged or a use not redeemed: values for the caller, one row per class for the record.

Strangers must not learn the difference between unknown, expired, spent and withdrawn: the edge answers them
alike. The record keeps the difference, as one row per bucket, day, code and grant with a counter, so that
a flood of attempts costs one row. A day's first denial of a class about a known grant also enters the ledger,
but not once its code or token has been dead for a day: nobody's chain can be grown with a dead secret.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from vault.ids import Bucket, Buckets
from vault.storage.rowset import RowSet


class DenialCode(StrEnum):
    UNKNOWN_TOKEN = "unknown_token"  # noqa: S105  # a code, not a password
    EXPIRED = "expired"
    SPENT = "spent"
    WITHDRAWN = "withdrawn"
    VOIDED = "voided"
    WRONG_KEY = "wrong_key"
    REPLAYED_PROOF = "replayed_proof"
    FIELD_NOT_GRANTED = "field_not_granted"
    IDEMPOTENCY_MISMATCH = "idempotency_mismatch"
    GRANT_NOT_ACTIVE = "grant_not_active"
    PARENT_NOT_ACTIVE = "parent_not_active"
    SUSPENDED = "suspended"
    WINDOW = "window"
    UNREADABLE = "unreadable"
    UNKNOWN_CODE = "unknown_code"
    CODE_REUSED = "code_reused"
    WRONG_CLIENT = "wrong_client"
    WRONG_REDIRECT = "wrong_redirect_uri"
    WRONG_VERIFIER = "wrong_verifier"
    UNKNOWN_PERSON = "unknown_person"
    UNKNOWN_REQUEST = "unknown_request"
    OWN_REQUEST = "own_request"
    NOT_REQUESTER = "not_requester"
    NOT_APPROVED = "not_approved"
    REQUEST_CLOSED = "request_closed"
    ALREADY_VOTED = "already_voted"
    FIELD_NOT_REQUESTED = "field_not_requested"
    PERSON_ERASED = "person_erased"
    NEEDS_TWO = "needs_two"
    NO_CONSENT = "no_consent"
    STAFF_ONLY = "staff_only"
    MINOR_UNAPPROVED = "minor_unapproved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """A request understood and turned down; `code` never reaches strangers undisguised."""

    code: DenialCode


@dataclass(frozen=True, slots=True, kw_only=True)
class DenialClass:
    """What denials are counted by; `grant` is that of a grant or of a request of staff, empty for nothing we know."""

    bucket: Bucket
    code: DenialCode
    grant: bytes = b""


DAY_MS = 86_400_000

_COUNT = RowSet(
    "WITH {rows} INSERT INTO denial (bucket, day, code, grant_id, attempts, first_at, last_at) "
    "SELECT rows.bucket, :day, rows.code, rows.grant_id, rows.attempts, :now, :now FROM rows "
    "WHERE true ORDER BY rows.bucket, rows.code, rows.grant_id "
    "ON CONFLICT (bucket, day, code, grant_id) DO UPDATE "
    "SET attempts = denial.attempts + excluded.attempts, last_at = excluded.last_at "
    "RETURNING bucket, code, grant_id, first_at, attempts",
    bucket="int",
    code="text",
    grant_id="bytes",
    attempts="int",
)


def about_nothing(bucket: Bucket, buckets: Buckets, code: DenialCode) -> DenialClass:
    """The class of a secret nobody issued: a stranger chooses its bucket, but not how many rows we keep."""
    return DenialClass(bucket=bucket if bucket in buckets else Bucket(buckets.first), code=code)


def worth_an_entry(expires_at: int, now_ms: int) -> bool:
    """Whether a denial of a code or token that expires or expired then may still enter the person's ledger."""
    return now_ms < expires_at + DAY_MS


def record(conn: Connection, denied: Iterable[DenialClass], now_ms: int) -> list[DenialClass]:
    """Count every denial; returns the classes seen for the first time this day (they may go into the ledger).

    Rows are visited in sorted order, so that two batches never wait for each other crosswise.
    """
    counts = Counter(denied)
    if not counts:
        return []
    rows = sorted((c.bucket, c.code.value, c.grant, n) for c, n in counts.items())
    seen = _COUNT(conn, rows, day=now_ms // DAY_MS, now=now_ms)
    return [
        DenialClass(bucket=Bucket(bucket), code=DenialCode(code), grant=grant)
        for bucket, code, grant, _, attempts in seen
        if attempts == counts[DenialClass(bucket=bucket, code=DenialCode(code), grant=grant)]
    ]
