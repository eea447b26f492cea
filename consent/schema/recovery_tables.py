"""The table of replacements: who asked for a new sign-in key because theirs was lost, and what became of it.

A replacement waits a whole day before it may be taken, and a person has one open at a time: the data base holds both.
Its row ends once, and stays. Times are Unix milliseconds.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table, Text, UniqueConstraint

from consent.schema.rules import Check, Rule, always, attach_rule, only_moves
from vault.storage import columns as col
from vault.storage.database import metadata

DELAY_MS = 86_400_000

recovery = Table(
    "recovery",
    metadata,
    col.bucket(),
    col.key(),
    col.raw("subject"),
    col.raw("cancel_hash"),
    col.time("asked_at"),
    col.time("due_at"),
    col.time("lapses_at"),
    Column("ended_at", BigInteger),
    Column("end", Text),
    UniqueConstraint("cancel_hash", "bucket"),
    CheckConstraint(f"due_at >= asked_at + {DELAY_MS} AND lapses_at > due_at", name="delay"),
    CheckConstraint('(ended_at IS NULL) = ("end" IS NULL)', name="ended"),
    CheckConstraint("\"end\" IS NULL OR \"end\" IN ('taken', 'cancelled', 'lapsed')", name="end"),
    CheckConstraint(
        '"end" IS NULL OR "end" <> \'taken\' OR (ended_at >= due_at AND ended_at < lapses_at)', name="taken"
    ),
    CheckConstraint("length(subject) = 16 AND length(cancel_hash) = 32", name="lengths"),
    Index("ix_recovery_subject", "subject", "bucket"),
)

_open = recovery.c.ended_at.is_(None)
Index(
    "uq_recovery_open",
    recovery.c.subject,
    recovery.c.bucket,
    unique=True,
    sqlite_where=_open,
    postgresql_where=_open,
)

only_moves(recovery, ("ended_at", "end"))
attach_rule(
    recovery,
    Rule(
        "recovery",
        "BEFORE INSERT",
        always("a replacement begins open"),
        only="NEW.ended_at IS NOT NULL",
        label="open",
    ),
)
attach_rule(
    recovery,
    Rule(
        "recovery",
        "BEFORE UPDATE",
        Check("a replacement ends once", "OLD.ended_at IS NOT NULL"),
        label="once",
    ),
)
