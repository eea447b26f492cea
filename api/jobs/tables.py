"""The table of long work. A job is owned by whoever holds its lease; a lease that runs out frees it."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table, Text

from vault.storage import columns as col
from vault.storage.database import metadata
from vault.storage.tenancy import tenant_column

job = Table(
    "job",
    metadata,
    col.key(),
    col.text("kind"),
    col.text("payload"),
    col.text("state"),
    Column("code", Text),
    Column("result", Text),
    col.number("attempts"),
    Column("owner", Text),
    Column("lease_until", BigInteger),
    col.text("stage"),
    col.big("done"),
    col.big("total"),
    col.time("created_at"),
    col.time("updated_at"),
    tenant_column(),
    CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name="state"),
    CheckConstraint("(state = 'running') = (owner IS NOT NULL)", name="owned"),
    CheckConstraint("(state = 'failed') = (code IS NOT NULL)", name="reason"),
    CheckConstraint("result IS NULL OR state = 'done'", name="result"),
    Index(None, "state", "created_at"),
)
