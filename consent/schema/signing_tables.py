"""The table of signing keys that followed the first: that there is one and since when, never the key.

Generation 1 of every duty is there from the installation's first day and has no row. A key retires when its
follower's row is written, so that "retired at" is a fact of the next row and cannot contradict it.
"""

from sqlalchemy import CheckConstraint, Column, Integer, Table

from consent.schema.rules import Check, Rule, attach_rule
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata

signing_key = Table(
    "signing_key",
    metadata,
    col.text_key("name"),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    col.key("tenant"),
    col.time("created_at"),
    CheckConstraint("generation >= 2", name="generation"),
)

append_only(signing_key)
attach_rule(
    signing_key,
    Rule(
        "signing_key",
        "BEFORE INSERT",
        Check(
            "generations follow each other",
            "NEW.generation > 2 AND NOT EXISTS (SELECT 1 FROM signing_key k WHERE k.tenant = NEW.tenant "
            "AND k.name = NEW.name AND k.generation = NEW.generation - 1 AND k.created_at < NEW.created_at)",
        ),
    ),
)
