"""Tables of what guardians are shown and do for their wards, and the rules that keep consents of wards to them.

A showing to a guardian is a showing of the ward's, with the link by which the guardian stands for the ward. What then
becomes of the ward's consent, a guardian's or the ward's own part in it, is a row of `guarded_step`: approved by a
guardian, suspended because the link ended, confirmed by another guardian or by the ward, withdrawn by a guardian. The
newest approval or confirmation says by whose word the consent stands.

Both tables only grow, until the ward is erased: then nothing may say any more who their guardian was
(`guarded.forget`). Whoever changes them holds the ward's grants first and the ward's row next, as everywhere;
the link's own row comes last. (consent.md §6, invariant 20.)
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Index, LargeBinary, Table

from consent.schema.foreign_keys import ledgered, same
from consent.schema.rules import Check, Rule, attach_rule, only_moves
from vault.storage import columns as col
from vault.storage.appendonly import install
from vault.storage.database import metadata

_LINK = "bucket subject guardian guardian_from"
_LINKED = "bucket ward guardian valid_from"

guardian_showing = Table(
    "guardian_showing",
    metadata,
    col.bucket(),
    col.key("showing_id"),
    col.raw("subject"),
    col.number("guardian_bucket"),
    col.raw("guardian"),
    col.time("guardian_from"),
    same("guardian_showing", "notice_showing", "bucket showing_id", "bucket id"),
    same("guardian_showing", "guardianship", _LINK, _LINKED),
    Index("ix_guardian_showing_subject", "subject", "bucket"),
)

guarded_step = Table(
    "guarded_step",
    metadata,
    col.bucket(),
    col.key("grant_id"),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    col.raw("id"),
    col.raw("subject"),
    col.text("step"),
    Column("guardian", LargeBinary),
    Column("guardian_from", BigInteger),
    col.time("at"),
    col.number("ledger_year"),
    CheckConstraint("step IN ('approved', 'suspended', 'confirmed', 'withdrawn')", name="step"),
    CheckConstraint("(guardian IS NULL) = (guardian_from IS NULL)", name="link"),
    CheckConstraint("(number = 0) = (step = 'approved')", name="first"),
    # Deferred: a guardian's approval stands before the consent that it is for.
    ForeignKeyConstraint(
        ["bucket", "grant_id"],
        ["consent_grant.bucket", "consent_grant.id"],
        name="fk_guarded_step_consent_grant",
        deferrable=True,
        initially="DEFERRED",
    ),
    same("guarded_step", "guardianship", _LINK, _LINKED),
    ledgered("guarded_step"),
    Index("ix_guarded_step_subject", "subject", "bucket"),
)
"""`number` counts up from 0 for a consent that a guardian gave, and from 1 for any other that a guardian withdrew."""

_LIVE = "l.ended_at IS NULL AND l.valid_from <= {at} AND (l.valid_until IS NULL OR {at} < l.valid_until)"
_DECIDES = f"{_LIVE} AND (l.decides_until IS NULL OR {{at}} < l.decides_until)"
_WARD = "SELECT 1 FROM guardianship l WHERE l.bucket = NEW.bucket AND l.ward = NEW.subject AND "
_SHOWN = (
    "EXISTS (SELECT 1 FROM guardian_showing w WHERE w.bucket = NEW.bucket AND w.showing_id = NEW.showing_id"
)
_THE_LINK = f"{_WARD}l.guardian = NEW.guardian AND l.valid_from = NEW.guardian_from AND "
_MINE = "s.bucket = NEW.bucket AND s.grant_id = {grant}"
_NEWER = "SELECT 1 FROM guarded_step t WHERE t.bucket = s.bucket AND t.grant_id = s.grant_id AND t.number > s.number"


def _newest(grant: str, steps: str) -> str:
    """Whether the newest step of a consent is one of these."""
    mine = _MINE.format(grant=grant)
    return f"EXISTS (SELECT 1 FROM guarded_step s WHERE {mine} AND s.step IN ({steps}) AND NOT EXISTS ({_NEWER}))"


_RULES = (
    Rule(
        "guardian_showing",
        "BEFORE INSERT",
        Check(
            "shown is the data of somebody else",
            "NOT EXISTS (SELECT 1 FROM notice_showing n WHERE n.bucket = NEW.bucket AND n.id = NEW.showing_id "
            "AND n.subject = NEW.subject)",
        ),
    ),
    Rule(
        "consent_grant",
        "AFTER INSERT",
        Check(
            "a ward has a guardian who decides",
            f"NOT {_SHOWN}) AND EXISTS ({_WARD}{_DECIDES.format(at='NEW.decided_at')})",
        ),
        Check(
            "the guardian who was shown it does not decide for the ward",
            # Ends with the parenthesis of `_SHOWN`: the link is the very one that was shown it.
            f"{_SHOWN} AND NOT EXISTS (SELECT 1 FROM guarded_step s JOIN guardianship l ON l.bucket = s.bucket "
            "AND l.ward = s.subject AND l.guardian = s.guardian AND l.valid_from = s.guardian_from "
            f"WHERE {_MINE.format(grant='NEW.id')} AND s.number = 0 AND s.subject = NEW.subject "
            "AND s.guardian = w.guardian AND s.guardian_from = w.guardian_from "
            f"AND {_DECIDES.format(at='NEW.decided_at')}))",
        ),
        only="NEW.state IN ('active', 'deferred')",
        label="guarded",
    ),
    Rule(
        "consent_grant",
        "BEFORE UPDATE OF state",
        Check(
            "a suspended consent of a ward needs to be confirmed",
            _newest("NEW.id", "'suspended'"),
        ),
        only="NEW.state = 'active' AND OLD.state = 'suspended'",
        label="guarded",
    ),
    Rule(
        "guarded_step",
        "BEFORE INSERT",
        Check(
            "the guardian does not stand for the ward",
            "NEW.guardian IS NOT NULL AND NEW.step <> 'suspended' "
            f"AND NOT EXISTS ({_THE_LINK}{_LIVE.format(at='NEW.at')} {{share}})",
        ),
        Check(
            "a ward has a guardian who decides",
            f"NEW.guardian IS NULL AND EXISTS ({_WARD}{_DECIDES.format(at='NEW.at')})",
        ),
        Check(
            "only a confirmation is the word of the ward",
            "NEW.step <> 'confirmed' AND NEW.guardian IS NULL",
        ),
        Check(
            "only what is suspended is confirmed",
            f"NEW.step = 'confirmed' AND NOT {_newest('NEW.grant_id', repr('suspended'))}",
        ),
        Check(
            "the consent is of somebody else",
            "NEW.number > 0 AND NOT EXISTS (SELECT 1 FROM consent_grant g WHERE g.bucket = NEW.bucket "
            "AND g.id = NEW.grant_id AND g.subject = NEW.subject)",
        ),
    ),
    Rule(
        "guardianship",
        "BEFORE UPDATE OF ended_at",
        Check(
            "a consent that was given through it is still active",
            "EXISTS (SELECT 1 FROM guarded_step s JOIN consent_grant g ON g.bucket = s.bucket AND g.id = s.grant_id "
            "WHERE s.bucket = NEW.bucket AND s.subject = NEW.ward AND s.guardian = NEW.guardian "
            "AND s.guardian_from = NEW.valid_from AND s.step IN ('approved', 'confirmed') AND g.state = 'active' "
            f"AND NOT EXISTS ({_NEWER}))",
        ),
        label="guarded",
    ),
)

for _rule in _RULES:
    attach_rule(guarded_step, _rule)

_LIVING = (
    "EXISTS (SELECT 1 FROM person p WHERE p.bucket = {row}.bucket AND p.subject = {row}.subject "
    "AND p.state <> 'erased')"
)
only_moves(guarded_step, ("guardian", "guardian_from"))
attach_rule(
    guarded_step,
    Rule(
        "guarded_step",
        "BEFORE UPDATE",
        Check(
            "the guardian is only forgotten, with the ward",
            f"NEW.guardian IS NOT NULL OR {_LIVING.format(row='NEW')}",
        ),
        label="forgets",
    ),
)
install(
    guardian_showing,
    sqlite="CREATE TRIGGER guardian_showing_no_update BEFORE UPDATE ON guardian_showing "
    "BEGIN SELECT RAISE(ABORT, 'guardian_showing is append-only'); END",
    postgresql="CREATE FUNCTION guardian_showing_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    f"IF TG_OP = 'DELETE' THEN IF NOT {_LIVING.format(row='OLD')} THEN RETURN OLD; END IF; END IF; "
    "RAISE EXCEPTION 'guardian_showing: rows stay as long as the ward does' USING ERRCODE = '23514'; END $$",
)
install(
    guardian_showing,
    sqlite=f"CREATE TRIGGER guardian_showing_no_delete BEFORE DELETE ON guardian_showing "
    f"WHEN {_LIVING.format(row='OLD')} "
    "BEGIN SELECT RAISE(ABORT, 'guardian_showing: rows stay as long as the ward does'); END",
    postgresql="CREATE TRIGGER guardian_showing_stays BEFORE UPDATE OR DELETE ON guardian_showing "
    "FOR EACH ROW EXECUTE FUNCTION guardian_showing_stays()",
)
install(
    guardian_showing,
    postgresql="CREATE TRIGGER guardian_showing_no_truncate BEFORE TRUNCATE ON guardian_showing "
    "FOR EACH STATEMENT EXECUTE FUNCTION guardian_showing_stays()",
)
