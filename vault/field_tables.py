"""Tables of the fields an operator has defined: a code and its number for ever, and every version of what it says."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from vault.appendonly import append_only
from vault.storage import metadata

custom_field = Table(
    "custom_field",
    metadata,
    Column("tenant", LargeBinary, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("number", SmallInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("tenant", "number"),
    CheckConstraint("number BETWEEN 32 AND 255", name="number"),
    CheckConstraint("substr(code, 1, 2) = 'x_'", name="code"),
)
"""Numbers are for ever: tags are derived from them."""

custom_field_version = Table(
    "custom_field_version",
    metadata,
    Column("tenant", LargeBinary, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("definition", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    ForeignKeyConstraint(["tenant", "code"], ["custom_field.tenant", "custom_field.code"]),
    CheckConstraint("version >= 1", name="version"),
)
"""`definition` is the JSON of vault.fields.custom; the highest version holds."""

append_only(custom_field)
append_only(custom_field_version)
