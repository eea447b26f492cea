"""Tables of what is found without opening anything: blind tags, and key values that only one person may hold.

A person has some forty tags, so the row is as small as it can be: fixed widths first, then the subject; 68 bytes
on PostgreSQL and 28 of index. No foreign key, no unique index: a tag only suggests, whoever follows it opens the
value it names. The one index holds the tag alone, because kinds and epochs have keys of their own and share no
tags; it serves look-ups by (tag, kind, epoch). SQLite keeps the rows in the order of their look-up instead.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
)

from vault.storage import metadata

tag = Table(
    "tag",
    metadata,
    Column("tag", BigInteger, nullable=False),
    Column("bucket", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("epoch", SmallInteger, nullable=False),
    Column("subject", LargeBinary, nullable=False),
    CheckConstraint("length(subject) = 16", name="subject"),
    sqlite_with_rowid=False,
)
"""Blind tags of every version, so that an old leak still finds the person whose number has changed since."""

tag.append_constraint(
    PrimaryKeyConstraint("tag", "kind", "epoch", "bucket", "subject", "version", name="pk_tag").ddl_if(
        dialect="sqlite"
    )
)
Index("ix_tag", tag.c.tag).ddl_if(dialect="postgresql")

unique_key = Table(
    "unique_key",
    metadata,
    Column("bucket", Integer, primary_key=True),
    Column("kind", SmallInteger, primary_key=True),
    Column("epoch", SmallInteger, primary_key=True),
    Column("tag", BigInteger, primary_key=True),
    Column("subject", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Current values of key fields, one person each. Its bucket comes from the tag: two people who claim one
phone number meet in one place, wherever they live."""
