"""Tables of consents: each grant, the moves it may make, the withdrawal that ends it, and what its recipient is told.

Of a grant only `state` and `used` move, along `grant_transition`; of an event only whether it was delivered. A
grant for onward provision names its parent: the grant under which its recipient's source may hold the data at
all. `hops` counts the grants above it, `onward` lists the recipients that may ask for a grant under it. Whoever
writes such a grant locks the parent first, before the person (see `triggers` for what the parent must be).
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from consent.schema.foreign_keys import ledgered, of_client, same
from consent.schema.grant_chains import MOST_HOPS
from consent.schema.showing_tables import as_shown
from vault.storage import columns as col
from vault.storage.database import metadata

consent_grant = Table(
    "consent_grant",
    metadata,
    col.bucket(),
    col.key(),
    col.raw("subject"),
    col.raw("showing_id"),
    col.text("recipient_id"),
    col.text("client_id"),
    col.text("purpose"),
    col.text("consent_kind"),
    col.text("fields"),
    col.text("notice_id"),
    col.text("notice_hash"),
    col.text("terms_id"),
    col.text("terms_hash"),
    col.text("retention"),
    col.number("max_uses"),
    col.number("used"),
    col.time("window_from"),
    col.time("window_to"),
    col.text("state"),
    col.raw("approval_hash"),
    Column("written_hash", Text),
    Column("written_lang", Text),
    Column("written_by", Text),
    Column("parent_grant", LargeBinary),
    Column("hops", Integer, nullable=False, server_default="0"),
    Column("onward", Text, nullable=False, server_default="[]"),
    col.time("decided_at"),
    col.number("ledger_year"),
    CheckConstraint("max_uses >= 1 AND used >= 0 AND used <= max_uses", name="uses"),
    CheckConstraint("(state <> 'exhausted' OR used = max_uses)", name="exhausted"),
    CheckConstraint("(state <> 'active' OR used < max_uses)", name="active"),
    CheckConstraint("window_from < window_to", name="window"),
    CheckConstraint("(parent_grant IS NULL) = (hops = 0)", name="parent"),
    CheckConstraint(f"hops BETWEEN 0 AND {MOST_HOPS}", name="hops"),
    UniqueConstraint("showing_id", "bucket"),
    UniqueConstraint("bucket", "id", "recipient_id", "client_id", name="uq_consent_grant_recipient"),
    CheckConstraint("(consent_kind = 'written') = (written_hash IS NOT NULL)", name="written"),
    CheckConstraint("(written_hash IS NULL) = (written_lang IS NULL)", name="written_lang"),
    CheckConstraint(
        "written_by IS NULL OR (written_by IN ('name', 'passkey') AND written_hash IS NOT NULL)",
        name="written_by",
    ),
    as_shown("consent_grant"),
    same("consent_grant", "consent_grant", "bucket parent_grant", "bucket id"),
    ledgered("consent_grant"),
    Index("ix_consent_grant_subject", "subject", "bucket"),
)

_has_parent = consent_grant.c.parent_grant.is_not(None)
Index(
    "ix_consent_grant_parent",
    consent_grant.c.parent_grant,
    consent_grant.c.bucket,
    sqlite_where=_has_parent,
    postgresql_where=_has_parent,
)

grant_transition = Table(
    "grant_transition",
    metadata,
    col.text_key("from_state"),
    col.text_key("to_state"),
)

withdrawal = Table(
    "withdrawal",
    metadata,
    col.bucket(),
    col.key("grant_id"),
    col.raw("id"),
    col.raw("subject"),
    col.text("channel"),
    col.number("disclosures"),
    col.raw("event_id"),
    col.time("withdrawn_at"),
    col.number("ledger_year"),
    same("withdrawal", "consent_grant", "bucket grant_id", "bucket id"),
    same("withdrawal", "event_outbox", "bucket event_id grant_id", "bucket id grant_id"),
    ledgered("withdrawal"),
)

event_outbox = Table(
    "event_outbox",
    metadata,
    col.bucket(),
    col.key(),
    col.text("recipient_id"),
    Column("client_id", Text),
    Column("grant_id", LargeBinary),
    Column("suspension_id", Text),
    col.text("kind"),
    Column("body", Text),
    col.time("created_at"),
    Column("again_at", BigInteger),
    col.number("attempts"),
    Column("lease", BigInteger, nullable=False, server_default="0"),
    col.time("next_at"),
    Column("code", Text),
    Column("delivered_at", BigInteger),
    Column("failed_at", BigInteger),
    Column("erase_by", BigInteger),
    CheckConstraint("delivered_at IS NULL OR failed_at IS NULL", name="ended"),
    CheckConstraint("(grant_id IS NULL) <> (suspension_id IS NULL)", name="cause"),
    CheckConstraint("grant_id IS NULL OR (client_id IS NOT NULL AND body IS NOT NULL)", name="signed"),
    UniqueConstraint("bucket", "id", "grant_id", name="uq_event_outbox_grant"),
    UniqueConstraint("bucket", "id", "grant_id", "recipient_id", name="uq_event_outbox_recipient"),
    Index("ix_event_outbox_grant", "grant_id", "bucket"),
    same(
        "event_outbox",
        "consent_grant",
        "bucket grant_id recipient_id client_id",
        "bucket id recipient_id client_id",
    ),
    same("event_outbox", "suspension", "suspension_id recipient_id", "id recipient_id"),
)
"""An event is about a consent, or about a suspension: then it is no person's, and is signed when it is first sent.

`erase_by` is when the day ends by which its recipient must have erased what it received; none where that is nothing.
"""

_waits = event_outbox.c.delivered_at.is_(None) & event_outbox.c.failed_at.is_(None)
Index(
    "ix_event_outbox_due",
    event_outbox.c.recipient_id,
    event_outbox.c.next_at,
    sqlite_where=_waits,
    postgresql_where=_waits,
)

deletion_proof = Table(
    "deletion_proof",
    metadata,
    col.bucket(),
    col.key("event_id"),
    col.raw("id"),
    col.raw("grant_id"),
    col.raw("subject"),
    col.text("recipient_id"),
    col.text("client_id"),
    col.text("method"),
    col.text("statement"),
    col.time("erased_at"),
    col.time("received_at"),
    Column("ledger_year", Integer),  # none once the person is erased: their chain has ended
    same(
        "deletion_proof",
        "event_outbox",
        "bucket event_id grant_id recipient_id",
        "bucket id grant_id recipient_id",
    ),
    of_client("deletion_proof"),
    ledgered("deletion_proof"),
    Index("ix_deletion_proof_grant", "grant_id", "bucket"),
)
