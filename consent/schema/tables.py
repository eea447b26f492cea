"""Tables of everything a consumer was asked, approved, and had read: primary keys start with the bucket.

They stand in `schema.party_tables`, `schema.showing_tables`, `schema.grant_tables` and `schema.use_tables`;
here they come together under the rules of `triggers`. What is written in them is evidence. Ids agree by
composite foreign keys, so a row for another recipient cannot exist (consent.md §6). In further indexes the
bucket comes last: a planner without statistics would otherwise take the bucket alone for a good enough key, and
read a whole bucket to find one row. Times are Unix milliseconds, `fields` is a sorted JSON list of field codes,
hashes of secrets are SHA-256.
"""

from consent.schema import triggers
from consent.schema.annulment_tables import annulment
from consent.schema.grant_tables import (
    consent_grant,
    deletion_proof,
    event_outbox,
    grant_transition,
    withdrawal,
)
from consent.schema.management_tables import management_token, termination
from consent.schema.party_tables import (
    client,
    fetched_keys,
    notice_version,
    own_field,
    purpose,
    purpose_field,
    recipient,
    retired_text,
    suspension,
    terms_signature,
    terms_version,
)
from consent.schema.record_tables import recipient_record
from consent.schema.request_tables import signed_request
from consent.schema.showing_tables import consent_request, consumer, notice_showing, request_claim
from consent.schema.use_tables import (
    auth_code,
    denial,
    disclosure,
    idempotency,
    redelivery,
    refresh_token,
    replay,
    token,
    use,
)
from vault.storage.database import metadata

triggers.attach(metadata)

__all__ = [
    "annulment",
    "auth_code",
    "client",
    "consent_grant",
    "consent_request",
    "consumer",
    "deletion_proof",
    "denial",
    "disclosure",
    "event_outbox",
    "fetched_keys",
    "grant_transition",
    "idempotency",
    "management_token",
    "notice_showing",
    "notice_version",
    "own_field",
    "purpose",
    "purpose_field",
    "recipient",
    "recipient_record",
    "redelivery",
    "refresh_token",
    "replay",
    "request_claim",
    "retired_text",
    "signed_request",
    "suspension",
    "termination",
    "terms_signature",
    "terms_version",
    "token",
    "use",
    "withdrawal",
]
