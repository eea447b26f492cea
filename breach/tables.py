"""Tables of tracing: dumps and their custody, traces and their stages, what was found, incidents, claims.

Rows about a person start their primary key with the bucket and hold no personal value: which version of which
field of whom was found, never the value. The data base holds one draft per person and incident (the primary key of
`claim`), one dump per content (SHA-256), one finished trace per dump and parameters; custody only grows.
Times are Unix milliseconds; JSON documents are text.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from vault.appendonly import append_only
from vault.storage import metadata
from vault.tenancy import tenant_column


def _bucket() -> Column[int]:
    return Column("bucket", Integer, primary_key=True, autoincrement=False)


def _key(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, primary_key=True)


def _raw(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


def _int(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


dump = Table(
    "dump",
    metadata,
    _key("id"),
    _raw("sha256"),
    _int("size"),
    _text("file"),
    _int("received_at"),
    tenant_column(),
    UniqueConstraint("tenant", "sha256"),
    CheckConstraint("length(sha256) = 32", name="sha256"),
    CheckConstraint("size > 0", name="size"),
)

dump_custody = Table(
    "dump_custody",
    metadata,
    _key("id"),
    Column("dump", LargeBinary, ForeignKey("dump.id"), nullable=False),
    _int("at"),
    _text("event"),
    _text("actor"),
    tenant_column(),
    CheckConstraint("event IN ('received', 'received_again', 'read')", name="event"),
    Index(None, "dump", "at"),
)
append_only(dump_custody)

trace = Table(
    "trace",
    metadata,
    _key("id"),
    Column("dump", LargeBinary, ForeignKey("dump.id"), nullable=False),
    _raw("parameters_hash"),
    _text("parameters"),
    _int("started_at"),
    Column("finished_at", BigInteger),
    Column("report", Text),
    tenant_column(),
    UniqueConstraint("dump", "parameters_hash"),
    CheckConstraint("(report IS NULL) = (finished_at IS NULL)", name="finished"),
)

trace_stage = Table(
    "trace_stage",
    metadata,
    Column("trace", LargeBinary, ForeignKey("trace.id"), primary_key=True),
    Column("stage", Text, primary_key=True),
    _int("done"),
    _int("total"),
    _text("detail"),
    _int("updated_at"),
    Column("finished_at", BigInteger),
    tenant_column(),
    CheckConstraint("stage IN ('match', 'weigh', 'report')", name="stage"),
)

trace_item = Table(
    "trace_item",
    metadata,
    _bucket(),
    _key("trace"),
    _key("subject"),
    Column("field", Text, primary_key=True),
    _key("record"),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("agreed", Integer, nullable=False),
    Column("conflicting", Integer, nullable=False),
    ForeignKeyConstraint(["trace"], ["trace.id"]),
    CheckConstraint("agreed IN (0, 1) AND conflicting IN (0, 1)", name="flags"),
)

incident = Table(
    "incident",
    metadata,
    _key("id"),
    Column("trace", LargeBinary, ForeignKey("trace.id"), nullable=False),
    _int("opened_at"),
    _text("respondents"),
    _text("report_sha256"),
    tenant_column(),
    UniqueConstraint("trace"),
)

incident_person = Table(
    "incident_person",
    metadata,
    _bucket(),
    _key("incident"),
    _key("subject"),
    _text("fields"),
    Column("agreed", Integer, nullable=False),
    CheckConstraint("agreed IN (0, 1)", name="agreed"),
    ForeignKeyConstraint(["incident"], ["incident.id"]),
)

claim = Table(
    "claim",
    metadata,
    _bucket(),
    _key("incident"),
    _key("subject"),
    _raw("id"),
    _text("state"),
    Column("respondent", Text),
    Column("grant_id", LargeBinary),
    Column("terms_id", Text),
    Column("currency", Text),
    Column("amount", Text),
    _text("statement"),
    _int("drafted_at"),
    UniqueConstraint("bucket", "id"),
    ForeignKeyConstraint(
        ["bucket", "incident", "subject"],
        ["incident_person.bucket", "incident_person.incident", "incident_person.subject"],
        name="fk_claim_incident_person",
    ),
    CheckConstraint("(amount IS NULL) = (currency IS NULL)", name="money"),
)
