"""The vault's tables, in two data bases (vault.md §6.7).

Beside the ciphertext: the installation, people, append-only value versions, blind tags, unique keys. In the
key data base, with backups of its own: wrapped keys only. Every row about a person starts its primary key with
the bucket. A value version never changes after it is written, except that `valid_to` is set once; the data
base refuses anything else, and refuses to delete a version while its person is active.
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
    text,
)

from vault.appendonly import install
from vault.storage import key_metadata, metadata

installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("created_at", BigInteger, nullable=False),
    Column("buckets", Integer, nullable=False),
    Column("tenant", LargeBinary, nullable=False),
    Column("ledger_host", Text, nullable=False),
    Column("format", Integer, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
    CheckConstraint("buckets BETWEEN 1 AND 4096", name="buckets"),
)

person = Table(
    "person",
    metadata,
    Column("bucket", Integer, primary_key=True),
    Column("subject", LargeBinary, primary_key=True),
    Column("tenant", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("erased_at", BigInteger),
    CheckConstraint("state IN ('active', 'erased')", name="state"),
    CheckConstraint("(state = 'erased') = (erased_at IS NOT NULL)", name="erased_at"),
    CheckConstraint("length(subject) = 16", name="subject"),
    sqlite_with_rowid=False,
)

value = Table(
    "value",
    metadata,
    Column("bucket", Integer, primary_key=True),
    Column("subject", LargeBinary, primary_key=True),
    Column("record", LargeBinary, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("schema", SmallInteger, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("blob", LargeBinary, nullable=False),
    Column("blob_sha256", LargeBinary, nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_to", BigInteger),
    ForeignKeyConstraint(["bucket", "subject"], ["person.bucket", "person.subject"]),
    CheckConstraint("version >= 1", name="version"),
    CheckConstraint("length(record) = 16", name="record"),
    CheckConstraint("length(blob) >= 78", name="blob"),
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

tenant_kek = Table(
    "tenant_kek",
    key_metadata,
    Column("tenant", LargeBinary, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint("state IN ('active', 'retired')", name="state"),
)

subject_key = Table(
    "subject_key",
    key_metadata,
    Column("bucket", Integer, primary_key=True),
    Column("tenant", LargeBinary, primary_key=True),
    Column("subject", LargeBinary, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("kek_version", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    CheckConstraint("kind IN ('data', 'ledger')", name="kind"),
    sqlite_with_rowid=False,
)

index_root = Table(
    "index_root",
    key_metadata,
    Column("tenant", LargeBinary, primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("kek_version", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    CheckConstraint("state IN ('active', 'retired')", name="state"),
)

service_key = Table(
    "service_key",
    key_metadata,
    Column("tenant", LargeBinary, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("kek_version", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    CheckConstraint("state IN ('active', 'retired')", name="state"),
)

_FROZEN = (
    "bucket",
    "subject",
    "record",
    "field",
    "version",
    "schema",
    "epoch",
    "blob",
    "blob_sha256",
    "valid_from",
)
_CHANGED = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in _FROZEN)
_ONLY_CLOSE = "a value version changes once: when it is closed"
_NO_DELETE = "value versions of an active person stay"

install(
    value,
    sqlite=f"CREATE TRIGGER value_only_close BEFORE UPDATE ON value "
    f"WHEN OLD.valid_to IS NOT NULL OR NEW.valid_to IS NULL OR {_CHANGED.replace('IS DISTINCT FROM', 'IS NOT')} "
    f"BEGIN SELECT RAISE(ABORT, '{_ONLY_CLOSE}'); END",
    postgresql=f"CREATE FUNCTION value_only_close() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN IF OLD.valid_to IS NOT NULL OR NEW.valid_to IS NULL OR {_CHANGED} THEN "
    f"RAISE EXCEPTION '{_ONLY_CLOSE}' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$",
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
