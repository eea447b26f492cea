"""Tables of everything a consumer was asked, approved, and had read: primary keys start with the bucket.

What is written here is evidence. Requests, showings, codes, tokens, disclosures, withdrawals only grow;
of a grant only `state` and `used` move, of a use only `spent` and `voided_at`, of a redelivery only its
counter, and only as `triggers` allows. Ids agree by composite foreign keys, so a row for another recipient cannot exist (consent.md §6).
In further indexes the bucket comes last: a planner without statistics would otherwise take the bucket alone
for a good enough key, and read a whole bucket to find one row. Times are Unix milliseconds, `fields` is a
sorted JSON list of field codes, hashes of secrets are SHA-256.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from consent import party_tables, triggers
from consent.party_tables import client, notice_version, purpose, purpose_field, recipient, terms_version
from vault.storage import metadata


def _bucket() -> Column[int]:
    return Column("bucket", Integer, primary_key=True, autoincrement=False)


def _key(name: str = "id") -> Column[bytes]:
    return Column(name, LargeBinary, primary_key=True)


def _time(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _raw(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


def _int(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def _same(table: str, target: str, columns: str, names: str = "") -> ForeignKeyConstraint:
    """A composite foreign key over `columns`, which are called `names` in the target."""
    own, theirs = columns.split(), (names or columns).split()
    return ForeignKeyConstraint(own, [f"{target}.{c}" for c in theirs], name=f"fk_{table}_{target}")


def _ledgered(table: str) -> ForeignKeyConstraint:
    """No row without its ledger entry of the same id. Deferred: the entry is appended as the last step."""
    return ForeignKeyConstraint(
        ["bucket", "ledger_year", "id"],
        [f"ledger_entry.{c}" for c in ("bucket", "year", "id")],
        name=f"fk_{table}_ledger_entry",
        deferrable=True,
        initially="DEFERRED",
    )


def _of_client(table: str) -> ForeignKeyConstraint:
    return _same(table, "client", "client_id recipient_id")


consumer = Table(
    "consumer",
    metadata,
    _bucket(),
    _key("subject"),
    _raw("sign_in_hash"),
    _text("lang"),
    _time("created_at"),
    UniqueConstraint("sign_in_hash", "bucket"),
)

consent_request = Table(
    "consent_request",
    metadata,
    _bucket(),
    _key(),
    _raw("secret_hash"),
    _text("client_id"),
    _text("recipient_id"),
    _text("redirect_uri"),
    _text("state"),
    _text("code_challenge"),
    Column("dpop_jkt", Text),
    _text("details"),
    _time("created_at"),
    _time("expires_at"),
    UniqueConstraint("secret_hash", "bucket"),
    _of_client("consent_request"),
)

request_claim = Table(
    "request_claim",
    metadata,
    _bucket(),
    _key("request_id"),
    _time("claimed_at"),
    _same("request_claim", "consent_request", "bucket request_id", "bucket id"),
)

_SHOWN = "bucket showing_id subject recipient_id client_id purpose notice_id notice_hash terms_id terms_hash"

notice_showing = Table(
    "notice_showing",
    metadata,
    _bucket(),
    _key(),
    _raw("subject"),
    _raw("request_id"),
    _text("recipient_id"),
    _text("client_id"),
    _text("purpose"),
    _text("notice_id"),
    _text("notice_hash"),
    _text("terms_id"),
    _text("terms_hash"),
    _text("redirect_uri"),
    _text("state"),
    _text("code_challenge"),
    Column("dpop_jkt", Text),
    _text("details"),
    _text("lang"),
    _text("channel"),
    _time("shown_at"),
    _time("expires_at"),
    UniqueConstraint(*_SHOWN.replace("showing_id", "id").split(), name="uq_notice_showing_shown"),
    _of_client("notice_showing"),
    party_tables.notice_shown("notice_showing"),
    party_tables.terms_shown("notice_showing"),
)

consent_grant = Table(
    "consent_grant",
    metadata,
    _bucket(),
    _key(),
    _raw("subject"),
    _raw("showing_id"),
    _text("recipient_id"),
    _text("client_id"),
    _text("purpose"),
    _text("consent_kind"),
    _text("fields"),
    _text("notice_id"),
    _text("notice_hash"),
    _text("terms_id"),
    _text("terms_hash"),
    _text("retention"),
    _int("max_uses"),
    _int("used"),
    _time("window_from"),
    _time("window_to"),
    _text("state"),
    _raw("approval_hash"),
    _time("decided_at"),
    _int("ledger_year"),
    CheckConstraint("max_uses >= 1 AND used >= 0 AND used <= max_uses", name="uses"),
    CheckConstraint("(state <> 'exhausted' OR used = max_uses)", name="exhausted"),
    CheckConstraint("(state <> 'active' OR used < max_uses)", name="active"),
    CheckConstraint("window_from < window_to", name="window"),
    UniqueConstraint("showing_id", "bucket"),
    UniqueConstraint("bucket", "id", "recipient_id", "client_id", name="uq_consent_grant_recipient"),
    _same("consent_grant", "notice_showing", _SHOWN, _SHOWN.replace("showing_id", "id")),
    _ledgered("consent_grant"),
    Index("ix_consent_grant_subject", "subject", "bucket"),
)

grant_transition = Table(
    "grant_transition",
    metadata,
    Column("from_state", Text, primary_key=True),
    Column("to_state", Text, primary_key=True),
)

auth_code = Table(
    "auth_code",
    metadata,
    _bucket(),
    _key("hash"),
    _raw("grant_id"),
    _text("recipient_id"),
    _text("client_id"),
    _text("redirect_uri"),
    _text("code_challenge"),
    Column("dpop_jkt", Text),
    _time("created_at"),
    _time("expires_at"),
    _same(
        "auth_code",
        "consent_grant",
        "bucket grant_id recipient_id client_id",
        "bucket id recipient_id client_id",
    ),
)

use = Table(
    "use",
    metadata,
    _bucket(),
    _key(),
    _raw("grant_id"),
    _text("recipient_id"),
    _text("client_id"),
    Column("code_hash", LargeBinary),
    _int("quota"),
    _int("spent"),
    _time("minted_at"),
    Column("voided_at", BigInteger),
    CheckConstraint("quota >= 1 AND spent >= 0 AND spent <= quota", name="quota"),
    UniqueConstraint("code_hash", "bucket"),
    UniqueConstraint("bucket", "id", "recipient_id", name="uq_use_recipient"),
    _same(
        "use", "consent_grant", "bucket grant_id recipient_id client_id", "bucket id recipient_id client_id"
    ),
    _same("use", "auth_code", "bucket code_hash", "bucket hash"),
    Index("ix_use_grant", "grant_id", "bucket"),
)

token = Table(
    "token",
    metadata,
    _bucket(),
    _key("hash"),
    _raw("use_id"),
    _text("recipient_id"),
    _text("client_id"),
    _text("jkt"),
    _time("minted_at"),
    _time("expires_at"),
    _same("token", "use", "bucket use_id recipient_id", "bucket id recipient_id"),
    _of_client("token"),
)

disclosure = Table(
    "disclosure",
    metadata,
    _bucket(),
    _key(),
    _raw("grant_id"),
    _raw("use_id"),
    _int("slot"),
    _raw("subject"),
    _text("recipient_id"),
    _text("purpose"),
    _text("fields"),
    _time("committed_at"),
    _int("ledger_year"),
    CheckConstraint("slot >= 1", name="slot"),
    UniqueConstraint("use_id", "slot", "bucket"),
    _same("disclosure", "use", "bucket use_id recipient_id", "bucket id recipient_id"),
    _ledgered("disclosure"),
    Index("ix_disclosure_subject", "subject", "bucket"),
)

redelivery = Table(
    "redelivery",
    metadata,
    _bucket(),
    _key("disclosure_id"),
    Column("attempts", BigInteger, nullable=False),
    _time("first_at"),
    _time("last_at"),
    CheckConstraint("attempts >= 1 AND first_at <= last_at", name="attempts"),
    _same("redelivery", "disclosure", "bucket disclosure_id", "bucket id"),
)

withdrawal = Table(
    "withdrawal",
    metadata,
    _bucket(),
    _key("grant_id"),
    _raw("id"),
    _raw("subject"),
    _text("channel"),
    _int("disclosures"),
    _time("withdrawn_at"),
    _int("ledger_year"),
    _same("withdrawal", "consent_grant", "bucket grant_id", "bucket id"),
    _ledgered("withdrawal"),
)

event_outbox = Table(
    "event_outbox",
    metadata,
    _bucket(),
    _key(),
    _text("recipient_id"),
    _raw("grant_id"),
    _text("kind"),
    _text("body"),
    _time("created_at"),
    _int("attempts"),
    Column("delivered_at", BigInteger),
    _same("event_outbox", "consent_grant", "bucket grant_id", "bucket id"),
)

replay = Table(
    "replay",
    metadata,
    _bucket(),
    _key("hash"),
    _time("expires_at"),
    Index("ix_replay_expires_at", "expires_at"),
)

idempotency = Table(
    "idempotency",
    metadata,
    _bucket(),
    Column("client_id", Text, primary_key=True),
    _key("key_hash"),
    _raw("request_hash"),
    _raw("token_hash"),
    _raw("disclosure_id"),
    _time("created_at"),
    _same("idempotency", "disclosure", "bucket disclosure_id", "bucket id"),
)

denial = Table(
    "denial",
    metadata,
    _bucket(),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("code", Text, primary_key=True),
    _key("grant_id"),
    Column("attempts", BigInteger, nullable=False),
    _time("first_at"),
    _time("last_at"),
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
