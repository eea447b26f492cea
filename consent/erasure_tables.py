"""Tables of erasures as the ledger will tell them: orders under way, and the certificates that remain.

An order is a work item and goes when its certificate is written. It holds what the entry needs of keys that will
be gone by then: the person's tags in the logs of the coming years, 16 bytes each, and the sealed secret. `secret`
opens the certificate's entry and no other.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from vault.appendonly import append_only
from vault.storage import metadata

erasure_order = Table(
    "erasure_order",
    metadata,
    Column("bucket", Integer, primary_key=True, autoincrement=False),
    Column("subject", LargeBinary, primary_key=True),
    Column("id", LargeBinary, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("first_year", Integer, nullable=False),
    Column("tags", LargeBinary, nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    UniqueConstraint("id", "bucket"),
    CheckConstraint("reason IN ('requested', 'retention', 'ordered')", name="reason"),
    CheckConstraint("length(secret) = 32", name="secret"),
    Index("ix_erasure_order_oldest", "requested_at", "bucket", "subject"),
)

erasure_certificate = Table(
    "erasure_certificate",
    metadata,
    Column("bucket", Integer, primary_key=True, autoincrement=False),
    Column("subject", LargeBinary, primary_key=True),
    Column("id", LargeBinary, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("fields", Text, nullable=False),
    Column("ledger_year", Integer, nullable=False),
    Column("certified_at", BigInteger, nullable=False),
    CheckConstraint("length(secret) = 32", name="secret"),
    ForeignKeyConstraint(
        ["bucket", "ledger_year", "id"],
        ["ledger_entry.bucket", "ledger_entry.year", "ledger_entry.id"],
        name="fk_erasure_certificate_ledger_entry",
        deferrable=True,
        initially="DEFERRED",
    ),
)
"""What was erased, for good: `fields` is the JSON list of what the entry commits to. No personal data."""

append_only(erasure_certificate)
