"""The table of long loads: one row each, moved in the transaction that takes a batch of people in."""

from sqlalchemy import BigInteger, CheckConstraint, Column, LargeBinary, Table

from vault.storage import metadata
from vault.tenancy import tenant_column

bulk_load = Table(
    "bulk_load",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("done", BigInteger, nullable=False),
    Column("enrolled", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    tenant_column(),
    CheckConstraint("length(id) = 32", name="id"),
    CheckConstraint("done >= 0 AND enrolled >= 0 AND refused >= 0", name="counts"),
)
