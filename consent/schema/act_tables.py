"""Table of separate acts: what a person agreed to by a button of its own before the consent that needs it was given.

Onward provision and a transfer abroad each take one (PIPL 23, 39), and a declaration in writing that is signed
by name (PIPL 29); what is sensitive takes a proof of presence (`step_up_tables`). An act is for one exact
promise, by its approval hash, and the data base takes no active consent without those it needs, nor one abroad
under a notice that does not say method and rights. Rows only grow.
"""

from sqlalchemy import CheckConstraint, Table

from consent.schema.foreign_keys import same
from consent.schema.grant_tables import consent_grant
from consent.schema.rules import Check, Rule, attach_rule
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata

separate_act = Table(
    "separate_act",
    metadata,
    col.bucket(),
    col.key("showing_id"),
    col.text_key("act"),
    col.key("approval_hash"),
    col.raw("subject"),
    col.text("statement"),
    col.raw("hash"),
    col.time("at"),
    same("separate_act", "notice_showing", "bucket showing_id", "bucket id"),
    CheckConstraint("act IN ('onward', 'cross_border', 'written')", name="act"),
    CheckConstraint("length(approval_hash) = 32 AND length(hash) = 32", name="hashes"),
)

append_only(separate_act)

_ABROAD = (
    "EXISTS (SELECT 1 FROM recipient r WHERE r.id = NEW.recipient_id "
    "AND r.country <> substr(r.jurisdiction, 1, 2))"
)


def _not_agreed(act: str) -> str:
    return (
        "NOT EXISTS (SELECT 1 FROM separate_act a WHERE a.bucket = NEW.bucket AND a.showing_id = NEW.showing_id "
        f"AND a.act = '{act}' AND a.approval_hash = NEW.approval_hash AND a.subject = NEW.subject "
        "AND a.at <= NEW.decided_at)"
    )


_SIGNED_BY_PASSKEY = (
    "NEW.written_by = 'passkey' AND EXISTS (SELECT 1 FROM step_up s WHERE s.bucket = NEW.bucket "
    "AND s.showing_id = NEW.showing_id AND s.subject = NEW.subject AND s.approval_hash = NEW.approval_hash "
    "AND s.how = 'passkey')"
)
_CHECKS = (
    Check(
        "a written consent needs a signature",
        f"NEW.consent_kind = 'written' AND NOT ((NEW.written_by IS NOT NULL AND {_SIGNED_BY_PASSKEY}) "
        f"OR (coalesce(NEW.written_by, '') = 'name' AND NOT {_not_agreed('written')}))",
    ),
    Check(
        "onward provision needs an act of its own",
        f"NEW.parent_grant IS NOT NULL AND {_not_agreed('onward')}",
    ),
    Check("a transfer abroad needs an act of its own", f"{_ABROAD} AND {_not_agreed('cross_border')}"),
    Check(
        "a transfer abroad needs a notice with method and rights",
        f"{_ABROAD} AND NOT EXISTS (SELECT 1 FROM notice_version n WHERE n.id = NEW.notice_id "
        "AND n.method <> '' AND n.rights <> '')",
    ),
)

for _event, _only in (
    ("AFTER INSERT", "NEW.state IN ('active', 'deferred')"),
    ("BEFORE UPDATE OF state", "NEW.state = 'active' AND OLD.state IN ('requested', 'deferred')"),
):
    attach_rule(consent_grant, Rule("consent_grant", _event, *_CHECKS, only=_only, label="acts"))
consent_grant.add_is_dependent_on(separate_act)
