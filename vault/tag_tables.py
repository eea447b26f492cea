"""Tables of what is found without opening anything: blind tags, and key values that only one person may hold."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
)

from vault.storage import metadata

tag = Table(
    "tag",
    metadata,
    Column("bucket", Integer, primary_key=True),
    Column("kind", SmallInteger, primary_key=True),
    Column("epoch", SmallInteger, primary_key=True),
    Column("tag", BigInteger, primary_key=True),
    Column("subject", LargeBinary, primary_key=True),
    Column("record", LargeBinary, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    ForeignKeyConstraint(["bucket", "subject"], ["person.bucket", "person.subject"]),
    sqlite_with_rowid=False,
)
"""Blind tags of every version, so that an old leak still finds the person whose number has changed since."""

Index("ix_tag_lookup", tag.c.kind, tag.c.epoch, tag.c.tag)

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
