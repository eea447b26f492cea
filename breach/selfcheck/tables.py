"""Tables of the self-check: which dumps are told of, their identifiers as blinded points, and the periods of the key.

A point is in the bucket its slot falls into; it says nothing about anybody without the tenant's secret. Whose
of them are people of the installation's stands apart, by person, so that erasing somebody finds theirs.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

from vault.storage import columns as col
from vault.storage.database import metadata
from vault.storage.tenancy import tenant_column

leak = Table(
    "leak",
    metadata,
    col.key(),
    Column("dump", LargeBinary, ForeignKey("dump.id"), nullable=False),
    col.big("done"),
    col.time("begun_at"),
    Column("published_at", BigInteger),
    tenant_column(),
    UniqueConstraint("dump"),
    CheckConstraint("done >= 0", name="done"),
)
"""`done`: rows of the dump read so far. Until it is published nobody is told anything of it."""

leak_point = Table(
    "leak_point",
    metadata,
    col.bucket(),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    col.key("leak"),
    col.key("name"),
    Column("period", Integer, primary_key=True, autoincrement=False),
    col.raw("based"),
    col.raw("label"),
    CheckConstraint("length(based) = 32 AND length(label) = 16 AND length(name) = 16", name="lengths"),
)
"""`based` and `label` as in `vault.oblivious`; the label is that of the period."""

leak_owner = Table(
    "leak_owner",
    metadata,
    col.bucket(),
    col.key("subject"),
    col.key("leak"),
    col.key("name"),
    col.number("home"),
    col.number("slot"),
)
"""A point that belongs to a person of the installation: its bucket (`home`) and slot."""

leak_period = Table(
    "leak_period",
    metadata,
    tenant_column(),
    Column("period", Integer, nullable=False),
    col.number("bits"),
    col.number("size"),
    col.time("begun_at"),
    Column("current_since", BigInteger),
    PrimaryKeyConstraint("tenant", "period"),
    CheckConstraint("period > 0 AND bits BETWEEN 0 AND 16 AND size > 0", name="shape"),
)
"""How the list is asked: by so many `bits` of the slot, and every answer has `size` labels. The newest that is
current is the one; a newer one is being made.
"""
