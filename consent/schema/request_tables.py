"""What a recipient signed when it asked: the request object itself, beside the request it became.

Of what stands beside a request it says when that may go: never before the request itself, which stays once
somebody took it up.
"""

from sqlalchemy import Table

from consent.schema.foreign_keys import of_client, same
from consent.schema.rules import Check, Rule, attach_rule
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata

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

append_only(signed_request, swept=True)


def goes_with_its_request(table: Table) -> None:
    """Rows of `table` may be swept out with a request that nobody took up, and stay with every other."""
    taken = "SELECT 1 FROM request_claim c WHERE c.bucket = OLD.bucket AND c.request_id = OLD.request_id"
    rule = Rule(table.name, "BEFORE DELETE", Check("rows stay: somebody took it up", f"EXISTS ({taken})"))
    attach_rule(table, rule)


goes_with_its_request(signed_request)
