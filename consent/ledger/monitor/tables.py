"""The tables of a monitor's memory, a SQLite data base of its own (`store`)."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, MetaData, Table, Text

from vault.storage.appendonly import append_only

METADATA: Final = MetaData()
LAYOUT: Final = 1
"""Of these tables (`vault.storage.file_version`)."""

head = Table(
    "monitor_head",
    METADATA,
    Column("origin", Text, primary_key=True),
    Column("size", BigInteger, primary_key=True),
    Column("root", LargeBinary(32), nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("ts", BigInteger, nullable=False),
    Column("cosigned_s", BigInteger),
    Column("seen_at", BigInteger, nullable=False),
)
entry = Table(
    "monitor_entry",
    METADATA,
    Column("origin", Text, primary_key=True),
    Column("idx", BigInteger, primary_key=True),
    Column("id", LargeBinary(16), nullable=False),
    Column("tag", LargeBinary(16)),
    Column("n", BigInteger),
    Column("leaf", LargeBinary(32), nullable=False),
    Column("closes", Boolean, nullable=False),
)
tail = Table(
    "monitor_tail",
    METADATA,
    Column("origin", Text, primary_key=True),
    Column("tag", LargeBinary(16), primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("leaf", LargeBinary(32), nullable=False),
    Column("idx", BigInteger, nullable=False),
)
standing = Table(
    "monitor_standing",
    METADATA,
    Column("origin", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("ts", BigInteger, nullable=False),
    Column("cosigned_s", BigInteger),
    Column("uncounted_since", BigInteger),
)
opening = Table(
    "monitor_opening",
    METADATA,
    Column("origin", Text, primary_key=True),
    Column("idx", BigInteger, primary_key=True),
    Column("before", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("kept_at", BigInteger, nullable=False),
    Column("settled", Boolean, nullable=False),
    Column("gives_up", Boolean, nullable=False),
)
alert = Table(
    "monitor_alert",
    METADATA,
    Column("origin", Text, primary_key=True),
    Column("alarm", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("raised_at", BigInteger, nullable=False),
)
Index("ix_monitor_entry_id", entry.c.origin, entry.c.id)
Index("ix_monitor_entry_tag", entry.c.origin, entry.c.tag, entry.c.n)
Index("ix_monitor_tail_idx", tail.c.origin, tail.c.idx)
append_only(head)
