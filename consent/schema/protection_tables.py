"""Tables of protected mode: who asked whom to look twice, which consents wait for it, and every step of both.

Of a protection three times move: when it was accepted, when somebody asked to turn it off, and when it is off,
which is a day later at the earliest. A deferral stands beside the consent that waits, and a step says how the
waiting ended. `trusted` may name nobody: whoever asks cannot find out by it who is here.
"""

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, Table, text

from consent.schema.foreign_keys import ledgered, same
from consent.schema.rules import Check, Rule, always, attach_rule, only_moves
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata

COOLING_MS: Final = 86_400_000
"""A day: how long turning off takes, and how long a consent waits at most."""

protection = Table(
    "protection",
    metadata,
    col.bucket(),
    col.key(),
    col.raw("subject"),
    col.number("trusted_bucket"),
    col.raw("trusted"),
    col.text("most"),
    col.text("currency"),
    col.time("asked_at"),
    Column("accepted_at", BigInteger),
    Column("off_asked_at", BigInteger),
    Column("off_at", BigInteger),
    CheckConstraint("trusted <> subject", name="other"),
    CheckConstraint("accepted_at >= asked_at", name="accepted"),
    CheckConstraint(
        f"off_at IS NULL OR accepted_at IS NULL OR (off_asked_at IS NOT NULL AND off_at >= off_asked_at + {COOLING_MS})",
        name="cooling",
    ),
    same("protection", "consumer", "bucket subject"),
    Index("ix_protection_trusted", "trusted", "trusted_bucket"),
    Index(
        "uq_protection_live",
        "bucket",
        "subject",
        unique=True,
        sqlite_where=text("off_at IS NULL"),
        postgresql_where=text("off_at IS NULL"),
    ),
)
"""`most` is the sum, in `currency`, beyond which a recipient's liability makes a consent wait."""

deferral = Table(
    "deferral",
    metadata,
    col.bucket(),
    col.key("grant_id"),
    col.raw("protection_id"),
    col.text("why"),
    col.time("expires_at"),
    CheckConstraint("why IN ('sensitive', 'onward', 'abroad', 'sum')", name="why"),
    same("deferral", "consent_grant", "bucket grant_id", "bucket id"),
    same("deferral", "protection", "bucket protection_id", "bucket id"),
    Index("ix_deferral_protection", "protection_id", "bucket"),
)

protection_step = Table(
    "protection_step",
    metadata,
    col.bucket(),
    col.key(),
    col.raw("protection_id"),
    Column("grant_id", LargeBinary),
    col.raw("subject"),
    col.text("step"),
    col.time("at"),
    col.number("ledger_year"),
    CheckConstraint(
        "(grant_id IS NULL) = (step IN ('asked', 'accepted', 'declined', 'cancelled', 'off_asked', 'resigned', 'kept'))",
        name="grant",
    ),
    CheckConstraint(
        "grant_id IS NULL OR step IN ('agreed', 'disagreed', 'taken_back', 'lapsed')", name="step"
    ),
    same("protection_step", "protection", "bucket protection_id", "bucket id"),
    same("protection_step", "deferral", "bucket grant_id", "bucket grant_id"),
    ledgered("protection_step"),
    Index("ix_protection_step_protection", "protection_id", "bucket"),
)

only_moves(protection, ("accepted_at", "off_asked_at", "off_at"))
append_only(deferral)
append_only(protection_step)

_ON = (
    "EXISTS (SELECT 1 FROM protection p WHERE p.bucket = NEW.bucket AND p.subject = NEW.subject "
    "AND p.accepted_at <= NEW.decided_at AND (p.off_at IS NULL OR NEW.decided_at < p.off_at))"
)
_TWICE = (
    "(NEW.consent_kind IN ('separate', 'written') OR NEW.parent_grant IS NOT NULL OR NEW.onward <> '[]' OR EXISTS "
    "(SELECT 1 FROM recipient r WHERE r.id = NEW.recipient_id AND r.country <> substr(r.jurisdiction, 1, 2)))"
)
_NO_GUARDIAN = "NOT EXISTS (SELECT 1 FROM guardian_showing w WHERE w.bucket = NEW.bucket AND w.showing_id = NEW.showing_id)"
_ENDED = (
    "NOT EXISTS (SELECT 1 FROM protection_step s WHERE s.bucket = NEW.bucket AND s.grant_id = NEW.id "
    "AND s.step IN ({}))"
)

for _rule in (
    Rule(
        "protection",
        "BEFORE INSERT",
        Check(
            "the one before it is not over",
            "EXISTS (SELECT 1 FROM protection p WHERE p.bucket = NEW.bucket AND p.subject = NEW.subject "
            "AND p.off_at > NEW.asked_at)",
        ),
    ),
    Rule(
        "protection",
        "BEFORE UPDATE OF accepted_at",
        always("accepted once, and not after its end"),
        only="OLD.accepted_at IS NOT NULL OR OLD.off_at IS NOT NULL",
    ),
    Rule(
        "consent_grant",
        "AFTER INSERT",
        Check(
            "it waits for the trusted person",
            f"NEW.state = 'active' AND {_TWICE} AND {_ON} AND {_NO_GUARDIAN}",
        ),
        only="NEW.state = 'active'",
        label="protected",
    ),
    Rule(
        "consent_grant",
        "BEFORE UPDATE OF state",
        Check(
            "only what somebody trusted agreed to in time becomes active",
            "NEW.state = 'active' AND NOT EXISTS (SELECT 1 FROM protection_step s JOIN deferral d "
            "ON d.bucket = s.bucket AND d.grant_id = s.grant_id WHERE s.bucket = NEW.bucket AND s.grant_id = NEW.id "
            "AND s.step = 'agreed' AND s.at < d.expires_at)",
        ),
        Check(
            "nobody ended the waiting",
            "NEW.state <> 'active' AND " + _ENDED.format("'disagreed', 'taken_back', 'lapsed'"),
        ),
        only="OLD.state = 'deferred'",
        label="protected",
    ),
    Rule(
        "deferral",
        "BEFORE INSERT",
        Check(
            "the consent does not wait for this",
            "NOT EXISTS (SELECT 1 FROM consent_grant g JOIN protection p ON p.bucket = g.bucket "
            "AND p.subject = g.subject WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id AND g.state = 'deferred' "
            f"AND p.id = NEW.protection_id AND NEW.expires_at <= g.decided_at + {COOLING_MS})",
        ),
    ),
):
    attach_rule(protection_step, _rule)
