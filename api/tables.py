"""The tables of the web floor: people's sessions, links to erasures, staff keys, and the counter against guessing.

No secret is stored, only its SHA-256. Sessions live in their person's bucket. A guess has no person, so its
counter is found by a keyed digest of where it came from; the address itself is not kept.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table

from api.jobs.tables import job
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata
from vault.storage.tenancy import tenant_column

portal_session = Table(
    "portal_session",
    metadata,
    col.bucket(),
    col.key("id_hash"),
    col.raw("subject"),
    col.time("created_at"),
    col.time("seen_at"),
    CheckConstraint("seen_at >= created_at", name="order"),
    Index(None, "bucket", "subject"),
    Index(None, "seen_at"),
)

erasure_link = Table(
    "erasure_link",
    metadata,
    col.bucket(),
    col.key("id_hash"),
    col.key("subject"),
    col.time("created_at"),
    CheckConstraint("length(id_hash) = 32", name="id_hash"),
)
"""Private links to erasures: one row for each person who was erased together, in the first one's bucket."""

append_only(erasure_link)

staff = Table(
    "staff",
    metadata,
    col.key("key_hash"),
    col.text("actor"),
    col.text("role"),
    col.time("created_at"),
    Column("ended_at", BigInteger),
    tenant_column(),
    CheckConstraint("role IN ('investigator', 'operator', 'auditor')", name="role"),
)

failed_attempt = Table(
    "failed_attempt",
    metadata,
    col.key("source"),
    Column("period", BigInteger, primary_key=True, autoincrement=False),
    col.number("failures"),
    tenant_column(),
)

__all__ = ["erasure_link", "failed_attempt", "job", "portal_session", "staff"]
