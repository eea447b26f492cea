"""What a recipient signed when it asked: the request object itself, beside the request it became."""

from sqlalchemy import Table

from consent.foreign_keys import of_client, same
from vault import columns as col
from vault.appendonly import append_only
from vault.storage import metadata

signed_request = Table(
    "signed_request",
    metadata,
    col.bucket(),
    col.key("request_id"),
    col.text("client_id"),
    col.text("recipient_id"),
    col.text("object"),
    col.text("jwk"),
    col.text("hash"),
    same("signed_request", "consent_request", "bucket request_id", "bucket id"),
    of_client("signed_request"),
)
"""`object` is the compact JWS as it came, `jwk` the key it verified under, `hash` what a grant names it by."""

append_only(signed_request)
