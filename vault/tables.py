"""The vault's tables beside the ciphertext (vault.md §6.7).

Here: the installation, its tenants, people, append-only value versions. Blind tags and unique keys stand in
`finding.tag_tables`; wrapped keys in `keys.tables`, a data base of their own. Every row about a person starts its
primary key with the bucket. Of a value version three things may change, each enforced by trigger: it is closed
once; it is sealed again under a later key epoch; its ciphertext is struck out once, for good. Nothing deletes
a version while its person is active. No version is written under a key epoch that its person has left.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from vault.storage import columns as col
from vault.storage.appendonly import install
from vault.storage.database import metadata
from vault.storage.tenancy import attach_to_tenants

installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    col.time("created_at"),
    col.number("format"),
    CheckConstraint("id = 1", name="one_row"),
)

tenant = Table(
    "tenant",
    metadata,
    col.key("tenant"),
    col.text("name"),
    col.number("first_bucket"),
    col.number("buckets"),
    col.text("ledger_host"),
    Column("role", Text),
    col.time("created_at"),
    Column("suite", SmallInteger, nullable=False, server_default=text("1")),
    UniqueConstraint("name"),
    UniqueConstraint("first_bucket"),
    UniqueConstraint("role"),
    CheckConstraint("length(tenant) = 16", name="tenant"),
    CheckConstraint("suite IN (1, 2)", name="suite"),
    CheckConstraint("first_bucket >= 0 AND buckets >= 1 AND first_bucket + buckets <= 4096", name="buckets"),
)
"""The operators this installation serves: each owns its buckets, and on PostgreSQL logs in by a role of its own.

`suite` is what new values are sealed by (`sealed.Suite`); a stored blob names its own.
"""
attach_to_tenants(tenant)

person = Table(
    "person",
    metadata,
    col.bucket(),
    col.key("subject"),
    col.raw("tenant"),
    col.text("state"),
    col.time("created_at"),
    Column("erased_at", BigInteger),
    Column("merged_into", LargeBinary),
    Column("key_epoch", Integer, nullable=False, server_default=text("1")),
    CheckConstraint("state IN ('active', 'merged', 'erased')", name="state"),
    CheckConstraint("(merged_into IS NULL) OR state <> 'active'", name="merged_into"),
    CheckConstraint("state <> 'merged' OR merged_into IS NOT NULL", name="merged"),
    CheckConstraint("(state = 'erased') = (erased_at IS NOT NULL)", name="erased_at"),
    CheckConstraint("length(subject) = 16", name="subject"),
    CheckConstraint("key_epoch >= 1", name="key_epoch"),
    sqlite_with_rowid=False,
)
"""`key_epoch` is the oldest epoch of the person's key that may still seal: older ones are about to be destroyed."""

value = Table(
    "value",
    metadata,
    col.bucket(),
    col.key("subject"),
    col.key("record"),
    col.text_key("field"),
    Column("version", BigInteger, primary_key=True),
    Column("schema", SmallInteger, nullable=False),
    col.number("epoch"),
    col.raw("blob"),
    col.raw("blob_sha256"),
    col.time("valid_from"),
    Column("valid_to", BigInteger),
    Column("struck_at", BigInteger),
    ForeignKeyConstraint(["bucket", "subject"], ["person.bucket", "person.subject"]),
    CheckConstraint("version >= 1", name="version"),
    CheckConstraint("length(record) = 16", name="record"),
    CheckConstraint("length(blob) >= 78 OR (length(blob) = 0 AND struck_at IS NOT NULL)", name="blob"),
    CheckConstraint("struck_at IS NULL OR (length(blob) = 0 AND valid_to IS NOT NULL)", name="struck"),
    CheckConstraint("length(blob_sha256) = 32", name="blob_sha256"),
    CheckConstraint("valid_to >= valid_from", name="valid_to"),
    sqlite_with_rowid=False,
)

Index(
    "uq_value_head",
    value.c.bucket,
    value.c.subject,
    value.c.record,
    value.c.field,
    unique=True,
    sqlite_where=text("valid_to IS NULL"),
    postgresql_where=text("valid_to IS NULL"),
)

_NAMES = ("bucket", "subject", "record", "field", "version", "schema", "valid_from")
_SEAL = ("epoch", "blob", "blob_sha256")


def _moved(names: tuple[str, ...], differs: str) -> str:
    return " OR ".join(f"NEW.{name} {differs} OLD.{name}" for name in names)


def _wrong(differs: str) -> str:
    """When an update of a version is none of the three that may happen."""
    return (
        f"{_moved(_NAMES, differs)} OR (OLD.valid_to IS NOT NULL AND NEW.valid_to {differs} OLD.valid_to) "
        f"OR OLD.struck_at IS NOT NULL "
        f"OR (NEW.struck_at IS NULL AND NEW.epoch <= OLD.epoch AND ({_moved(_SEAL, differs)})) "
        f"OR (NEW.struck_at IS NOT NULL AND ({_moved(('epoch', 'blob_sha256'), differs)}))"
    )


_ONLY = "a value version is closed once, sealed again under a later key, or struck out"
_NO_DELETE = "value versions of an active person stay"

install(
    value,
    sqlite=f"CREATE TRIGGER value_only_close BEFORE UPDATE ON value WHEN {_wrong('IS NOT')} "
    f"BEGIN SELECT RAISE(ABORT, '{_ONLY}'); END",
    postgresql=f"CREATE FUNCTION value_only_close() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN IF {_wrong('IS DISTINCT FROM')} THEN "
    f"RAISE EXCEPTION '{_ONLY}' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$",
)
install(
    value,
    postgresql="CREATE TRIGGER value_only_close BEFORE UPDATE ON value "
    "FOR EACH ROW EXECUTE FUNCTION value_only_close()",
)
install(
    value,
    sqlite=f"CREATE TRIGGER value_no_delete BEFORE DELETE ON value "
    f"WHEN EXISTS (SELECT 1 FROM person WHERE bucket = OLD.bucket AND subject = OLD.subject "
    f"AND state = 'active') BEGIN SELECT RAISE(ABORT, '{_NO_DELETE}'); END",
    postgresql=f"CREATE FUNCTION value_no_delete() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN IF TG_OP = 'DELETE' THEN IF NOT EXISTS (SELECT 1 FROM person WHERE bucket = OLD.bucket "
    f"AND subject = OLD.subject AND state = 'active') THEN RETURN OLD; END IF; END IF; "
    f"RAISE EXCEPTION '{_NO_DELETE}' USING ERRCODE = '23514'; END $$",
)
for _name, _when in (
    ("value_no_delete", "DELETE ON value FOR EACH ROW"),
    ("value_no_truncate", "TRUNCATE ON value"),
):
    install(value, postgresql=f"CREATE TRIGGER {_name} BEFORE {_when} EXECUTE FUNCTION value_no_delete()")

_OLD_KEY = "this epoch of the person's key is no longer in use"

install(
    value,
    sqlite=f"CREATE TRIGGER value_key_epoch BEFORE INSERT ON value WHEN NEW.epoch < "
    f"(SELECT key_epoch FROM person WHERE bucket = NEW.bucket AND subject = NEW.subject) "
    f"BEGIN SELECT RAISE(ABORT, '{_OLD_KEY.replace("'", "''")}'); END",
    # Once per statement, not per row: a bulk load writes thousands of versions at a time.
    postgresql=f"CREATE FUNCTION value_key_epoch() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN IF EXISTS (SELECT 1 FROM written w JOIN person p ON p.bucket = w.bucket "
    f"AND p.subject = w.subject WHERE w.epoch < p.key_epoch) THEN "
    f"RAISE EXCEPTION '{_OLD_KEY.replace("'", "''")}' USING ERRCODE = '23514'; END IF; RETURN NULL; END $$",
)
install(
    value,
    postgresql="CREATE TRIGGER value_key_epoch AFTER INSERT ON value REFERENCING NEW TABLE AS written "
    "FOR EACH STATEMENT EXECUTE FUNCTION value_key_epoch()",
)
