"""The table of consents that others than person and recipient ended: the operator revoked, or an authority
declared void.

Evidence like a withdrawal: one per grant, entered into the person's ledger, never changed, bound to the event
that tells the recipient; its row is what moves the grant.
"""

from sqlalchemy import CheckConstraint, Column, Table, Text

from consent.schema.foreign_keys import ledgered, same
from consent.schema.rules import Rule, attach_rule
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata

annulment = Table(
    "annulment",
    metadata,
    col.bucket(),
    col.key("grant_id"),
    col.raw("id"),
    col.text("recipient_id"),
    col.text("client_id"),
    col.text("kind"),
    col.text("channel"),
    Column("authority", Text),
    col.text("reason"),
    col.number("disclosures"),
    col.raw("event_id"),
    col.time("annulled_at"),
    col.number("ledger_year"),
    CheckConstraint("kind IN ('revoked', 'invalidated')", name="kind"),
    CheckConstraint("channel IN ('operator', 'parent')", name="channel"),
    CheckConstraint("(kind = 'invalidated') = (authority IS NOT NULL)", name="authority"),
    CheckConstraint("reason <> '' AND (authority IS NULL OR authority <> '')", name="reason"),
    same(
        "annulment",
        "consent_grant",
        "bucket grant_id recipient_id client_id",
        "bucket id recipient_id client_id",
    ),
    same("annulment", "event_outbox", "bucket event_id grant_id", "bucket id grant_id"),
    ledgered("annulment"),
)
"""`kind` is the state it moves the grant to; `channel` is `parent` for what ended because the consent above it did.

`authority` names who declared the consent void; the operator's own revocations have none.
"""

append_only(annulment)
attach_rule(
    annulment,
    Rule(
        "annulment",
        "AFTER INSERT",
        effects=(
            "UPDATE consent_grant SET state = NEW.kind WHERE bucket = NEW.bucket AND id = NEW.grant_id",
        ),
    ),
)
