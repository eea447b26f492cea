"""Tables of the key data base: wrapped keys only, with backups of their own (vault.md §6.1, §6.7)."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, LargeBinary, Table, Text

from vault.storage import key_metadata

tenant_kek = Table(
    "tenant_kek",
    key_metadata,
    Column("tenant", LargeBinary, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint("state IN ('active', 'retired')", name="state"),
)

subject_key = Table(
    "subject_key",
    key_metadata,
    Column("bucket", Integer, primary_key=True),
    Column("tenant", LargeBinary, primary_key=True),
    Column("subject", LargeBinary, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("kek_version", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    CheckConstraint("kind IN ('data', 'ledger')", name="kind"),
    sqlite_with_rowid=False,
)

index_root = Table(
    "index_root",
    key_metadata,
    Column("tenant", LargeBinary, primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("kek_version", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    CheckConstraint("state IN ('active', 'retired')", name="state"),
)

service_key = Table(
    "service_key",
    key_metadata,
    Column("tenant", LargeBinary, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("kek_version", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    CheckConstraint("state IN ('active', 'retired')", name="state"),
)
