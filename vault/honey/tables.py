"""The tables of honey persons: who they are, known by MAC only, and what happened to them.

A honey person's own rows are like everybody's. That they are one is said here alone, by HMAC-SHA-256 under a
service key, so that a stolen data base does not tell whom to leave alone. An alarm only grows; the one thing
that changes is that somebody has seen it, once.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Table, Text

from vault.storage import columns as col
from vault.storage.appendonly import append_only, install
from vault.storage.database import metadata

honey = Table(
    "honey",
    metadata,
    col.bucket(),
    col.key("mac"),
    col.time("planted_at"),
    CheckConstraint("length(mac) = 32", name="mac"),
)

alarm = Table(
    "alarm",
    metadata,
    col.bucket(),
    col.key(),
    col.raw("mac"),
    col.text("source"),
    col.text("who"),
    col.text("place"),
    col.time("at"),
    Column("seen_at", BigInteger),
    Column("seen_by", Text),
    CheckConstraint("length(id) = 16", name="id"),
    CheckConstraint("(seen_at IS NULL) = (seen_by IS NULL)", name="seen"),
)

append_only(honey)

_FIXED = ("bucket", "id", "mac", "source", "who", "place", "at")
_ONLY = "an alarm is seen once and never changes otherwise"


def _wrong(differs: str) -> str:
    moved = " OR ".join(f"NEW.{name} {differs} OLD.{name}" for name in _FIXED)
    return f"{moved} OR OLD.seen_at IS NOT NULL"


install(
    alarm,
    sqlite=f"CREATE TRIGGER alarm_only_seen BEFORE UPDATE ON alarm WHEN {_wrong('IS NOT')} "
    f"BEGIN SELECT RAISE(ABORT, '{_ONLY}'); END",
    postgresql="CREATE FUNCTION alarm_only_seen() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN IF {_wrong('IS DISTINCT FROM')} THEN "
    f"RAISE EXCEPTION '{_ONLY}' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$",
)
install(
    alarm,
    postgresql="CREATE TRIGGER alarm_only_seen BEFORE UPDATE ON alarm "
    "FOR EACH ROW EXECUTE FUNCTION alarm_only_seen()",
)
install(
    alarm,
    sqlite="CREATE TRIGGER alarm_no_delete BEFORE DELETE ON alarm "
    "BEGIN SELECT RAISE(ABORT, 'alarms stay'); END",
    postgresql="CREATE FUNCTION alarm_no_delete() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'alarms stay' USING ERRCODE = '23514'; END $$",
)
install(
    alarm,
    postgresql="CREATE TRIGGER alarm_no_delete BEFORE DELETE OR TRUNCATE ON alarm "
    "FOR EACH STATEMENT EXECUTE FUNCTION alarm_no_delete()",
)
