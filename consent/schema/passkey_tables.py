"""Tables of passkeys: the public half of each, and what was noticed when one counted backwards.

A passkey's row goes when its person removes it, or is erased; what it signed keeps its public key where it is
evidence (`step_up_tables`). Only its counter, its time of use and its name ever change.
"""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, Table, UniqueConstraint

from consent.schema.rules import Check, Rule, attach_rule
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata

passkey = Table(
    "passkey",
    metadata,
    col.bucket(),
    col.key(),
    col.raw("subject"),
    col.raw("credential_id"),
    col.raw("public_key"),
    col.big("sign_count"),
    col.text("name"),
    Column("backed_up", Boolean, nullable=False),
    col.time("created_at"),
    Column("used_at", BigInteger),
    UniqueConstraint("credential_id", "bucket"),
    CheckConstraint("length(credential_id) BETWEEN 16 AND 1023", name="credential_id"),
    CheckConstraint("length(public_key) BETWEEN 1 AND 2048", name="public_key"),
    CheckConstraint("sign_count >= 0", name="sign_count"),
    CheckConstraint("length(name) BETWEEN 1 AND 100", name="name"),
    Index("ix_passkey_subject", "subject", "bucket"),
)

passkey_alarm = Table(
    "passkey_alarm",
    metadata,
    col.bucket(),
    col.key(),
    col.raw("subject"),
    col.raw("passkey_id"),
    col.big("stored_count"),
    col.big("given_count"),
    col.time("at"),
    CheckConstraint("given_count <= stored_count", name="backwards"),
    Index("ix_passkey_alarm_subject", "subject", "bucket"),
)

append_only(passkey_alarm)

_FIXED = ("bucket", "id", "subject", "credential_id", "public_key", "backed_up", "created_at")

attach_rule(
    passkey,
    Rule(
        "passkey",
        "BEFORE UPDATE",
        Check("these columns never change", " OR ".join(f"NEW.{name} <> OLD.{name}" for name in _FIXED)),
        Check("the counter only goes up", "NEW.sign_count < OLD.sign_count"),
    ),
)
