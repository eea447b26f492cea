"""The table of long loads: one row each, moved in the transaction that takes a batch of people in."""

from sqlalchemy import CheckConstraint, Table

from vault.storage import columns as col
from vault.storage.database import metadata
from vault.storage.tenancy import tenant_column

bulk_load = Table(
    "bulk_load",
    metadata,
    col.key(),
    col.big("done"),
    col.big("enrolled"),
    col.big("refused"),
    col.time("started_at"),
    col.time("updated_at"),
    col.raw("sealed"),
    tenant_column(),
    CheckConstraint("length(id) = 32", name="id"),
    CheckConstraint("done >= 0 AND enrolled >= 0 AND refused >= 0", name="counts"),
)
