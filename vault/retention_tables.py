"""How long what is kept: a row for each value, or whole person, whose time will be over."""

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
    text,
)

from vault.storage import metadata

retention = Table(
    "retention",
    metadata,
    Column("bucket", Integer, primary_key=True, autoincrement=False),
    Column("subject", LargeBinary, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("expires_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("set_at", BigInteger, nullable=False),
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
