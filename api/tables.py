"""The tables of the web floor: people's sessions, links to erasures, staff keys, and the counter against guessing.

No secret is stored, only its SHA-256. Sessions live in their person's bucket. A guess has no person, so its
counter is found by a keyed digest of where it came from; the address itself is not kept.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text

from api.jobs.tables import job
from vault.appendonly import append_only
from vault.storage import metadata
from vault.tenancy import tenant_column

portal_session = Table(
    "portal_session",
    metadata,
    Column("bucket", Integer, primary_key=True, autoincrement=False),
    Column("id_hash", LargeBinary, primary_key=True),
    Column("subject", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    CheckConstraint("seen_at >= created_at", name="order"),
    Index(None, "bucket", "subject"),
    Index(None, "seen_at"),
)

erasure_link = Table(
    "erasure_link",
    metadata,
    Column("bucket", Integer, primary_key=True, autoincrement=False),
    Column("id_hash", LargeBinary, primary_key=True),
    Column("subject", LargeBinary, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint("length(id_hash) = 32", name="id_hash"),
)
"""Private links to erasures: one row for each person who was erased together, in the first one's bucket."""

append_only(erasure_link)

staff = Table(
    "staff",
    metadata,
    Column("key_hash", LargeBinary, primary_key=True),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    tenant_column(),
    CheckConstraint("role IN ('investigator', 'operator', 'auditor')", name="role"),
)

failed_attempt = Table(
    "failed_attempt",
    metadata,
    Column("source", LargeBinary, primary_key=True),
    Column("period", BigInteger, primary_key=True, autoincrement=False),
    Column("failures", Integer, nullable=False),
    tenant_column(),
)

__all__ = ["erasure_link", "failed_attempt", "job", "portal_session", "staff"]
