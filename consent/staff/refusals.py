"""What members of staff were refused about a person: a row by key, day and code, and the day's first in the ledger.

The person sees who tried, how often, what for and which fields; a flood of attempts costs one row and one entry.
"""

from sqlalchemy import Connection

from consent.denials import DAY_MS, DenialCode, Denied
from consent.dual.steps import step_item
from consent.ids import fields_json
from consent.ledger.append import append
from consent.ledger.entries.entry import Kind
from consent.staff_members import DualReason, Staffer
from vault.ids import bucket_for, new_id
from vault.keys.keyring import SubjectKey
from vault.opening import Vault
from vault.storage.rowset import RowSet

type Attempt = tuple[Staffer, DualReason, tuple[str, ...], DenialCode]
"""Who tried, why, which fields, and why not."""

_COUNT = RowSet(
    "WITH {rows} INSERT INTO staff_refusal (bucket, subject, day, staff, code, reason, fields, attempts, first_at, "
    "last_at) SELECT rows.bucket, rows.subject, :day, rows.staff, rows.code, rows.reason, rows.fields, 1, :now, :now "
    "FROM rows WHERE true ON CONFLICT (bucket, subject, day, staff, code) DO UPDATE "
    "SET attempts = staff_refusal.attempts + 1, last_at = CASE WHEN excluded.last_at > staff_refusal.last_at "
    "THEN excluded.last_at ELSE staff_refusal.last_at END RETURNING attempts",
    bucket="int",
    subject="bytes",
    staff="text",
    code="text",
    reason="text",
    fields="text",
)


def refuse(conn: Connection, vault: Vault, key: SubjectKey, attempt: Attempt, now_ms: int) -> Denied:
    """Count a refused read and, for the day's first of its kind, enter it into the person's chain."""
    staffer, reason, fields, code = attempt
    bucket, day = bucket_for(key.subject, vault.installation.buckets), now_ms // DAY_MS
    row = (bucket, key.subject, staffer.name, code.value, reason.value, fields_json(fields))
    ((attempts,),) = _COUNT(conn, [row], day=day, now=now_ms)
    if attempts == 1:
        said = (
            ("outcome", code.value),
            ("staff", staffer.name),
            ("reason", reason.value),
            ("fields", ",".join(fields)),
            ("day", str(day)),
        )
        item = step_item(vault, key, Kind.REFUSE, (bucket, new_id(bucket, now_ms), said), now_ms)
        append(conn, [item], now_ms, vault.installation.ledger_host)
    return Denied(code=code)
