"""Tables of erasures as the ledger will tell them: orders under way, and the certificates that remain.

An order is a work item and goes when its certificate is written. It holds what the entry needs of keys that will
be gone by then: the person's tags in the logs of the coming years, 16 bytes each, and the sealed secret. `secret`
opens the certificate's entry and no other.
"""

from sqlalchemy import CheckConstraint, Index, Table, UniqueConstraint

from consent.schema.foreign_keys import ledgered
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata

erasure_order = Table(
    "erasure_order",
    metadata,
    col.bucket(),
    col.key("subject"),
    col.raw("id"),
    col.text("actor"),
    col.text("reason"),
    col.raw("secret"),
    col.raw("sealed"),
    col.number("first_year"),
    col.raw("tags"),
    col.time("requested_at"),
    UniqueConstraint("id", "bucket"),
    CheckConstraint("reason IN ('requested', 'retention', 'ordered')", name="reason"),
    CheckConstraint("length(secret) = 32", name="secret"),
    Index("ix_erasure_order_oldest", "requested_at", "bucket", "subject"),
)

erasure_certificate = Table(
    "erasure_certificate",
    metadata,
    col.bucket(),
    col.key("subject"),
    col.raw("id"),
    col.raw("secret"),
    col.text("fields"),
    col.number("ledger_year"),
    col.time("certified_at"),
    CheckConstraint("length(secret) = 32", name="secret"),
    ledgered("erasure_certificate"),
)
"""What was erased, for good: `fields` is the JSON list of what the entry commits to. No personal data."""

append_only(erasure_certificate)
