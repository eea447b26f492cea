"""How long what is kept: a row for each value, or whole person, whose time will be over."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Index, Table, text

from vault.storage import columns as col
from vault.storage.database import metadata

retention = Table(
    "retention",
    metadata,
    col.bucket(),
    col.key("subject"),
    col.text_key("field"),
    col.time("expires_at"),
    col.text("reason"),
    col.text("state"),
    col.time("set_at"),
    Column("done_at", BigInteger),
    ForeignKeyConstraint(["bucket", "subject"], ["person.bucket", "person.subject"]),
    CheckConstraint("state IN ('set', 'struck', 'done')", name="state"),
    CheckConstraint("(state = 'done') = (done_at IS NOT NULL)", name="done_at"),
    sqlite_with_rowid=False,
)
"""`field` is empty for the whole person. `set`: the time runs; `struck`: the text is destroyed and copies of it
in old backups are about to be; `done`: nothing is left to do."""

Index(
    "ix_retention_due",
    retention.c.expires_at,
    sqlite_where=text("state <> 'done'"),
    postgresql_where=text("state <> 'done'"),
)
