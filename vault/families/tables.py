"""Tables of ties between people: duplicates merged into one person, and guardians of wards.

A merge is final and makes no chains: whoever is merged into somebody is pointed at a person who is active, and
whoever has others merged into them first passes those on. Both tables only grow; of a guardianship one thing
may change once: when it ended.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Index, Table, text

from vault.storage import columns as col
from vault.storage.appendonly import append_only, install
from vault.storage.database import metadata
from vault.tables import person

person_merge = Table(
    "person_merge",
    metadata,
    col.bucket(),
    col.key("subject"),
    col.key("keep"),
    col.number("keep_bucket"),
    col.time("merged_at"),
    ForeignKeyConstraint(["bucket", "subject"], ["person.bucket", "person.subject"]),
    ForeignKeyConstraint(["keep_bucket", "keep"], ["person.bucket", "person.subject"]),
    CheckConstraint("subject <> keep", name="other"),
)
"""Each time somebody came to stand for somebody else; the newest row is what `person.merged_into` says."""

Index("ix_person_merge_keep", person_merge.c.keep, person_merge.c.keep_bucket)
Index(
    "ix_person_merged_into",
    person.c.merged_into,
    sqlite_where=text("merged_into IS NOT NULL"),
    postgresql_where=text("merged_into IS NOT NULL"),
)

guardianship = Table(
    "guardianship",
    metadata,
    col.bucket(),
    col.key("ward"),
    col.key("guardian"),
    Column("valid_from", BigInteger, primary_key=True, autoincrement=False),
    col.number("guardian_bucket"),
    col.text("kind"),
    col.raw("evidence_sha256"),
    Column("valid_until", BigInteger),
    Column("decides_until", BigInteger),
    Column("ended_at", BigInteger),
    ForeignKeyConstraint(["bucket", "ward"], ["person.bucket", "person.subject"]),
    ForeignKeyConstraint(["guardian_bucket", "guardian"], ["person.bucket", "person.subject"]),
    CheckConstraint("ward <> guardian", name="other"),
    CheckConstraint("kind IN ('parent', 'appointed')", name="kind"),
    CheckConstraint("length(evidence_sha256) = 32", name="evidence"),
    CheckConstraint("valid_until > valid_from", name="window"),
    CheckConstraint("ended_at >= valid_from", name="ended_at"),
)
"""Who stands for whom, on which evidence (its SHA-256), from when until when; `ended_at` once it is over.

Before `decides_until` the guardian alone decides, for as long as the link lasts where there is none; a parent's child
decides themselves from then on. It says no more about a birthday than `valid_until` does.
"""

Index("ix_guardianship_guardian", guardianship.c.guardian, guardianship.c.guardian_bucket)
Index(
    "uq_guardianship_live",
    guardianship.c.bucket,
    guardianship.c.ward,
    guardianship.c.guardian,
    unique=True,
    sqlite_where=text("ended_at IS NULL"),
    postgresql_where=text("ended_at IS NULL"),
)
Index(
    "ix_guardianship_over",
    guardianship.c.valid_until,
    sqlite_where=text("ended_at IS NULL"),
    postgresql_where=text("ended_at IS NULL"),
)

append_only(person_merge)

_KEEP = "whoever others are merged into is active"
_NOT_ACTIVE = (
    "NOT EXISTS (SELECT 1 FROM person WHERE bucket = NEW.keep_bucket AND subject = NEW.keep "
    "AND state = 'active')"
)
_FINAL = "a merge is final and makes no chains"
_UNDONE = "(OLD.state = 'merged' AND NEW.state = 'active')"
_CHAIN = (
    "(NEW.state = 'merged' AND (NOT EXISTS (SELECT 1 FROM person_merge m WHERE m.bucket = NEW.bucket "
    "AND m.subject = NEW.subject AND m.keep = NEW.merged_into) "
    "OR EXISTS (SELECT 1 FROM person p WHERE p.merged_into = NEW.subject AND p.state = 'merged')))"
)
_ENDS = "a guardianship only ends, and only once"
_FIXED = [
    "bucket",
    "ward",
    "guardian",
    "valid_from",
    "guardian_bucket",
    "kind",
    "evidence_sha256",
    "valid_until",
    "decides_until",
]


def _other_change(differs: str) -> str:
    moved = " OR ".join(f"NEW.{name} {differs} OLD.{name}" for name in _FIXED)
    return f"OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL OR {moved}"


def _guard(table: Table, name: str, when: str, condition: str, message: str) -> None:
    """Refuse what `condition` describes, on both data bases; the PostgreSQL condition has its own `differs`."""
    install(
        table,
        sqlite=f"CREATE TRIGGER {name} BEFORE {when} WHEN {condition.format(differs='IS NOT')} "
        f"BEGIN SELECT RAISE(ABORT, '{message}'); END",
        postgresql=f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {condition.format(differs='IS DISTINCT FROM')} THEN "
        f"RAISE EXCEPTION '{message}' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$",
    )
    install(
        table,
        postgresql=f"CREATE TRIGGER {name} BEFORE {when} FOR EACH ROW EXECUTE FUNCTION {name}()",
    )


_guard(person_merge, "person_merge_keep", "INSERT ON person_merge", _NOT_ACTIVE, _KEEP)
_guard(
    person_merge,
    "person_merge_final",
    "UPDATE OF state, merged_into ON person",
    f"{_UNDONE} OR {_CHAIN}",
    _FINAL,
)
_guard(guardianship, "guardianship_ends", "UPDATE ON guardianship", _other_change("{differs}"), _ENDS)
_STAYS = "guardianships of a living ward stay"
_LIVING = (
    "EXISTS (SELECT 1 FROM person WHERE bucket = OLD.bucket AND subject = OLD.ward AND state <> 'erased')"
)
install(
    guardianship,
    sqlite=f"CREATE TRIGGER guardianship_no_delete BEFORE DELETE ON guardianship WHEN {_LIVING} "
    f"BEGIN SELECT RAISE(ABORT, '{_STAYS}'); END",
    postgresql=f"CREATE FUNCTION guardianship_no_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    f"IF TG_OP = 'DELETE' THEN IF NOT {_LIVING} THEN RETURN OLD; END IF; END IF; "
    f"RAISE EXCEPTION '{_STAYS}' USING ERRCODE = '23514'; END $$",
)
for _name, _when in (
    ("guardianship_no_delete", "DELETE ON guardianship FOR EACH ROW"),
    ("guardianship_no_truncate", "TRUNCATE ON guardianship"),
):
    install(
        guardianship,
        postgresql=f"CREATE TRIGGER {_name} BEFORE {_when} EXECUTE FUNCTION guardianship_no_delete()",
    )
