"""The table of answers kept for a repeated bulk write: for a day, who was taken in and, sealed, with which key."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table

from vault.storage import metadata

kept_person = Table(
    "kept_person",
    metadata,
    Column("bucket", Integer, primary_key=True, autoincrement=False),
    Column("key_hash", LargeBinary, primary_key=True),
    Column("at", Integer, primary_key=True, autoincrement=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("subject", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint("length(key_hash) = 32 AND length(request_hash) = 32", name="hashes"),
    CheckConstraint("at >= 0", name="at"),
    Index(None, "created_at"),
)
"""`at` is the place in the list, `key_hash` the blinded Idempotency-Key; all rows stand in the first bucket."""
