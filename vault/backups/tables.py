"""The table that remembers which backups of the keys were made: whoever finds a leak asks whether it shows one."""

from sqlalchemy import CheckConstraint, Table

from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata

key_backup = Table(
    "key_backup",
    metadata,
    col.key("tenant"),
    col.number_key("made_at"),
    col.time("epoch"),
    CheckConstraint("length(tenant) = 16", name="tenant"),
    CheckConstraint("epoch <= made_at", name="epoch"),
)
"""`epoch`: when the epoch under whose key it is sealed began. Times are Unix milliseconds."""

append_only(key_backup)
