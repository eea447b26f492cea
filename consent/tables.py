"""Tables of everything a consumer was asked, approved, and had read: primary keys start with the bucket.

What is written here is evidence. Requests, showings, codes, tokens, disclosures, withdrawals only grow;
of a grant only `state` and `used` move, of a use only `spent` and `voided_at`, of a redelivery only its
counter, and only as `triggers` allows. Ids agree by composite foreign keys, so a row for another recipient cannot exist (consent.md §6).
In further indexes the bucket comes last: a planner without statistics would otherwise take the bucket alone
for a good enough key, and read a whole bucket to find one row. Times are Unix milliseconds, `fields` is a
sorted JSON list of field codes, hashes of secrets are SHA-256.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, Table, Text, UniqueConstraint

from consent import party_tables, triggers
from consent.foreign_keys import ledgered, of_client, same
from consent.party_tables import client, notice_version, purpose, purpose_field, recipient, terms_version
from vault import columns as col
from vault.storage import metadata

consumer = Table(
    "consumer",
    metadata,
    col.bucket(),
    col.key("subject"),
    col.raw("sign_in_hash"),
    col.text("lang"),
    col.time("created_at"),
    UniqueConstraint("sign_in_hash", "bucket"),
)

consent_request = Table(
    "consent_request",
    metadata,
    col.bucket(),
    col.key(),
    col.raw("secret_hash"),
    col.text("client_id"),
    col.text("recipient_id"),
    col.text("redirect_uri"),
    col.text("state"),
    col.text("code_challenge"),
    Column("dpop_jkt", Text),
    col.text("details"),
    col.time("created_at"),
    col.time("expires_at"),
    UniqueConstraint("secret_hash", "bucket"),
    of_client("consent_request"),
)

request_claim = Table(
    "request_claim",
    metadata,
    col.bucket(),
    col.key("request_id"),
    col.time("claimed_at"),
    same("request_claim", "consent_request", "bucket request_id", "bucket id"),
)

_SHOWN = "bucket showing_id subject recipient_id client_id purpose notice_id notice_hash terms_id terms_hash"

notice_showing = Table(
    "notice_showing",
    metadata,
    col.bucket(),
    col.key(),
    col.raw("subject"),
    col.raw("request_id"),
    col.text("recipient_id"),
    col.text("client_id"),
    col.text("purpose"),
    col.text("notice_id"),
    col.text("notice_hash"),
    col.text("terms_id"),
    col.text("terms_hash"),
    col.text("redirect_uri"),
    col.text("state"),
    col.text("code_challenge"),
    Column("dpop_jkt", Text),
    col.text("details"),
    col.text("lang"),
    col.text("channel"),
    col.time("shown_at"),
    col.time("expires_at"),
    UniqueConstraint(*_SHOWN.replace("showing_id", "id").split(), name="uq_notice_showing_shown"),
    of_client("notice_showing"),
    party_tables.notice_shown("notice_showing"),
    party_tables.terms_shown("notice_showing"),
)

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
    col.time("decided_at"),
    col.number("ledger_year"),
    CheckConstraint("max_uses >= 1 AND used >= 0 AND used <= max_uses", name="uses"),
    CheckConstraint("(state <> 'exhausted' OR used = max_uses)", name="exhausted"),
    CheckConstraint("(state <> 'active' OR used < max_uses)", name="active"),
    CheckConstraint("window_from < window_to", name="window"),
    UniqueConstraint("showing_id", "bucket"),
    UniqueConstraint("bucket", "id", "recipient_id", "client_id", name="uq_consent_grant_recipient"),
    same("consent_grant", "notice_showing", _SHOWN, _SHOWN.replace("showing_id", "id")),
    ledgered("consent_grant"),
    Index("ix_consent_grant_subject", "subject", "bucket"),
)

grant_transition = Table(
    "grant_transition",
    metadata,
    col.text_key("from_state"),
    col.text_key("to_state"),
)

auth_code = Table(
    "auth_code",
    metadata,
    col.bucket(),
    col.key("hash"),
    col.raw("grant_id"),
    col.text("recipient_id"),
    col.text("client_id"),
    col.text("redirect_uri"),
    col.text("code_challenge"),
    Column("dpop_jkt", Text),
    col.time("created_at"),
    col.time("expires_at"),
    same(
        "auth_code",
        "consent_grant",
        "bucket grant_id recipient_id client_id",
        "bucket id recipient_id client_id",
    ),
)

use = Table(
    "use",
    metadata,
    col.bucket(),
    col.key(),
    col.raw("grant_id"),
    col.text("recipient_id"),
    col.text("client_id"),
    Column("code_hash", LargeBinary),
    col.number("quota"),
    col.number("spent"),
    col.time("minted_at"),
    Column("voided_at", BigInteger),
    CheckConstraint("quota >= 1 AND spent >= 0 AND spent <= quota", name="quota"),
    UniqueConstraint("code_hash", "bucket"),
    UniqueConstraint("bucket", "id", "recipient_id", name="uq_use_recipient"),
    same(
        "use", "consent_grant", "bucket grant_id recipient_id client_id", "bucket id recipient_id client_id"
    ),
    same("use", "auth_code", "bucket code_hash", "bucket hash"),
    Index("ix_use_grant", "grant_id", "bucket"),
)

token = Table(
    "token",
    metadata,
    col.bucket(),
    col.key("hash"),
    col.raw("use_id"),
    col.text("recipient_id"),
    col.text("client_id"),
    col.text("jkt"),
    col.time("minted_at"),
    col.time("expires_at"),
    same("token", "use", "bucket use_id recipient_id", "bucket id recipient_id"),
    of_client("token"),
)

disclosure = Table(
    "disclosure",
    metadata,
    col.bucket(),
    col.key(),
    col.raw("grant_id"),
    col.raw("use_id"),
    col.number("slot"),
    col.raw("subject"),
    col.text("recipient_id"),
    col.text("purpose"),
    col.text("fields"),
    col.time("committed_at"),
    col.number("ledger_year"),
    CheckConstraint("slot >= 1", name="slot"),
    UniqueConstraint("use_id", "slot", "bucket"),
    same("disclosure", "use", "bucket use_id recipient_id", "bucket id recipient_id"),
    ledgered("disclosure"),
    Index("ix_disclosure_subject", "subject", "bucket"),
)

redelivery = Table(
    "redelivery",
    metadata,
    col.bucket(),
    col.key("disclosure_id"),
    col.big("attempts"),
    col.time("first_at"),
    col.time("last_at"),
    CheckConstraint("attempts >= 1 AND first_at <= last_at", name="attempts"),
    same("redelivery", "disclosure", "bucket disclosure_id", "bucket id"),
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
    col.time("withdrawn_at"),
    col.number("ledger_year"),
    same("withdrawal", "consent_grant", "bucket grant_id", "bucket id"),
    ledgered("withdrawal"),
)

event_outbox = Table(
    "event_outbox",
    metadata,
    col.bucket(),
    col.key(),
    col.text("recipient_id"),
    col.raw("grant_id"),
    col.text("kind"),
    col.text("body"),
    col.time("created_at"),
    col.number("attempts"),
    Column("delivered_at", BigInteger),
    same("event_outbox", "consent_grant", "bucket grant_id", "bucket id"),
)

replay = Table(
    "replay",
    metadata,
    col.bucket(),
    col.key("hash"),
    col.time("expires_at"),
    Index("ix_replay_expires_at", "expires_at"),
)

idempotency = Table(
    "idempotency",
    metadata,
    col.bucket(),
    col.text_key("client_id"),
    col.key("key_hash"),
    col.raw("request_hash"),
    col.raw("token_hash"),
    col.raw("disclosure_id"),
    col.time("created_at"),
    same("idempotency", "disclosure", "bucket disclosure_id", "bucket id"),
)

denial = Table(
    "denial",
    metadata,
    col.bucket(),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    col.text_key("code"),
    col.key("grant_id"),
    col.big("attempts"),
    col.time("first_at"),
    col.time("last_at"),
)

triggers.attach(metadata)

__all__ = [
    "auth_code",
    "client",
    "consent_grant",
    "consent_request",
    "consumer",
    "denial",
    "disclosure",
    "event_outbox",
    "grant_transition",
    "idempotency",
    "notice_showing",
    "notice_version",
    "purpose",
    "purpose_field",
    "recipient",
    "redelivery",
    "replay",
    "request_claim",
    "terms_version",
    "token",
    "use",
    "withdrawal",
]
