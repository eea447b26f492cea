"""The tables of planted persons: lists, sealed in the ledger before anybody is told of them, and who is on them.

A planted person's own rows are like everybody's. That they are one is said here alone, by a MAC, so that a
stolen data base does not tell which rows to leave out. Lists stay: a retired one answers no more requests, and
what it proved stands.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, LargeBinary, Table, Text

from consent.schema.rules import only_moves
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata
from vault.storage.tenancy import tenant_column

planted_list = Table(
    "planted_list",
    metadata,
    col.key(),
    col.text("kind"),
    Column("recipient_id", Text, ForeignKey("recipient.id")),
    col.number("people"),
    col.raw("nonce"),
    col.raw("hash"),
    col.time("made_at"),
    Column("entry", LargeBinary),
    Column("retired_at", BigInteger),
    tenant_column(),
    CheckConstraint("kind IN ('unique', 'shared', 'dark')", name="kind"),
    CheckConstraint("(kind = 'unique') = (recipient_id IS NOT NULL)", name="whose"),
    CheckConstraint("people > 0 AND length(nonce) = 32 AND length(hash) = 32", name="sealed"),
)
"""`entry` is the id of the ledger's entry about it: without one nobody on it answers anything."""

planted = Table(
    "planted",
    metadata,
    col.bucket(),
    col.key("mac"),
    Column("list", LargeBinary, ForeignKey("planted_list.id"), nullable=False),
    CheckConstraint("length(mac) = 32", name="mac"),
)

append_only(planted)
only_moves(planted_list, ("entry", "retired_at"))
