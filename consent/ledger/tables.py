"""The ledger's tables: one log per (bucket, year), every primary key starting with the bucket.

`ledger_head` is both the lock and the right edge of a log. Entries, full tiles and checkpoints only grow.
`ledger_tile` keeps the root beside each full tile, so that the tile above it is read as one column of 32-byte
values instead of from 2 MiB of tiles. `ledger_opening` is private: it says whose entry it is and holds the
sealed secret of the commitment, until erasure destroys the key. `ledger_cosignature` holds what witnesses said of a
checkpoint, each line as it came (`at_s` is its own time in POSIX seconds). `ledger_index` names the index entries;
the rows of the newest stand in `ledger_index_chunk`, 256 in a chunk, each chunk under its `first` tag, written before
the index itself is. Of cosignatures the first of each key stays; its last, renewed while a log is idle, stands in
`ledger_cosigned_last`.

`ledger_key` says which key after the first signs a log, since which entry, and from when on alone (`log_keys`).

A log that is closed (`closed_at`) takes nothing any more; `carried_at` says when its end was put into the log
after it.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
)

from vault.storage import columns as col
from vault.storage.appendonly import append_only, install
from vault.storage.database import metadata


def _log_columns() -> list[Column[int]]:
    return [
        col.bucket(),
        Column("year", Integer, primary_key=True, autoincrement=False),
    ]


head = Table(
    "ledger_head",
    metadata,
    *_log_columns(),
    col.big("size"),
    Column("root", LargeBinary(32), nullable=False),
    col.raw("frontier"),
    col.time("ts"),
    Column("closed_at", BigInteger),
    Column("carried_at", BigInteger),
    CheckConstraint("size >= 0", name="size"),
    CheckConstraint("carried_at IS NULL OR closed_at IS NOT NULL", name="carried"),
)

entry = Table(
    "ledger_entry",
    metadata,
    *_log_columns(),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("id", LargeBinary(16), nullable=False),
    Column("leaf", LargeBinary(32), nullable=False),
    col.raw("body"),
    # The bucket comes last: without statistics a planner takes the bucket alone for a good enough key.
    UniqueConstraint("id", "bucket", "year"),
    CheckConstraint("idx >= 0", name="idx"),
)

tile = Table(
    "ledger_tile",
    metadata,
    *_log_columns(),
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), nullable=False),
    col.raw("data"),
    CheckConstraint("length(data) = 8192", name="full"),
)

checkpoint = Table(
    "ledger_checkpoint",
    metadata,
    *_log_columns(),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), nullable=False),
    col.raw("frontier"),
    col.raw("note"),
    col.time("created_at"),
)

cosignature = Table(
    "ledger_cosignature",
    metadata,
    *_log_columns(),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    col.text_key("witness"),
    Column("key_id", LargeBinary(4), primary_key=True),
    col.text("line"),
    col.big("at_s"),
    col.time("received_at"),
    ForeignKeyConstraint(
        ["bucket", "year", "size"],
        ["ledger_checkpoint.bucket", "ledger_checkpoint.year", "ledger_checkpoint.size"],
    ),
)

index = Table(
    "ledger_index",
    metadata,
    *_log_columns(),
    Column("upto", BigInteger, primary_key=True, autoincrement=False),
    col.big("idx"),
    col.big("rows"),
    Column("root", LargeBinary(32), nullable=False),
    col.time("created_at"),
    CheckConstraint("upto <= idx", name="upto"),
    ForeignKeyConstraint(
        ["bucket", "year", "idx"], ["ledger_entry.bucket", "ledger_entry.year", "ledger_entry.idx"]
    ),
)

index_chunk = Table(
    "ledger_index_chunk",
    metadata,
    *_log_columns(),
    Column("upto", BigInteger, primary_key=True, autoincrement=False),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("first", LargeBinary(16), nullable=False),
    Column("root", LargeBinary(32)),  # none of a chunk that is not full
    col.raw("data"),
)

cosigned_last = Table(
    "ledger_cosigned_last",
    metadata,
    *_log_columns(),
    col.text_key("witness"),
    Column("key_id", LargeBinary(4), primary_key=True),
    col.big("size"),
    col.text("line"),
    col.big("at_s"),
    ForeignKeyConstraint(
        ["bucket", "year", "size", "witness", "key_id"],
        [f"ledger_cosignature.{name}" for name in ("bucket", "year", "size", "witness", "key_id")],
    ),
)

log_key = Table(
    "ledger_key",
    metadata,
    *_log_columns(),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    col.big("idx"),
    col.time("begun_at"),
    col.time("alone_at"),
    CheckConstraint("generation >= 2", name="generation"),
    CheckConstraint("alone_at >= begun_at", name="alone"),
    ForeignKeyConstraint(
        ["bucket", "year", "idx"], ["ledger_entry.bucket", "ledger_entry.year", "ledger_entry.idx"]
    ),
)

subject_head = Table(
    "ledger_subject_head",
    metadata,
    *_log_columns(),
    Column("tag", LargeBinary(16), primary_key=True),
    col.big("n"),
    Column("leaf", LargeBinary(32), nullable=False),
    col.big("idx"),
    # An index reads all of them by tag: from the key alone it is four times as fast.
    sqlite_with_rowid=False,
)

opening = Table(
    "ledger_opening",
    metadata,
    *_log_columns(),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("subject", LargeBinary(16), nullable=False),
    col.raw("sealed"),
    ForeignKeyConstraint(
        ["bucket", "year", "idx"], ["ledger_entry.bucket", "ledger_entry.year", "ledger_entry.idx"]
    ),
)

Index(None, opening.c.subject, opening.c.bucket)

for _table in (entry, tile, checkpoint, cosignature, index, log_key):
    append_only(_table)

_CLOSED = "a closed log takes nothing any more"
_MOVED = (
    "(NEW.size <> OLD.size OR NEW.root <> OLD.root OR NEW.closed_at IS NULL OR OLD.carried_at IS NOT NULL)"
)

install(
    head,
    sqlite="CREATE TRIGGER ledger_head_closed BEFORE UPDATE ON ledger_head "
    f"WHEN OLD.closed_at IS NOT NULL AND {_MOVED} BEGIN SELECT RAISE(ABORT, '{_CLOSED}'); END",
)
install(
    entry,
    sqlite="CREATE TRIGGER ledger_entry_closed BEFORE INSERT ON ledger_entry WHEN EXISTS (SELECT 1 FROM ledger_head h "
    "WHERE h.bucket = NEW.bucket AND h.year = NEW.year AND h.closed_at IS NOT NULL) "
    f"BEGIN SELECT RAISE(ABORT, '{_CLOSED}'); END",
)
install(
    head,
    postgresql="CREATE FUNCTION ledger_head_closed() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN IF OLD.closed_at IS NOT NULL AND {_MOVED} THEN RAISE EXCEPTION '{_CLOSED}' USING ERRCODE = '23514'; "
    "END IF; RETURN NEW; END $$",
)
install(
    head,
    postgresql="CREATE TRIGGER ledger_head_closed BEFORE UPDATE ON ledger_head "
    "FOR EACH ROW EXECUTE FUNCTION ledger_head_closed()",
)
# Once for each statement: on PostgreSQL a batch of entries pays for one look at the heads it goes to.
install(
    entry,
    postgresql="CREATE FUNCTION ledger_entry_closed() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN IF EXISTS (SELECT 1 FROM (SELECT DISTINCT bucket, year FROM fresh) f "
    "JOIN ledger_head h ON h.bucket = f.bucket AND h.year = f.year WHERE h.closed_at IS NOT NULL) "
    f"THEN RAISE EXCEPTION '{_CLOSED}' USING ERRCODE = '23514'; END IF; RETURN NULL; END $$",
)
install(
    entry,
    postgresql="CREATE TRIGGER ledger_entry_closed AFTER INSERT ON ledger_entry REFERENCING NEW TABLE AS fresh "
    "FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_closed()",
)

_BACK = "NEW.size < OLD.size OR (NEW.size = OLD.size AND NEW.at_s <= OLD.at_s)"

install(
    cosigned_last,
    sqlite="CREATE TRIGGER ledger_cosigned_last_goes_on BEFORE UPDATE ON ledger_cosigned_last "
    f"WHEN {_BACK} BEGIN SELECT RAISE(ABORT, 'a witness does not take its word back'); END",
)
install(
    cosigned_last,
    postgresql="CREATE FUNCTION ledger_cosigned_last_goes_on() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN IF {_BACK} THEN RAISE EXCEPTION 'a witness does not take its word back' USING ERRCODE = '23514'; "
    "END IF; RETURN NEW; END $$",
)
install(
    cosigned_last,
    postgresql="CREATE TRIGGER ledger_cosigned_last_goes_on BEFORE UPDATE ON ledger_cosigned_last "
    "FOR EACH ROW EXECUTE FUNCTION ledger_cosigned_last_goes_on()",
)
