"""Tables of spending a consent: codes, uses and their tokens, disclosures, and what was tried a second time.

Codes, tokens and disclosures only grow; of a use only `spent` and `voided_at` move, of a refresh token
`voided_at`, of a redelivery its counter. A use has fields of its own: all of its grant's, or fewer.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, Table, Text, UniqueConstraint

from consent.schema.foreign_keys import ledgered, of_client, same
from consent.schema.showing_tables import PKCE
from vault.storage import columns as col
from vault.storage.database import metadata

auth_code = Table(
    "auth_code",
    metadata,
    col.bucket(),
    col.key("hash"),
    col.raw("grant_id"),
    col.text("recipient_id"),
    col.text("client_id"),
    col.text("via"),
    col.text("redirect_uri"),
    col.text("code_challenge"),
    Column("dpop_jkt", Text),
    col.time("created_at"),
    col.time("expires_at"),
    CheckConstraint(PKCE, name="pkce"),
    UniqueConstraint("bucket", "hash", "grant_id", name="uq_auth_code_grant"),
    same(
        "auth_code",
        "consent_grant",
        "bucket grant_id recipient_id client_id",
        "bucket id recipient_id client_id",
    ),
)

refresh_token = Table(
    "refresh_token",
    metadata,
    col.bucket(),
    col.key("hash"),
    col.raw("grant_id"),
    col.text("recipient_id"),
    col.text("client_id"),
    col.text("jkt"),
    col.time("minted_at"),
    col.time("expires_at"),
    Column("voided_at", BigInteger),
    # One exchange per grant, so one of these.
    UniqueConstraint("grant_id", "bucket"),
    UniqueConstraint("bucket", "hash", "grant_id", name="uq_refresh_token_grant"),
    same(
        "refresh_token",
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
    Column("refresh_hash", LargeBinary),
    col.text("fields"),
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
    same("use", "auth_code", "bucket code_hash grant_id", "bucket hash grant_id"),
    same("use", "refresh_token", "bucket refresh_hash grant_id", "bucket hash grant_id"),
    CheckConstraint("code_hash IS NULL OR refresh_hash IS NULL", name="origin"),
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
    Index("ix_token_use", "use_id", "bucket"),
)

disclosure = Table(
    "disclosure",
    metadata,
    col.bucket(),
    col.key(),
    col.raw("grant_id"),
    col.raw("use_id"),
    col.number("slot"),
    col.number("number"),
    col.raw("subject"),
    col.text("recipient_id"),
    col.text("purpose"),
    col.text("fields"),
    Column("marks", Text),  # how its values were marked (`marks.served`); none: answered as they are stored
    col.time("committed_at"),
    col.number("ledger_year"),
    CheckConstraint("slot >= 1 AND number >= 1", name="slot"),
    UniqueConstraint("use_id", "slot", "bucket"),
    # The n-th disclosure of its grant: the order of the grant's receipts (`receipts.chain`).
    UniqueConstraint("grant_id", "number", "bucket"),
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
