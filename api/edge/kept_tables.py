"""The table of answers kept for a repeated bulk write: for a day, who was taken in and, sealed, with which key."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table

from vault.storage import columns as col
from vault.storage.database import metadata

kept_person = Table(
    "kept_person",
    metadata,
    col.bucket(),
    col.key("key_hash"),
    Column("at", Integer, primary_key=True, autoincrement=False),
    col.raw("request_hash"),
    col.raw("subject"),
    col.raw("sealed"),
    col.time("created_at"),
    CheckConstraint("length(key_hash) = 32 AND length(request_hash) = 32", name="hashes"),
    CheckConstraint("at >= 0", name="at"),
    Index(None, "created_at"),
)
"""`at` is the place in the list, `key_hash` the blinded Idempotency-Key; all rows stand in the first bucket."""
