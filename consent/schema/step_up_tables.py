"""Table of proofs of presence: how a person proved to be there when they approved something sensitive.

It only grows, and without it the data base takes no active consent of the kinds `separate` and `written`. A
passkey's row holds everything a third party needs to verify the person's signature without us: the statement
whose SHA-256 was the challenge, the public key, and what the authenticator signed. `evidence_hash` stands in
the grant's ledger entry.
"""

from sqlalchemy import CheckConstraint, Column, LargeBinary, Table, Text

from consent.schema.foreign_keys import same
from consent.schema.grant_tables import consent_grant
from consent.schema.rules import Check, Rule, attach_rule
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata

_SIGNED = ("credential_id", "public_key", "authenticator_data", "client_data", "signature")

step_up = Table(
    "step_up",
    metadata,
    col.bucket(),
    col.key("showing_id"),
    col.raw("subject"),
    col.text("how"),
    col.raw("approval_hash"),
    col.text("statement"),
    Column("credential_id", LargeBinary),
    Column("public_key", LargeBinary),
    Column("authenticator_data", LargeBinary),
    Column("client_data", Text),
    Column("signature", LargeBinary),
    col.raw("evidence_hash"),
    col.time("at"),
    same("step_up", "notice_showing", "bucket showing_id", "bucket id"),
    CheckConstraint("how IN ('key', 'code', 'passkey')", name="how"),
    CheckConstraint("length(approval_hash) = 32 AND length(evidence_hash) = 32", name="hashes"),
    CheckConstraint(
        " AND ".join(f"((how = 'passkey') = ({name} IS NOT NULL))" for name in _SIGNED), name="signed"
    ),
)

append_only(step_up)

attach_rule(
    consent_grant,
    Rule(
        "consent_grant",
        "AFTER INSERT",
        Check(
            "a sensitive consent needs a proof of presence",
            "NOT EXISTS (SELECT 1 FROM step_up s WHERE s.bucket = NEW.bucket AND s.showing_id = NEW.showing_id "
            "AND s.subject = NEW.subject AND s.approval_hash = NEW.approval_hash AND s.at = NEW.decided_at)",
        ),
        only="NEW.consent_kind IN ('separate', 'written') AND NEW.state IN ('active', 'deferred')",
    ),
)
consent_grant.add_is_dependent_on(step_up)
