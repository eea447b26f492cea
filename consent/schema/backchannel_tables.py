"""Tables of asking a person on their own telephone (CIBA): who may, for whom, with which number to compare.

A handle is found by its digest, whose bucket it is in; a request is in the bucket of the person it is for. One that
names nobody looks like any other: it has a digest of its hint, a number and a bucket, and only no person. What its
client is pinged with is sealed, and gone as soon as that is over.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from consent.schema.foreign_keys import same
from consent.schema.request_tables import goes_with_its_request
from consent.schema.rules import Rule, always, attach_rule, only_moves
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata

ask_handle = Table(
    "ask_handle",
    metadata,
    col.bucket(),
    col.key("hash"),
    col.number("person_bucket"),
    col.raw("subject"),
    col.text("recipient_id"),
    col.time("allowed_at"),
    Column("ended_at", BigInteger),
    UniqueConstraint("subject", "recipient_id", "bucket", name="uq_ask_handle_pair"),
    same("ask_handle", "recipient", "recipient_id", "id"),
)

backchannel_turn = Table(
    "backchannel_turn",
    metadata,
    col.bucket(),
    col.key("hint_hash"),
    col.time("asked_at"),
)

backchannel_request = Table(
    "backchannel_request",
    metadata,
    col.bucket(),
    col.key("request_id"),
    col.raw("hint_hash"),
    Column("subject", LargeBinary),
    col.text("number"),
    col.text("choices"),
    CheckConstraint("length(number) = 2", name="number"),
    same("backchannel_request", "consent_request", "bucket request_id", "bucket id"),
    Index("ix_backchannel_request_hint", "hint_hash", "bucket"),
    Index("ix_backchannel_request_subject", "subject", "bucket"),
)

backchannel_ping = Table(
    "backchannel_ping",
    metadata,
    col.bucket(),
    col.key("request_id"),
    Column("client_id", Text, ForeignKey("client.client_id"), nullable=False),
    Column("sealed", LargeBinary),
    col.time("until"),
    col.number("attempts"),
    col.number("lease"),
    col.time("next_at"),
    Column("code", Text),
    Column("delivered_at", BigInteger),
    Column("failed_at", BigInteger),
    CheckConstraint("delivered_at IS NULL OR failed_at IS NULL", name="ended"),
    CheckConstraint("(sealed IS NULL) = (delivered_at IS NOT NULL OR failed_at IS NOT NULL)", name="sealed"),
    same("backchannel_ping", "consent_request", "bucket request_id", "bucket id"),
)

_waits = backchannel_ping.c.delivered_at.is_(None) & backchannel_ping.c.failed_at.is_(None)
Index(
    "ix_backchannel_ping_due",
    backchannel_ping.c.client_id,
    backchannel_ping.c.next_at,
    sqlite_where=_waits,
    postgresql_where=_waits,
)

only_moves(ask_handle, ("allowed_at", "ended_at"))
only_moves(backchannel_turn, ("asked_at",), swept=True)
append_only(backchannel_request, swept=True)
goes_with_its_request(backchannel_request)
only_moves(
    backchannel_ping,
    ("attempts", "code", "delivered_at", "failed_at", "lease", "next_at", "sealed"),
    swept=True,
)
goes_with_its_request(backchannel_ping)
for _rule in (
    Rule(
        "backchannel_ping",
        "BEFORE UPDATE OF sealed",
        always("sealed once, and then gone"),
        only="NEW.sealed IS NOT NULL AND NEW.sealed {distinct} OLD.sealed",
    ),
    Rule(
        "backchannel_ping",
        "BEFORE UPDATE OF delivered_at",
        always("delivered for good"),
        only="OLD.delivered_at IS NOT NULL AND NEW.delivered_at {distinct} OLD.delivered_at",
    ),
    Rule(
        "backchannel_ping",
        "BEFORE UPDATE OF lease",
        always("leases are counted upwards"),
        only="NEW.lease <= OLD.lease",
    ),
):
    attach_rule(backchannel_ping, _rule)
