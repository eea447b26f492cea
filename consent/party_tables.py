"""Reference tables of the consent floor: who asks, for what, under which text and which liability.

Small, copied to every node of a distributed data base, and without a single fact about a consumer.
Published texts never change: a new wording is a new version.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from vault.appendonly import append_only
from vault.storage import metadata
from vault.tenancy import tenant_column

recipient = Table(
    "recipient",
    metadata,
    Column("id", Text, primary_key=True),
    Column("legal_name", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("registration_no", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    tenant_column(),
)

client = Table(
    "client",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("recipient_id", Text, ForeignKey("recipient.id"), nullable=False),
    Column("jwks", Text, nullable=False),
    Column("redirect_uris", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("suspended_at", BigInteger),
    tenant_column(),
    UniqueConstraint("client_id", "recipient_id"),
)

purpose = Table(
    "purpose",
    metadata,
    Column("code", Text, primary_key=True),
    Column("dpv_iri", Text, nullable=False),
    Column("sensitive", Boolean, nullable=False),
    Column("title_en", Text, nullable=False),
    Column("title_zh", Text, nullable=False),
)

purpose_field = Table(
    "purpose_field",
    metadata,
    Column("purpose", Text, ForeignKey("purpose.code"), primary_key=True),
    Column("field", Text, primary_key=True),
)

notice_version = Table(
    "notice_version",
    metadata,
    Column("id", Text, primary_key=True),
    Column("recipient_id", Text, ForeignKey("recipient.id"), nullable=False),
    Column("purpose", Text, ForeignKey("purpose.code"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("lang", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    tenant_column(),
    UniqueConstraint("recipient_id", "purpose", "version", "lang", name="uq_notice_version"),
    UniqueConstraint("id", "hash", "recipient_id", "purpose", name="uq_notice_version_shown"),
)

terms_version = Table(
    "terms_version",
    metadata,
    Column("id", Text, primary_key=True),
    Column("recipient_id", Text, ForeignKey("recipient.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("per_record", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("cap", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    tenant_column(),
    UniqueConstraint("recipient_id", "version", name="uq_terms_version"),
    UniqueConstraint("id", "hash", "recipient_id", name="uq_terms_version_shown"),
)

for _table in (purpose, purpose_field, notice_version, terms_version):
    append_only(_table)


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
