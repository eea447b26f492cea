"""Tables of the fields an operator has defined: a code and its number for ever, and every version of what it says."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    SmallInteger,
    Table,
    UniqueConstraint,
)

from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata

custom_field = Table(
    "custom_field",
    metadata,
    col.key("tenant"),
    col.text_key("code"),
    Column("number", SmallInteger, nullable=False),
    col.time("created_at"),
    UniqueConstraint("tenant", "number"),
    CheckConstraint("number BETWEEN 32 AND 255", name="number"),
    CheckConstraint("substr(code, 1, 2) = 'x_'", name="code"),
)
"""Numbers are for ever: tags are derived from them."""

custom_field_version = Table(
    "custom_field_version",
    metadata,
    col.key("tenant"),
    col.text_key("code"),
    Column("version", Integer, primary_key=True),
    col.text("definition"),
    col.time("created_at"),
    ForeignKeyConstraint(["tenant", "code"], ["custom_field.tenant", "custom_field.code"]),
    CheckConstraint("version >= 1", name="version"),
)
"""`definition` is the JSON of vault.fields.custom; the highest version holds."""

append_only(custom_field)
append_only(custom_field_version)
