"""The table of places in status lists: which token stands where, for whoever was told so.

A list belongs to one bucket and ten minutes of minting; its number says which (`status_list`). A token has one place
for ever, and a place one token.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, Table, UniqueConstraint

from consent.schema.foreign_keys import same
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata

status_entry = Table(
    "status_entry",
    metadata,
    col.bucket(),
    Column("list", BigInteger, primary_key=True, autoincrement=False),
    Column("idx", Integer, primary_key=True, autoincrement=False),
    col.raw("token_hash"),
    CheckConstraint("idx >= 0 AND idx < 262144", name="idx"),
    UniqueConstraint("token_hash", "bucket"),
    same("status_entry", "token", "bucket token_hash", "bucket hash"),
)

append_only(status_entry)
