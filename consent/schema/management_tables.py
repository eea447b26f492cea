"""Tables of recipients managing their consents: the tokens with which they do, and the consents they have ended.

A management token says nothing about anybody and is deleted when it is over. A termination is evidence like a
withdrawal: one per grant, entered into the person's ledger, never changed; its row is what moves the grant.
"""

from sqlalchemy import CheckConstraint, Index, Table

from consent.schema.foreign_keys import ledgered, of_client, same
from consent.schema.rules import Rule, attach_rule
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata
from vault.storage.tenancy import tenant_column

management_token = Table(
    "management_token",
    metadata,
    col.key("hash"),
    col.text("client_id"),
    col.text("recipient_id"),
    col.text("jkt"),
    col.text("scope"),
    col.time("minted_at"),
    col.time("expires_at"),
    tenant_column(),
    of_client("management_token"),
    Index("ix_management_token_client_id", "client_id", "expires_at"),
)

termination = Table(
    "termination",
    metadata,
    col.bucket(),
    col.key("grant_id"),
    col.raw("id"),
    col.text("recipient_id"),
    col.text("client_id"),
    col.text("channel"),
    col.number("disclosures"),
    col.time("terminated_at"),
    col.number("ledger_year"),
    CheckConstraint("channel IN ('recipient', 'parent')", name="channel"),
    same(
        "termination",
        "consent_grant",
        "bucket grant_id recipient_id client_id",
        "bucket id recipient_id client_id",
    ),
    ledgered("termination"),
)
"""`channel` is `parent` for an onward consent that ended because the one above it did."""

append_only(termination)
attach_rule(
    termination,
    Rule(
        "termination",
        "AFTER INSERT",
        effects=(
            "UPDATE consent_grant SET state = 'terminated' WHERE bucket = NEW.bucket AND id = NEW.grant_id",
        ),
    ),
)
