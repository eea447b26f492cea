"""Tables of dual control, of staff's reads and of what people are told; `dual_rules` says what may happen in them.

A request about nobody in particular (a population scan) stands in the first bucket and names no person. `note`
is sealed (`consent.dual_requests`); `scope` says what exactly a scan looks for. Every step has a ledger entry of the same id. Times are Unix milliseconds, `fields`
is a sorted JSON list of field codes, `staff` names a key by role and number, `actor` is its holder's MAC.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from consent import dual_rules
from consent.staff import WINDOW_MS, DualKind, DualReason, DualState, Verdict
from vault.storage import metadata


def _bucket() -> Column[int]:
    return Column("bucket", Integer, primary_key=True, autoincrement=False)


def _key(name: str = "id") -> Column[bytes]:
    return Column(name, LargeBinary, primary_key=True)


def _time(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _raw(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


def _year() -> Column[int]:
    return Column("ledger_year", Integer, nullable=False)


def _one_of(column: str, words: type[DualKind | DualReason | DualState | Verdict]) -> CheckConstraint:
    listed = ", ".join(f"'{word.value}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _ledgered(table: str) -> ForeignKeyConstraint:
    """No row without its ledger entry of the same id. Deferred: the entry is appended as the last step."""
    return ForeignKeyConstraint(
        ["bucket", "ledger_year", "id"],
        [f"ledger_entry.{c}" for c in ("bucket", "year", "id")],
        name=f"fk_{table}_ledger_entry",
        deferrable=True,
        initially="DEFERRED",
    )


def _requested(table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["bucket", "request_id"],
        ["dual_request.bucket", "dual_request.id"],
        name=f"fk_{table}_dual_request",
    )


dual_request = Table(
    "dual_request",
    metadata,
    _bucket(),
    _key(),
    _text("kind"),
    Column("subject", LargeBinary),
    _text("staff"),
    _raw("actor"),
    _text("reason"),
    _text("fields"),
    _text("scope"),
    _raw("note"),
    _time("asked_at"),
    _time("lapses_at"),
    _text("state"),
    Column("approved_at", BigInteger),
    Column("window_to", BigInteger),
    _year(),
    _one_of("kind", DualKind),
    _one_of("reason", DualReason),
    _one_of("state", DualState),
    CheckConstraint("(kind = 'break_glass') = (subject IS NOT NULL)", name="subject"),
    CheckConstraint("(kind = 'population_scan') = (scope <> '')", name="scope"),
    CheckConstraint("length(actor) = 32", name="actor"),
    CheckConstraint("lapses_at > asked_at", name="lapses_at"),
    CheckConstraint("state <> 'asked' OR approved_at IS NULL", name="asked"),
    CheckConstraint("state <> 'approved' OR approved_at IS NOT NULL", name="approved"),
    CheckConstraint("(approved_at IS NULL) = (window_to IS NULL)", name="window"),
    CheckConstraint(f"window_to = approved_at + {WINDOW_MS}", name="window_to"),
    _ledgered("dual_request"),
    Index("ix_dual_request_subject", "subject", "bucket"),
    Index("ix_dual_request_asked_at", "asked_at"),
)

dual_vote = Table(
    "dual_vote",
    metadata,
    _bucket(),
    _key("request_id"),
    _key("actor"),
    Column("verdict", Text, primary_key=True),
    _raw("id"),
    _text("staff"),
    Column("place", Integer),
    _time("voted_at"),
    _year(),
    _one_of("verdict", Verdict),
    CheckConstraint("(verdict = 'yes') = (place IS NOT NULL)", name="placed"),
    CheckConstraint("place IN (1, 2)", name="place"),
    CheckConstraint("length(actor) = 32", name="actor"),
    UniqueConstraint("request_id", "place", "bucket"),
    _requested("dual_vote"),
    _ledgered("dual_vote"),
)

emergency_read = Table(
    "emergency_read",
    metadata,
    _bucket(),
    _key(),
    _raw("request_id"),
    _raw("subject"),
    _text("staff"),
    _raw("actor"),
    _text("fields"),
    _time("committed_at"),
    Column("times", Integer, nullable=False),
    _time("last_at"),
    _year(),
    CheckConstraint("times >= 1 AND last_at >= committed_at", name="times"),
    UniqueConstraint("request_id", "bucket"),
    _requested("emergency_read"),
    _ledgered("emergency_read"),
    Index("ix_emergency_read_subject", "subject", "bucket"),
)
"""An approval is one use: one row, whose counter says how often the same answer was given again."""

scan_run = Table(
    "scan_run",
    metadata,
    _bucket(),
    _key(),
    _raw("request_id"),
    _text("staff"),
    _raw("actor"),
    Column("wanted", Integer, nullable=False),
    _time("committed_at"),
    Column("opened", BigInteger, nullable=False),
    Column("found", Integer, nullable=False),
    Column("cursor_bucket", Integer),
    Column("cursor_subject", LargeBinary),
    Column("finished_at", BigInteger),
    _year(),
    CheckConstraint("wanted >= 1", name="wanted"),
    CheckConstraint("opened >= 0 AND found >= 0", name="counts"),
    CheckConstraint("(cursor_bucket IS NULL) = (cursor_subject IS NULL)", name="cursor"),
    UniqueConstraint("request_id", "bucket"),
    _requested("scan_run"),
    _ledgered("scan_run"),
)
"""One scan under its approval and how far it has come: everybody up to the cursor has been opened."""

staff_lookup = Table(
    "staff_lookup",
    metadata,
    _bucket(),
    _key(),
    _raw("subject"),
    _text("staff"),
    _raw("actor"),
    _text("how"),
    _text("reason"),
    _text("fields"),
    _time("committed_at"),
    _year(),
    CheckConstraint("how IN ('find', 'scan')", name="how"),
    _one_of("reason", DualReason),
    _ledgered("staff_lookup"),
    Index("ix_staff_lookup_subject", "subject", "bucket"),
)
"""Somebody inside found out that this person is stored here, and under which fields; no value left the vault."""

person_notice = Table(
    "person_notice",
    metadata,
    _bucket(),
    _key(),
    _raw("subject"),
    _text("kind"),
    _text("about"),
    _time("created_at"),
    Column("seen_at", BigInteger),
    CheckConstraint("seen_at >= created_at", name="seen_at"),
    Index("ix_person_notice_subject", "subject", "bucket"),
)
"""What a person is told on their own pages; `about` is a JSON object of codes and ids, never of values."""

dual_rules.attach(metadata)
