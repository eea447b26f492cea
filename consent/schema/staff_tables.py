"""Tables of what members of staff read by themselves, and of what they were refused.

A read needs no second person, within the bounds of `staff.reading`; of somebody under eighteen it needs the
approval of another member of staff, which is used up by it. Under the person's consent it spends a use of a
grant to the house. `minor` is what was known of the person's age then. Times are Unix milliseconds, `fields` is
a sorted JSON list of field codes, `staff` names a key by role and number, `actor` is its holder's MAC. Rows of
reads have a ledger entry of their id.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Table,
    UniqueConstraint,
)

from consent.schema.foreign_keys import ledgered, same
from consent.schema.rules import Check, Rule, attach_rule, only_moves
from consent.staff_members import Basis, DualReason
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata

staff_read = Table(
    "staff_read",
    metadata,
    col.bucket(),
    col.key(),
    col.raw("subject"),
    col.text("staff"),
    col.raw("actor"),
    col.text("basis"),
    col.text("reason"),
    col.text("fields"),
    Column("minor", Boolean, nullable=False),
    Column("approval_id", LargeBinary),
    Column("grant_id", LargeBinary),
    Column("use_id", LargeBinary),
    col.time("committed_at"),
    col.number("ledger_year"),
    col.one_of("basis", Basis),
    col.one_of("reason", DualReason),
    CheckConstraint("length(actor) = 32", name="actor"),
    CheckConstraint("NOT minor OR approval_id IS NOT NULL", name="minor"),
    CheckConstraint("(basis = 'consent') = (grant_id IS NOT NULL)", name="consent"),
    CheckConstraint("(grant_id IS NULL) = (use_id IS NULL)", name="use"),
    UniqueConstraint("approval_id", "bucket"),
    UniqueConstraint("use_id", "bucket"),
    same("staff_read", "dual_request", "bucket approval_id", "bucket id"),
    same("staff_read", "consent_grant", "bucket grant_id", "bucket id"),
    # Deferred: the rule of `use` looks for this row, which therefore stands first.
    ForeignKeyConstraint(
        ["bucket", "use_id"],
        ["use.bucket", "use.id"],
        name="fk_staff_read_use",
        deferrable=True,
        initially="DEFERRED",
    ),
    ledgered("staff_read"),
    Index("ix_staff_read_subject", "subject", "bucket"),
)

staff_refusal = Table(
    "staff_refusal",
    metadata,
    col.bucket(),
    col.key("subject"),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    col.text_key("staff"),
    col.text_key("code"),
    col.text("reason"),
    col.text("fields"),
    col.big("attempts"),
    col.time("first_at"),
    col.time("last_at"),
    col.one_of("reason", DualReason),
    CheckConstraint("attempts >= 1 AND first_at <= last_at", name="attempts"),
)
"""What one key was refused about one person on a day, counted; reason and fields are those of the first attempt."""

append_only(staff_read)
only_moves(staff_refusal, ("attempts", "last_at"))

_APPROVAL = "dual_request r WHERE r.bucket = NEW.bucket AND r.id = NEW.approval_id"
_GRANT = (
    "consent_grant g JOIN recipient h ON h.id = g.recipient_id AND h.kind = 'staff' "
    "WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id"
)
attach_rule(
    staff_read,
    Rule(
        "staff_read",
        "BEFORE INSERT",
        Check("nothing is read", "NEW.fields = '[]'"),
        Check(
            "no open approval of this read by somebody else",
            f"NEW.approval_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {_APPROVAL} AND r.kind = 'minor_read' "
            "AND r.subject = NEW.subject AND r.reason = NEW.reason AND r.staff = NEW.staff AND r.actor = NEW.actor "
            "AND r.state = 'approved' AND NEW.committed_at >= r.approved_at AND NEW.committed_at < r.window_to)",
        ),
        Check(
            "fields beyond the approval",
            "NEW.approval_id IS NOT NULL AND EXISTS (SELECT 1 FROM {each}NEW.fields{/each} WHERE value NOT IN "
            f"(SELECT value FROM {_APPROVAL.replace(' WHERE', ', {each}r.fields{/each} WHERE')}))",
        ),
        Check(
            "no consent of this person to the house",
            f"NEW.grant_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {_GRANT} AND g.subject = NEW.subject "
            "AND g.state = 'active')",
        ),
    ),
)
attach_rule(
    staff_refusal,
    Rule(
        "staff_refusal",
        "BEFORE UPDATE OF attempts",
        Check("attempts are counted upwards", "NEW.attempts <= OLD.attempts OR NEW.last_at < OLD.last_at"),
    ),
)
