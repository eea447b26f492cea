"""Tables of logs that were given up, and of entries that were logged again in the log after them.

A log in `ledger_given_up` has ended like a closed one (`ledger_head.closed_at`), but without a closing entry:
it may be damaged. Its end is the newest checkpoint known to have been signed, `size` and `root` with the exact
`note`, which may be beyond what is stored here. `kept` is how many of its entries stored here are under a
signed checkpoint; those behind can be proven in no tree. `next_year` is the number of the log that carries it
on, `incident` the text that says why.

`ledger_again` says of an entry that it is one of those, logged again: `was_year`, `was_idx` is where it stood.
None of an entry that was logged again from its receipt, because nothing else was left of it.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
)

from consent.ledger.tables import checkpoint
from vault.storage import columns as col
from vault.storage.appendonly import append_only, install
from vault.storage.database import metadata

given_up = Table(
    "ledger_given_up",
    metadata,
    col.bucket(),
    Column("year", Integer, primary_key=True, autoincrement=False),
    col.number("next_year"),
    col.big("size"),
    Column("root", LargeBinary(32), nullable=False),
    col.raw("note"),
    col.big("kept"),
    Column("stolen", Boolean, nullable=False),
    col.text("incident"),
    col.time("given_up_at"),
    CheckConstraint("kept >= 0 AND size >= 0", name="size"),
    ForeignKeyConstraint(["bucket", "year"], ["ledger_head.bucket", "ledger_head.year"]),
    ForeignKeyConstraint(
        ["bucket", "next_year"],
        ["ledger_head.bucket", "ledger_head.year"],
        name="fk_ledger_given_up_next",
    ),
)

again = Table(
    "ledger_again",
    metadata,
    col.bucket(),
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("was_year", Integer),
    Column("was_idx", BigInteger),
    CheckConstraint("(was_year IS NULL) = (was_idx IS NULL)", name="was"),
    UniqueConstraint("bucket", "was_year", "was_idx"),
    ForeignKeyConstraint(
        ["bucket", "year", "idx"], ["ledger_entry.bucket", "ledger_entry.year", "ledger_entry.idx"]
    ),
    ForeignKeyConstraint(
        ["bucket", "was_year", "was_idx"],
        ["ledger_entry.bucket", "ledger_entry.year", "ledger_entry.idx"],
        name="fk_ledger_again_was",
    ),
)

append_only(given_up)
append_only(again)

_OPEN = "a log that is given up takes nothing any more"
_GOES_ON = "EXISTS (SELECT 1 FROM ledger_head h WHERE h.bucket = NEW.bucket AND h.year = NEW.year AND h.closed_at IS NULL)"
_SIGNED = "a log that was given up is signed no more"
_ENDED = "EXISTS (SELECT 1 FROM ledger_given_up g WHERE g.bucket = NEW.bucket AND g.year = NEW.year)"

for _table, _name, _when, _says in (
    (given_up, "ledger_given_up_ends", _GOES_ON, _OPEN),
    (checkpoint, "ledger_checkpoint_ended", _ENDED, _SIGNED),
):
    # On SQLite a trigger may name a table that comes later, and on PostgreSQL a function's body is read when it runs.
    install(
        _table,
        sqlite=f"CREATE TRIGGER {_name} BEFORE INSERT ON {_table.name} "
        f"WHEN {_when} BEGIN SELECT RAISE(ABORT, '{_says}'); END",
    )
    install(
        _table,
        postgresql=f"CREATE FUNCTION {_name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF {_when} THEN RAISE EXCEPTION '{_says}' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$",
    )
    install(
        _table,
        postgresql=f"CREATE TRIGGER {_name} BEFORE INSERT ON {_table.name} "
        f"FOR EACH ROW EXECUTE FUNCTION {_name}()",
    )
