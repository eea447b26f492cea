"""Tables of requests that a person takes up somewhere else than where they were made: on a device, by telephone.

The request itself is a `consent_request`. Beside it stand how often its client has asked for the answer, the code
that a person types in, and the answer. Of a poll only its time and its interval move; the rest is kept as it is.
All of it is routed by the request's own bucket, because nobody knows yet whose bucket the answer will be in.
"""

from sqlalchemy import CheckConstraint, Column, LargeBinary, Table, UniqueConstraint

from consent.schema.foreign_keys import same
from consent.schema.request_tables import goes_with_its_request
from consent.schema.rules import Rule, always, attach_rule, only_moves
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata

device_request = Table(
    "device_request",
    metadata,
    col.bucket(),
    col.key("request_id"),
    col.raw("user_code_hash"),
    UniqueConstraint("user_code_hash", "bucket"),
    same("device_request", "consent_request", "bucket request_id", "bucket id"),
)

request_poll = Table(
    "request_poll",
    metadata,
    col.bucket(),
    col.key("request_id"),
    col.number("interval_s"),
    col.time("polled_at"),
    CheckConstraint("interval_s >= 1", name="interval"),
    same("request_poll", "consent_request", "bucket request_id", "bucket id"),
)

request_outcome = Table(
    "request_outcome",
    metadata,
    col.bucket(),
    col.key("request_id"),
    col.text("outcome"),
    Column("grant_id", LargeBinary),
    col.time("decided_at"),
    CheckConstraint("outcome IN ('approved', 'refused')", name="outcome"),
    CheckConstraint("outcome <> 'approved' OR grant_id IS NOT NULL", name="approved"),
    same("request_outcome", "consent_request", "bucket request_id", "bucket id"),
)

append_only(device_request, swept=True)
append_only(request_outcome)
only_moves(request_poll, ("interval_s", "polled_at"), swept=True)
attach_rule(
    request_poll,
    Rule(
        "request_poll",
        "BEFORE UPDATE OF interval_s",
        always("the interval only grows"),
        only="NEW.interval_s < OLD.interval_s",
    ),
)
goes_with_its_request(device_request)
goes_with_its_request(request_poll)
