"""Tables of what somebody was asked: their sign-in, what an app pushed, who took it up, what they were shown.

All of it but the sign-in only grows: it says later what a consent was given to.
"""

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Table, Text, UniqueConstraint

from consent.schema.foreign_keys import of_client, same
from consent.schema.party_tables import notice_shown, terms_shown
from vault.storage import columns as col
from vault.storage.database import metadata

_SHOWN = "bucket showing_id subject recipient_id client_id purpose notice_id notice_hash terms_id terms_hash"

PKCE = (
    "(via = 'code' AND redirect_uri <> '' AND code_challenge <> '') "
    "OR (via IN ('device', 'backchannel') AND redirect_uri = '' AND code_challenge = '')"
)
"""What comes back through a browser has an address and a challenge (RFC 7636), what is polled for has neither."""

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
    col.text("via"),
    col.text("redirect_uri"),
    col.text("state"),
    col.text("code_challenge"),
    Column("dpop_jkt", Text),
    col.text("details"),
    col.time("created_at"),
    col.time("expires_at"),
    UniqueConstraint("secret_hash", "bucket"),
    CheckConstraint(PKCE, name="pkce"),
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
    col.text("via"),
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
    CheckConstraint(PKCE, name="pkce"),
    of_client("notice_showing"),
    notice_shown("notice_showing"),
    terms_shown("notice_showing"),
)


def as_shown(table: str) -> ForeignKeyConstraint:
    """The row is about one showing and repeats whom and what it was for, under which texts."""
    return same(table, "notice_showing", _SHOWN, _SHOWN.replace("showing_id", "id"))
