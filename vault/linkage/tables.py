"""Tables of blind codes: whether this operator has them made, and a sealed code for each person.

A code is of the values as they stand. Whatever changes them takes it away, by trigger: a value added or
changed, a text struck out, a person erased. So there may be no code, but never an old one; `linkage.filling`
makes what is missing.
"""

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, SmallInteger, Table

from vault.storage import columns as col
from vault.storage.appendonly import append_only, install
from vault.storage.database import metadata
from vault.storage.tenancy import tenant_column
from vault.tables import value

linkage_choice = Table(
    "linkage_choice",
    metadata,
    col.key(),
    col.time("at"),
    col.text("choice"),
    col.text("actor"),
    tenant_column(),
    CheckConstraint("choice IN ('off', 'blind', 'plain')", name="choice"),
    Index(None, "at"),
)
"""Every turning on and off; the last one holds, and before the first it is off. `plain`: what codes suggest is
also weighed in clear.
"""
append_only(linkage_choice)

linkage_code = Table(
    "linkage_code",
    metadata,
    col.bucket(),
    col.key("subject"),
    Column("epoch", SmallInteger, nullable=False),
    col.raw("sealed"),
    ForeignKeyConstraint(["bucket", "subject"], ["person.bucket", "person.subject"]),
    CheckConstraint("length(sealed) >= 29", name="sealed"),
    CheckConstraint("epoch >= 1", name="epoch"),
)
"""`epoch` is that of the tags: the key of a code comes from the same root and is destroyed with it."""
linkage_code.add_is_dependent_on(value)  # its triggers stand there

for _event, _row in (("INSERT", "NEW"), ("UPDATE OF struck_at", "NEW"), ("DELETE", "OLD")):
    install(
        linkage_code,
        sqlite=f"CREATE TRIGGER linkage_code_after_{_event.split()[0].lower()} AFTER {_event} ON {value.name} "
        f"BEGIN DELETE FROM linkage_code WHERE bucket = {_row}.bucket AND subject = {_row}.subject; END",
    )

# Values sealed again under another key say what they said; only a text that is struck out is an update that counts.
install(
    linkage_code,
    postgresql="CREATE FUNCTION linkage_code_stale() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF TG_OP = 'UPDATE' THEN DELETE FROM linkage_code c USING changed w "
    "WHERE c.bucket = w.bucket AND c.subject = w.subject AND w.struck_at IS NOT NULL; "
    "ELSE DELETE FROM linkage_code c USING changed w WHERE c.bucket = w.bucket AND c.subject = w.subject; "
    "END IF; RETURN NULL; END $$",
)
for _event, _table in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
    install(
        linkage_code,
        postgresql=f"CREATE TRIGGER linkage_code_after_{_event.lower()} AFTER {_event} ON {value.name} "
        f"REFERENCING {_table} TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION linkage_code_stale()",
    )
