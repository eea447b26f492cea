"""Tables of marks: under which keys values are marked, what each purpose tolerates, who wants none, and who was
served what.

Everything about a person starts with the bucket and holds no value: `mark_served` says which carriers of which
version went to whom, `served_hash` holds a salted hash of what was answered (`seals`). No value is marked under
an epoch that the bucket's ledger does not know, and a version is marked for its recipient under one epoch for
ever. Times are Unix milliseconds, `carriers` are codes parted by blanks, in order.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from consent.schema.foreign_keys import ledgered, same
from consent.schema.rules import Check, Rule, attach_rule, only_moves
from consent.schema.use_tables import disclosure
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata

mark_epoch = Table(
    "mark_epoch",
    metadata,
    col.bucket(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    col.raw("id"),
    col.raw("commitment"),
    col.time("begun_at"),
    col.number("ledger_year"),
    UniqueConstraint("id", "bucket"),
    CheckConstraint("number >= 1", name="number"),
    CheckConstraint("length(commitment) = 32", name="commitment"),
    ledgered("mark_epoch"),
)
"""That an epoch has begun in a bucket: its key's commitment stands in that bucket's log."""

mark_rule = Table(
    "mark_rule",
    metadata,
    Column("purpose", Text, ForeignKey("purpose.code"), primary_key=True),
    col.key("tenant"),
    col.number_key("number"),
    col.text("carriers"),
    col.time("decided_at"),
    CheckConstraint("number >= 1", name="number"),
)
"""What an operator has decided that recipients with a purpose tolerate; the highest number holds. No row: nothing."""

mark_opt_out = Table(
    "mark_opt_out",
    metadata,
    col.bucket(),
    col.key("subject"),
    col.time("chosen_at"),
)
"""Who wants their values exactly as they are stored."""

mark_served = Table(
    "mark_served",
    metadata,
    col.bucket(),
    col.key("subject"),
    col.text_key("recipient_id"),
    col.text_key("field"),
    col.key("record"),
    col.number_key("version"),
    col.text_key("carriers"),
    col.number("epoch"),
    col.raw("disclosure_id"),
    col.time("served_at"),
    same("mark_served", "mark_epoch", "bucket epoch", "bucket number"),
    same("mark_served", "disclosure", "bucket disclosure_id", "bucket id"),
)
"""The first disclosure of each version to each recipient with just these carriers."""

mark_seal = Table(
    "mark_seal",
    metadata,
    col.bucket(),
    col.key(),
    col.number("count"),
    col.raw("root"),
    col.time("sealed_at"),
    col.number("ledger_year"),
    CheckConstraint("count >= 1", name="count"),
    ledgered("mark_seal"),
)
"""A root over hashes of what was served, and its entry in the bucket's log."""

served_hash = Table(
    "served_hash",
    metadata,
    col.bucket(),
    col.key("disclosure_id"),
    col.raw("hash"),
    Column("seal", LargeBinary),
    Column("place", Integer),
    CheckConstraint("length(hash) = 32", name="hash"),
    CheckConstraint("(seal IS NULL) = (place IS NULL)", name="sealed"),
    UniqueConstraint("seal", "place", "bucket"),
    same("served_hash", "disclosure", "bucket disclosure_id", "bucket id"),
    same("served_hash", "mark_seal", "bucket seal", "bucket id"),
)

_open = served_hash.c.seal.is_(None)
Index("ix_served_hash_open", served_hash.c.bucket, sqlite_where=_open, postgresql_where=_open)

for _table in (mark_epoch, mark_rule, mark_served, mark_seal):
    append_only(_table)
only_moves(served_hash, ("seal", "place"))

for _rule in (
    Rule(
        "mark_epoch",
        "BEFORE INSERT",
        Check(
            "epochs follow each other",
            "NEW.number > 1 AND NOT EXISTS (SELECT 1 FROM mark_epoch m WHERE m.bucket = NEW.bucket "
            "AND m.number = NEW.number - 1 AND m.begun_at <= NEW.begun_at)",
        ),
    ),
    Rule(
        "mark_rule",
        "BEFORE INSERT",
        Check(
            "decisions follow each other",
            "NEW.number > 1 AND NOT EXISTS (SELECT 1 FROM mark_rule m WHERE m.tenant = NEW.tenant "
            "AND m.purpose = NEW.purpose AND m.number = NEW.number - 1)",
        ),
    ),
    Rule(
        "mark_served",
        "BEFORE INSERT",
        Check(
            "a version is marked for its recipient under one epoch",
            "EXISTS (SELECT 1 FROM mark_served m WHERE m.bucket = NEW.bucket AND m.subject = NEW.subject "
            "AND m.recipient_id = NEW.recipient_id AND m.field = NEW.field AND m.record = NEW.record "
            "AND m.version = NEW.version AND m.epoch <> NEW.epoch)",
        ),
    ),
    Rule(
        "served_hash",
        "BEFORE UPDATE",
        Check("what is sealed stays sealed", "OLD.seal IS NOT NULL"),
        label="once",
    ),
):
    attach_rule(metadata.tables[_rule.table], _rule)

# The epoch is what each of its lines begins with (`served.Mark`).
attach_rule(
    disclosure,
    Rule(
        "disclosure",
        "BEFORE INSERT",
        Check(
            "marks of an epoch that the ledger does not know",
            "EXISTS (SELECT 1 FROM {each}NEW.marks{/each} WHERE NOT EXISTS (SELECT 1 FROM mark_epoch m "
            "WHERE m.bucket = NEW.bucket AND value LIKE CAST(m.number AS text) || ' %'))",
        ),
        only="NEW.marks IS NOT NULL",
        label="marks",
    ),
)
