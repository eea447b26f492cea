"""The table that carries an erasure from stage to stage (vault.md §6.7), so that it survives whoever runs it.

| stage | name       | what is true from here on                                                    |
|-------|------------|------------------------------------------------------------------------------|
| 1     | tombstoned | nobody reads or changes the person; `probes` lists the tags to be looked for |
| 2     | untagged   | tags, unique keys and value versions are deleted                             |
| 3     | keyless    | every epoch of the person's keys is deleted, and caches were told            |
| 4     | verified   | no cache holds a copy; looked for again and found nothing; `probes` is empty |

The data base lets a row only go forward and lets an erased person never come back.
"""

from enum import IntEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    text,
)

from vault.storage import columns as col
from vault.storage.appendonly import install
from vault.storage.database import metadata
from vault.tables import person


class Stage(IntEnum):
    """How far an erasure has come."""

    TOMBSTONED = 1
    UNTAGGED = 2
    KEYLESS = 3
    VERIFIED = 4


erasure = Table(
    "erasure",
    metadata,
    col.bucket(),
    col.key("subject"),
    Column("stage", SmallInteger, nullable=False),
    Column("probes", LargeBinary),
    col.big("tags"),
    col.big("versions"),
    col.number("keys"),
    Column("wrapped_sha256", LargeBinary),
    Column("eviction", BigInteger),
    col.time("ordered_at"),
    Column("keyless_at", BigInteger),
    Column("verified_at", BigInteger),
    ForeignKeyConstraint(["bucket", "subject"], ["person.bucket", "person.subject"]),
    CheckConstraint("stage BETWEEN 1 AND 4", name="stage"),
    CheckConstraint("tags >= 0 AND versions >= 0 AND keys >= 0", name="counts"),
    CheckConstraint("(stage >= 3) = (keyless_at IS NOT NULL)", name="keyless"),
    CheckConstraint("stage < 3 OR wrapped_sha256 IS NOT NULL", name="wrapped"),
    CheckConstraint("wrapped_sha256 IS NULL OR length(wrapped_sha256) = 32", name="wrapped_sha256"),
    CheckConstraint("(stage = 4) = (verified_at IS NOT NULL)", name="verified"),
    CheckConstraint("(stage = 4) = (probes IS NULL)", name="probes"),
)

Index(
    "ix_erasure_pending",
    erasure.c.stage,
    erasure.c.bucket,
    sqlite_where=text("stage < 4"),
    postgresql_where=text("stage < 4"),
)

_BACK = "NEW.stage < OLD.stage OR OLD.stage = 4 OR NEW.tags < OLD.tags OR NEW.keys < OLD.keys"
_FIXED = ("bucket", "subject", "ordered_at")
_ONLY = "an erasure only goes forward"
_GONE = "an erased person stays erased"


def _moved(differs: str) -> str:
    return " OR ".join([_BACK, *(f"NEW.{name} {differs} OLD.{name}" for name in _FIXED)])


def _refuse(table: Table, name: str, event: str, when: str, says: str, *, old: str = "NEW") -> None:
    """A row trigger that raises `says` where `when` holds; `{differs}` is each dialect's null-safe inequality."""
    install(
        table,
        sqlite=f"CREATE TRIGGER {name} BEFORE {event} ON {table.name} "
        f"WHEN {when.format(differs='IS NOT')} BEGIN SELECT RAISE(ABORT, '{says}'); END",
        postgresql=f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF {when.format(differs='IS DISTINCT FROM')} THEN "
        f"RAISE EXCEPTION '{says}' USING ERRCODE = '23514'; END IF; RETURN {old}; END $$",
    )
    install(
        table,
        postgresql=f"CREATE TRIGGER {name} BEFORE {event} ON {table.name} "
        f"FOR EACH ROW EXECUTE FUNCTION {name}()",
    )


_refuse(erasure, "erasure_forward", "UPDATE", _moved("{differs}"), _ONLY)
_refuse(erasure, "erasure_stays", "DELETE", "1 = 1", _ONLY, old="OLD")
_refuse(
    person,
    "person_erased_for_good",
    "UPDATE",
    "OLD.state = 'erased' AND (NEW.state {differs} OLD.state OR NEW.erased_at {differs} OLD.erased_at)",
    _GONE,
)
_refuse(person, "person_erased_is_kept", "DELETE", "OLD.state = 'erased'", _GONE, old="OLD")
