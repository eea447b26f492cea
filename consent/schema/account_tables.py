"""Tables of signing in: one-time codes on their way, and who signed in when and how.

Of an address each browser has one code for each thing it is asked for, the newest: nobody's asking takes away what
somebody else was sent, or what was sent for something else.

An address is known by a keyed digest and a code by a keyed MAC, so the rows tell nobody's number and let nobody
try a million codes against them. For an address of nobody there is a row like any other, of a person who is not
there. Times are Unix milliseconds.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table, UniqueConstraint

from consent.schema.rules import Check, Rule, always, attach_rule
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata

MOST_TRIES = 5

sign_in_code = Table(
    "sign_in_code",
    metadata,
    col.bucket(),
    col.key("address"),
    col.key("asked"),
    col.raw("ticket_hash"),
    col.raw("code_mac"),
    col.raw("subject"),
    col.number("tries"),
    col.time("created_at"),
    col.time("expires_at"),
    Column("used_at", BigInteger),
    UniqueConstraint("ticket_hash", "bucket"),
    CheckConstraint(
        "length(address) = 32 AND length(asked) = 32 AND length(code_mac) = 32 AND length(subject) = 16",
        name="lengths",
    ),
    CheckConstraint(f"tries >= 0 AND tries <= {MOST_TRIES}", name="tries"),
    CheckConstraint("created_at < expires_at", name="order"),
    Index("ix_sign_in_code_expires_at", "expires_at"),
)

sign_in_record = Table(
    "sign_in_record",
    metadata,
    col.bucket(),
    col.key(),
    col.raw("subject"),
    col.text("how"),
    col.time("at"),
    CheckConstraint("how IN ('key', 'code', 'passkey')", name="how"),
    Index("ix_sign_in_record_subject", "subject", "bucket"),
)

append_only(sign_in_record)

_FIXED = ("code_mac", "subject", "created_at", "expires_at")
_MOVED = " OR ".join(f"NEW.{name} <> OLD.{name}" for name in _FIXED)

attach_rule(
    sign_in_code,
    Rule(
        "sign_in_code",
        "BEFORE UPDATE",
        Check(
            "a code that is used stays used", "OLD.used_at IS NOT NULL AND NEW.used_at {distinct} OLD.used_at"
        ),
        Check("a code is used by trying it", "NEW.used_at IS NOT NULL AND NEW.tries = 0"),
        Check("tries are counted upwards", "NEW.tries < OLD.tries"),
        Check("a code never changes", _MOVED),
        # A newer code for the same takes the row over, under a ticket of its own.
        only="NEW.ticket_hash = OLD.ticket_hash",
    ),
)
attach_rule(
    sign_in_code,
    Rule(
        "sign_in_code",
        "BEFORE INSERT",
        always("a code begins unused"),
        only="NEW.tries <> 0 OR NEW.used_at IS NOT NULL",
    ),
)
