"""Tables of asking a person on their own telephone (CIBA): who may, for whom, with which number to compare.

A handle is found by its digest, whose bucket it is in; a request is in the bucket of the person it is for. One that
names nobody looks like any other: it has a digest of its hint, a number and a bucket, and only no person.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, Table, UniqueConstraint

from consent.foreign_keys import same
from consent.rules import only_moves
from vault import columns as col
from vault.appendonly import append_only
from vault.storage import metadata

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

only_moves(ask_handle, ("allowed_at", "ended_at"))
only_moves(backchannel_turn, ("asked_at",))
append_only(backchannel_request)
