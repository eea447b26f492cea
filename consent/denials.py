"""Why a code was not exchanged or a use not redeemed: values for the caller, one row per class for the record.

Strangers must not learn the difference between unknown, expired, spent and withdrawn: the edge answers them
alike. The record keeps the difference, as one row per bucket, hour, code and grant with a counter, so that
a flood of attempts costs one row. The first denial of a class about a known grant also enters the ledger.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from vault.ids import Bucket
from vault.rowset import RowSet


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
    WINDOW = "window"
    UNREADABLE = "unreadable"
    UNKNOWN_CODE = "unknown_code"
    CODE_REUSED = "code_reused"
    WRONG_CLIENT = "wrong_client"
    WRONG_REDIRECT = "wrong_redirect_uri"
    WRONG_VERIFIER = "wrong_verifier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """A request understood and turned down; `code` never reaches strangers undisguised."""

    code: DenialCode


@dataclass(frozen=True, slots=True, kw_only=True)
class DenialClass:
    """What denials are counted by; `grant` is empty when the attempt named nothing we know."""

    bucket: Bucket
    code: DenialCode
    grant: bytes = b""


HOUR_MS = 3_600_000

_COUNT = RowSet(
    "WITH {rows} INSERT INTO denial (bucket, hour, code, grant_id, attempts, first_at, last_at) "
    "SELECT rows.bucket, :hour, rows.code, rows.grant_id, rows.attempts, :now, :now FROM rows "
    "WHERE true ORDER BY rows.bucket, rows.code, rows.grant_id "
    "ON CONFLICT (bucket, hour, code, grant_id) DO UPDATE "
    "SET attempts = denial.attempts + excluded.attempts, last_at = excluded.last_at "
    "RETURNING bucket, code, grant_id, first_at, attempts",
    bucket="int",
    code="text",
    grant_id="bytes",
    attempts="int",
)


def record(conn: Connection, denied: Iterable[DenialClass], now_ms: int) -> list[DenialClass]:
    """Count every denial; returns the classes seen for the first time this hour (they go into the ledger).

    Rows are visited in sorted order, so that two batches never wait for each other crosswise.
    """
    counts = Counter(denied)
    if not counts:
        return []
    rows = sorted((c.bucket, c.code.value, c.grant, n) for c, n in counts.items())
    seen = _COUNT(conn, rows, hour=now_ms // HOUR_MS, now=now_ms)
    return [
        DenialClass(bucket=Bucket(bucket), code=DenialCode(code), grant=grant)
        for bucket, code, grant, _, attempts in seen
        if attempts == counts[DenialClass(bucket=bucket, code=DenialCode(code), grant=grant)]
    ]
