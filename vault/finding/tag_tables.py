"""Tables of what is found without opening anything: blind tags, and key values that only one person may hold.

A person has some forty tags, so the row is as small as it can be: fixed widths first, then the subject; 68 bytes
on PostgreSQL and 28 of index. No foreign key, no unique index: a tag only suggests, whoever follows it opens the
value it names. The one index holds the tag alone, because kinds and epochs have keys of their own and share no
tags; it serves look-ups by (tag, kind, epoch). SQLite keeps the rows in the order of their look-up instead.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, PrimaryKeyConstraint, SmallInteger, Table

from vault.storage import columns as col
from vault.storage.database import metadata

tag = Table(
    "tag",
    metadata,
    col.big("tag"),
    col.number("bucket"),
    col.number("version"),
    Column("kind", SmallInteger, nullable=False),
    Column("epoch", SmallInteger, nullable=False),
    col.raw("subject"),
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
    col.bucket(),
    Column("kind", SmallInteger, primary_key=True),
    Column("epoch", SmallInteger, primary_key=True),
    Column("tag", BigInteger, primary_key=True),
    col.raw("subject"),
    sqlite_with_rowid=False,
)
"""Current values of key fields, one person each. Its bucket comes from the tag: two people who claim one
phone number meet in one place, wherever they live."""
