"""The table of services refused for want of data they do not need, as people say it (PIPL 16)."""

from sqlalchemy import CheckConstraint, Table

from consent.schema.foreign_keys import same
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata

service_denial = Table(
    "service_denial",
    metadata,
    col.bucket(),
    col.key("grant_id"),
    col.raw("subject"),
    col.text("recipient_id"),
    col.text("client_id"),
    col.text("fields"),
    col.time("said_at"),
    CheckConstraint("fields <> '[]'", name="fields"),
    same("service_denial", "consumer", "bucket subject"),
    same(
        "service_denial",
        "consent_grant",
        "bucket grant_id recipient_id client_id",
        "bucket id recipient_id client_id",
    ),
)
"""One of a consent: `fields` are what the person had left off, all of which the recipient itself had called optional."""

append_only(service_denial)
