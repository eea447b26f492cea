"""Reference tables of the consent floor: who asks, for what, under which text and which liability.

Small, copied to every node of a distributed data base, and without a single fact about a consumer.
Published texts never change: a new wording is a new version.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from consent.schema.foreign_keys import of_client
from consent.schema.rules import only_moves
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata
from vault.storage.tenancy import tenant_column

recipient = Table(
    "recipient",
    metadata,
    col.text_key("id"),
    col.text("legal_name"),
    col.text("contact"),
    col.text("registration_no"),
    Column("event_uri", Text),
    col.time("created_at"),
    Column("suspended_at", BigInteger),
    Column("kind", Text, nullable=False, server_default="organisation"),
    Column("jurisdiction", Text, nullable=False, server_default="CN"),
    Column("country", Text, nullable=False, server_default="CN"),
    Column("erase_days", Integer, nullable=False, server_default="15"),
    tenant_column(),
    CheckConstraint("kind IN ('organisation', 'staff')", name="kind"),
    CheckConstraint("erase_days BETWEEN 1 AND 3660", name="erase_days"),
    UniqueConstraint("registration_no", "tenant", name="uq_recipient_registration_no"),
)
"""`kind` `staff` is the operator's own house: only its staff read under consents to it, each by name (`staff.reading`).

`jurisdiction` is the law its consents are given under, `country` where the data goes (abroad, when the law is
another's), `erase_days` how long it may take to erase at most.
"""

client = Table(
    "client",
    metadata,
    col.text_key("client_id"),
    Column("recipient_id", Text, ForeignKey("recipient.id"), nullable=False),
    col.text("label"),
    Column("jwks", Text),
    Column("jwks_uri", Text),
    col.text("redirect_uris"),
    Column("notification_uri", Text),
    col.time("created_at"),
    Column("suspended_at", BigInteger),
    tenant_column(),
    CheckConstraint("(jwks IS NULL) <> (jwks_uri IS NULL)", name="one_source"),
    UniqueConstraint("client_id", "recipient_id"),
    UniqueConstraint("recipient_id", "label", name="uq_client_label"),
)

fetched_keys = Table(
    "fetched_keys",
    metadata,
    Column("client_id", Text, ForeignKey("client.client_id"), primary_key=True),
    Column("jwks", Text),
    Column("fetched_at", BigInteger),
    col.time("tried_at"),
    Column("strange_at", BigInteger),
    tenant_column(),
    CheckConstraint("(jwks IS NULL) = (fetched_at IS NULL)", name="fetched"),
)
"""What a client's `jwks_uri` last answered, for every worker, and when somebody last asked there.

`tried_at` is when that was because of its age, `strange_at` when because of a key that is not in it.
"""

suspension = Table(
    "suspension",
    metadata,
    col.text_key("id"),
    Column("recipient_id", Text, ForeignKey("recipient.id"), nullable=False),
    Column("client_id", Text),
    col.text("step"),
    col.text("reason"),
    col.time("at"),
    tenant_column(),
    CheckConstraint("step IN ('suspended', 'resumed')", name="step"),
    UniqueConstraint("id", "recipient_id"),
    of_client("suspension"),
)
"""Who was suspended and let in again, when and why; without a client it is about the whole recipient."""

purpose = Table(
    "purpose",
    metadata,
    col.text_key("code"),
    col.text("dpv_iri"),
    Column("sensitive", Boolean, nullable=False),
    Column("written", Boolean, nullable=False, server_default=false()),
    col.text("title_en"),
    col.text("title_zh"),
)

purpose_field = Table(
    "purpose_field",
    metadata,
    Column("purpose", Text, ForeignKey("purpose.code"), primary_key=True),
    col.text_key("field"),
)

own_field = Table(
    "own_field",
    metadata,
    col.key("tenant"),
    Column("purpose", Text, ForeignKey("purpose.code"), primary_key=True),
    col.text_key("field"),
    col.time("offered_at"),
    Column("withheld_at", BigInteger),
    CheckConstraint("substr(field, 1, 2) = 'x_'", name="field"),
)
"""Which fields of an operator's own recipients with a purpose may ask for; `withheld_at`: not any more."""

notice_version = Table(
    "notice_version",
    metadata,
    col.text_key("id"),
    Column("recipient_id", Text, ForeignKey("recipient.id"), nullable=False),
    Column("purpose", Text, ForeignKey("purpose.code"), nullable=False),
    col.number("version"),
    col.text("lang"),
    col.text("text"),
    Column("method", Text, nullable=False, server_default=""),
    Column("rights", Text, nullable=False, server_default=""),
    col.text("hash"),
    col.time("created_at"),
    tenant_column(),
    UniqueConstraint("recipient_id", "purpose", "version", "lang", name="uq_notice_version"),
    UniqueConstraint("id", "hash", "recipient_id", "purpose", name="uq_notice_version_shown"),
)

terms_version = Table(
    "terms_version",
    metadata,
    col.text_key("id"),
    Column("recipient_id", Text, ForeignKey("recipient.id"), nullable=False),
    col.number("version"),
    col.text("text"),
    col.text("per_record"),
    col.text("currency"),
    col.text("cap"),
    Column("rates", Text, nullable=False, server_default="{}"),
    col.text("hash"),
    col.time("created_at"),
    tenant_column(),
    UniqueConstraint("recipient_id", "version", name="uq_terms_version"),
    UniqueConstraint("id", "hash", "recipient_id", name="uq_terms_version_shown"),
)

terms_signature = Table(
    "terms_signature",
    metadata,
    col.text_key("terms_id"),
    col.text("terms_hash"),
    col.text("recipient_id"),
    col.text("client_id"),
    col.text("signature"),
    col.text("jwk"),
    col.text("hash"),
    col.time("signed_at"),
    tenant_column(),
    ForeignKeyConstraint(
        ["terms_id", "terms_hash", "recipient_id"],
        [f"terms_version.{c}" for c in ("id", "hash", "recipient_id")],
        name="fk_terms_signature_terms",
    ),
    of_client("terms_signature"),
)
"""Who signed which terms when they were published, with which key (`terms_signing`)."""

retired_text = Table(
    "retired_text",
    metadata,
    col.text_key("text_id"),
    Column("recipient_id", Text, ForeignKey("recipient.id"), nullable=False),
    col.text("reason"),
    col.time("at"),
    tenant_column(),
)
"""Notices and terms under which nobody is asked any more (`retiring`), by the id of either."""

for _table in (
    purpose,
    purpose_field,
    notice_version,
    retired_text,
    suspension,
    terms_signature,
    terms_version,
):
    append_only(_table)
only_moves(own_field, ("withheld_at",))


def notice_shown(prefix: str) -> ForeignKeyConstraint:
    """The row's notice is a stored version of this recipient and purpose, and its hash is that version's."""
    return ForeignKeyConstraint(
        ["notice_id", "notice_hash", "recipient_id", "purpose"],
        [f"notice_version.{c}" for c in ("id", "hash", "recipient_id", "purpose")],
        name=f"fk_{prefix}_notice",
    )


def terms_shown(prefix: str) -> ForeignKeyConstraint:
    """The row's liability terms are a stored version of this recipient, and their hash is that version's."""
    return ForeignKeyConstraint(
        ["terms_id", "terms_hash", "recipient_id"],
        [f"terms_version.{c}" for c in ("id", "hash", "recipient_id")],
        name=f"fk_{prefix}_terms",
    )
