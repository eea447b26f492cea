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

from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata
from vault.storage.tenancy import tenant_column

dump = Table(
    "dump",
    metadata,
    col.key(),
    col.raw("sha256"),
    col.big("size"),
    col.text("file"),
    col.time("received_at"),
    tenant_column(),
    UniqueConstraint("tenant", "sha256"),
    CheckConstraint("length(sha256) = 32", name="sha256"),
    CheckConstraint("size > 0", name="size"),
)

dump_custody = Table(
    "dump_custody",
    metadata,
    col.key(),
    Column("dump", LargeBinary, ForeignKey("dump.id"), nullable=False),
    col.time("at"),
    col.text("event"),
    col.text("actor"),
    tenant_column(),
    CheckConstraint("event IN ('received', 'received_again', 'read')", name="event"),
    Index(None, "dump", "at"),
)
append_only(dump_custody)

dump_sketch = Table(
    "dump_sketch",
    metadata,
    Column("dump", LargeBinary, ForeignKey("dump.id"), primary_key=True),
    col.number("epoch"),
    col.raw("hashes"),
    tenant_column(),
    CheckConstraint("length(hashes) <= 32768", name="hashes"),
)
"""A sample of a dump's values as keyed hashes: by it a repost is known. Grows while the dump is read."""

trace = Table(
    "trace",
    metadata,
    col.key(),
    Column("dump", LargeBinary, ForeignKey("dump.id"), nullable=False),
    col.raw("parameters_hash"),
    col.text("parameters"),
    col.time("started_at"),
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
    col.text_key("stage"),
    col.big("done"),
    col.big("total"),
    col.text("detail"),
    col.time("updated_at"),
    Column("finished_at", BigInteger),
    tenant_column(),
    CheckConstraint("stage IN ('match', 'link', 'weigh', 'report')", name="stage"),
)

trace_item = Table(
    "trace_item",
    metadata,
    col.bucket(),
    col.key("trace"),
    col.key("subject"),
    col.text_key("field"),
    col.key("record"),
    col.number_key("version"),
    col.number("agreed"),
    col.number("conflicting"),
    col.number("masked"),
    ForeignKeyConstraint(["trace"], ["trace.id"]),
    CheckConstraint("agreed IN (0, 1) AND conflicting IN (0, 1) AND masked IN (0, 1)", name="flags"),
)

trace_candidate = Table(
    "trace_candidate",
    metadata,
    col.bucket(),
    col.key("trace"),
    col.key("subject"),
    col.text_key("field"),
    col.big("sets"),
    col.big("weight"),
    ForeignKeyConstraint(["trace"], ["trace.id"]),
    CheckConstraint("sets > 0 AND weight > 0", name="weights"),
)
"""Whom rows may be about: in how many sets somebody is, and the sum of 1/m over them in millionths."""

trace_row = Table(
    "trace_row",
    metadata,
    col.key("trace"),
    col.number_key("number"),
    col.raw("sealed"),
    tenant_column(),
    ForeignKeyConstraint(["trace"], ["trace.id"]),
    CheckConstraint("length(sealed) >= 29", name="sealed"),
)
"""Rows that nobody was found by, sealed, until they have been held against blind codes."""

trace_alias = Table(
    "trace_alias",
    metadata,
    col.bucket(),
    col.key("trace"),
    col.key("subject"),
    col.text_key("recipient_id"),
    col.text_key("field"),
    col.number_key("epoch"),
    col.text("domain"),
    col.time("issued_at"),
    ForeignKeyConstraint(["trace"], ["trace.id"]),
)
"""The aliases a dump shows, by whose they are and whom they were given to."""

trace_reading = Table(
    "trace_reading",
    metadata,
    col.bucket(),
    col.key("trace"),
    col.key("subject"),
    col.text_key("field"),
    col.key("record"),
    col.number_key("version"),
    col.text_key("carrier"),
    Column("bit", Integer, primary_key=True, autoincrement=False),
    col.big("count"),
    ForeignKeyConstraint(["trace"], ["trace.id"]),
    CheckConstraint("bit IN (0, 1)", name="bit"),
    CheckConstraint("count > 0", name="count"),
)
"""Which bit of a carrier of a served version a dump shows, and how often. Both bits of one: no use is made of it."""

trace_identity = Table(
    "trace_identity",
    metadata,
    col.bucket(),
    col.key("trace"),
    col.key("subject"),
    col.text_key("recipient_id"),
    col.big("count"),
    ForeignKeyConstraint(["trace"], ["trace.id"]),
    CheckConstraint("count > 0", name="count"),
)
"""That rows about a person show the name by which just this recipient knows them."""

incident = Table(
    "incident",
    metadata,
    col.key(),
    Column("trace", LargeBinary, ForeignKey("trace.id"), nullable=False),
    col.time("opened_at"),
    col.text("respondents"),
    col.text("report_sha256"),
    tenant_column(),
    UniqueConstraint("trace"),
)

incident_person = Table(
    "incident_person",
    metadata,
    col.bucket(),
    col.key("incident"),
    col.key("subject"),
    col.text("fields"),
    col.number("agreed"),
    col.number("masked"),
    CheckConstraint("agreed IN (0, 1) AND masked IN (0, 1)", name="flags"),
    ForeignKeyConstraint(["incident"], ["incident.id"]),
)

claim = Table(
    "claim",
    metadata,
    col.bucket(),
    col.key("incident"),
    col.key("subject"),
    col.raw("id"),
    col.text("state"),
    Column("respondent", Text),
    Column("grant_id", LargeBinary),
    Column("terms_id", Text),
    Column("currency", Text),
    Column("amount", Text),
    col.text("statement"),
    col.time("drafted_at"),
    UniqueConstraint("bucket", "id"),
    ForeignKeyConstraint(
        ["bucket", "incident", "subject"],
        ["incident_person.bucket", "incident_person.incident", "incident_person.subject"],
        name="fk_claim_incident_person",
    ),
    CheckConstraint("(amount IS NULL) = (currency IS NULL)", name="money"),
)
