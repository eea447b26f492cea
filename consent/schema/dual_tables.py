"""Tables of dual control, of staff's reads and of what people are told; `schema.dual_rules` says what may happen in them.

A request about nobody in particular (a population scan) stands in the first bucket and names no person. `note`
is sealed (`consent.dual.requests`); `scope` says what exactly a scan looks for. Every step has a ledger entry of
the same id. Times are Unix milliseconds, `fields` is a sorted JSON list of field codes, `staff` names a key by
role and number, `actor` is its holder's MAC.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
)

from consent.schema import dual_rules
from consent.schema.foreign_keys import ledgered, same
from consent.staff_members import WINDOW_MS, DualKind, DualReason, DualState, Verdict
from vault.storage import columns as col
from vault.storage.database import metadata

dual_request = Table(
    "dual_request",
    metadata,
    col.bucket(),
    col.key(),
    col.text("kind"),
    Column("subject", LargeBinary),
    col.text("staff"),
    col.raw("actor"),
    col.text("reason"),
    col.text("fields"),
    col.text("scope"),
    col.raw("note"),
    col.time("asked_at"),
    col.time("lapses_at"),
    col.text("state"),
    Column("approved_at", BigInteger),
    Column("window_to", BigInteger),
    col.number("ledger_year"),
    col.one_of("kind", DualKind),
    col.one_of("reason", DualReason),
    col.one_of("state", DualState),
    CheckConstraint("(kind <> 'population_scan') = (subject IS NOT NULL)", name="subject"),
    CheckConstraint("(kind = 'population_scan') = (scope <> '')", name="scope"),
    CheckConstraint("length(actor) = 32", name="actor"),
    CheckConstraint("lapses_at > asked_at", name="lapses_at"),
    CheckConstraint("state <> 'asked' OR approved_at IS NULL", name="asked"),
    CheckConstraint("state <> 'approved' OR approved_at IS NOT NULL", name="approved"),
    CheckConstraint("(approved_at IS NULL) = (window_to IS NULL)", name="window"),
    CheckConstraint(f"window_to = approved_at + {WINDOW_MS}", name="window_to"),
    ledgered("dual_request"),
    Index("ix_dual_request_subject", "subject", "bucket"),
    Index("ix_dual_request_asked_at", "asked_at"),
)

dual_vote = Table(
    "dual_vote",
    metadata,
    col.bucket(),
    col.key("request_id"),
    col.key("actor"),
    col.text_key("verdict"),
    col.raw("id"),
    col.text("staff"),
    Column("place", Integer),
    col.time("voted_at"),
    col.number("ledger_year"),
    col.one_of("verdict", Verdict),
    CheckConstraint("(verdict = 'yes') = (place IS NOT NULL)", name="placed"),
    CheckConstraint("place IN (1, 2)", name="place"),
    CheckConstraint("length(actor) = 32", name="actor"),
    UniqueConstraint("request_id", "place", "bucket"),
    same("dual_vote", "dual_request", "bucket request_id", "bucket id"),
    ledgered("dual_vote"),
)

emergency_read = Table(
    "emergency_read",
    metadata,
    col.bucket(),
    col.key(),
    col.raw("request_id"),
    col.raw("subject"),
    col.text("staff"),
    col.raw("actor"),
    col.text("fields"),
    col.time("committed_at"),
    col.number("times"),
    col.time("last_at"),
    col.number("ledger_year"),
    CheckConstraint("times >= 1 AND last_at >= committed_at", name="times"),
    UniqueConstraint("request_id", "bucket"),
    same("emergency_read", "dual_request", "bucket request_id", "bucket id"),
    ledgered("emergency_read"),
    Index("ix_emergency_read_subject", "subject", "bucket"),
)
"""An approval is one use: one row, whose counter says how often the same answer was given again."""

scan_run = Table(
    "scan_run",
    metadata,
    col.bucket(),
    col.key(),
    col.raw("request_id"),
    col.text("staff"),
    col.raw("actor"),
    col.number("wanted"),
    col.time("committed_at"),
    col.big("opened"),
    col.number("found"),
    Column("cursor_bucket", Integer),
    Column("cursor_subject", LargeBinary),
    Column("finished_at", BigInteger),
    col.number("ledger_year"),
    CheckConstraint("wanted >= 1", name="wanted"),
    CheckConstraint("opened >= 0 AND found >= 0", name="counts"),
    CheckConstraint("(cursor_bucket IS NULL) = (cursor_subject IS NULL)", name="cursor"),
    UniqueConstraint("request_id", "bucket"),
    same("scan_run", "dual_request", "bucket request_id", "bucket id"),
    ledgered("scan_run"),
)
"""One scan under its approval and how far it has come: everybody up to the cursor has been opened."""

staff_lookup = Table(
    "staff_lookup",
    metadata,
    col.bucket(),
    col.key(),
    col.raw("subject"),
    col.text("staff"),
    col.raw("actor"),
    col.text("how"),
    col.text("reason"),
    col.text("fields"),
    col.time("committed_at"),
    col.number("ledger_year"),
    CheckConstraint("how IN ('find', 'scan')", name="how"),
    col.one_of("reason", DualReason),
    ledgered("staff_lookup"),
    Index("ix_staff_lookup_subject", "subject", "bucket"),
)
"""Somebody inside found out that this person is stored here, and under which fields; no value left the vault."""

person_notice = Table(
    "person_notice",
    metadata,
    col.bucket(),
    col.key(),
    col.raw("subject"),
    col.text("kind"),
    col.text("about"),
    col.time("created_at"),
    Column("seen_at", BigInteger),
    CheckConstraint("seen_at >= created_at", name="seen_at"),
    Index("ix_person_notice_subject", "subject", "bucket"),
)
"""What a person is told on their own pages; `about` is a JSON object of codes and ids, never of values."""

dual_rules.attach(metadata)
