"""The table of long work. A job is owned by whoever holds its lease; a lease that runs out frees it."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text

from vault.storage import metadata
from vault.tenancy import tenant_column

job = Table(
    "job",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("code", Text),
    Column("result", Text),
    Column("attempts", Integer, nullable=False),
    Column("owner", Text),
    Column("lease_until", BigInteger),
    Column("stage", Text, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    tenant_column(),
    CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name="state"),
    CheckConstraint("(state = 'running') = (owner IS NOT NULL)", name="owned"),
    CheckConstraint("(state = 'failed') = (code IS NOT NULL)", name="reason"),
    CheckConstraint("result IS NULL OR state = 'done'", name="result"),
    Index(None, "state", "created_at"),
)
