"""What the data base itself refuses about dual control: no handler, script or typing mistake gets around it.

* A request is born `asked`. It becomes `approved` only by the second yes (the first, for what is read of a minor),
  `refused` only by a no; both moves are made by the vote's own trigger, and nothing else of a request ever changes.
* A yes comes from somebody who is neither the one who asked nor the other approver, in time, as number 1 or 2.
* An approval is used inside its window, by who asked, about the same person, for fields that were asked for,
  once; the counter of repeated answers goes up by one at a time and only inside the window.
* Votes, looks and notices stay; a notice is seen once.
"""

from sqlalchemy import MetaData

from consent.schema.rules import Check, Rule, always, attach_rule, only_moves
from consent.staff_members import WINDOW_MS
from vault.storage.appendonly import append_only

_MOVING = {
    "dual_request": ("state", "approved_at", "window_to"),
    "emergency_read": ("times", "last_at"),
    "scan_run": ("opened", "found", "cursor_bucket", "cursor_subject", "finished_at"),
    "person_notice": ("seen_at",),
}


def attach(metadata: MetaData) -> None:
    """Attach every rule to its table: created with the table, on SQLite and PostgreSQL."""
    for name in ("dual_vote", "staff_lookup"):
        append_only(metadata.tables[name])
    for name, moving in _MOVING.items():
        only_moves(metadata.tables[name], moving)
    for rule in _RULES:
        attach_rule(metadata.tables[rule.table], rule)


_REQUEST = "dual_request r WHERE r.bucket = NEW.bucket AND r.id = NEW.request_id"
_VOTES = "dual_vote v WHERE v.bucket = NEW.bucket AND v.request_id = NEW.id"
_THIS = "WHERE bucket = NEW.bucket AND id = NEW.request_id"
_APPROVE = (
    "UPDATE dual_request SET state = 'approved', approved_at = NEW.voted_at, "
    f"window_to = NEW.voted_at + {WINDOW_MS}"
)
_NEEDED = "(CASE {} WHEN 'minor_read' THEN 1 ELSE 2 END)"
"""How many others have to say yes to a request of a kind."""
_SAME_ASKER = "r.staff = NEW.staff AND r.actor = NEW.actor"
_OPEN = "r.state = 'approved' AND {at} >= r.approved_at AND {at} < r.window_to"

_RULES = (
    Rule(
        "dual_request",
        "BEFORE INSERT",
        always("a request is born asked"),
        only="NEW.state <> 'asked' OR NEW.approved_at IS NOT NULL",
    ),
    Rule(
        "dual_request",
        "BEFORE UPDATE OF state",
        Check(
            "illegal transition",
            "NOT ((OLD.state = 'asked' AND NEW.state IN ('approved', 'refused')) "
            "OR (OLD.state = 'approved' AND NEW.state = 'refused'))",
        ),
        Check(
            "approved without the others it takes",
            f"NEW.state = 'approved' AND {_NEEDED.format('NEW.kind')} <> "
            f"(SELECT count(*) FROM {_VOTES} AND v.verdict = 'yes' AND v.actor <> NEW.actor "
            "AND v.staff <> NEW.staff)",
        ),
        Check(
            "approved at another time than by the last yes",
            "NEW.state = 'approved' AND NOT EXISTS "
            f"(SELECT 1 FROM {_VOTES} AND v.place = {_NEEDED.format('NEW.kind')} AND v.voted_at = NEW.approved_at)",
        ),
        Check(
            "refused without a no",
            f"NEW.state = 'refused' AND NOT EXISTS (SELECT 1 FROM {_VOTES} AND v.verdict = 'no')",
        ),
        only="NEW.state <> OLD.state",
    ),
    Rule(
        "dual_request",
        "BEFORE UPDATE OF approved_at",
        always("an approval is given once"),
        only="NEW.approved_at {distinct} OLD.approved_at AND "
        "NOT (OLD.state = 'asked' AND NEW.state = 'approved')",
    ),
    Rule(
        "dual_vote",
        "BEFORE INSERT",
        Check(
            "nobody approves a request of their own",
            "NEW.verdict = 'yes' AND EXISTS "
            f"(SELECT 1 FROM {_REQUEST} AND (r.actor = NEW.actor OR r.staff = NEW.staff))",
        ),
        Check(
            "nothing to say yes to",
            "NEW.verdict = 'yes' AND NOT EXISTS "
            f"(SELECT 1 FROM {_REQUEST} AND r.state = 'asked' AND NEW.voted_at >= r.asked_at "
            "AND NEW.voted_at < r.lapses_at)",
        ),
        Check(
            "nothing to say no to",
            "NEW.verdict = 'no' AND NOT EXISTS "
            f"(SELECT 1 FROM {_REQUEST} AND r.state IN ('asked', 'approved'))",
        ),
        Check(
            "a yes out of turn",
            "NEW.verdict = 'yes' AND NEW.place <> 1 + (SELECT count(*) FROM dual_vote v "
            "WHERE v.bucket = NEW.bucket AND v.request_id = NEW.request_id AND v.verdict = 'yes')",
        ),
    ),
    Rule(
        "dual_vote",
        "AFTER INSERT",
        effects=(
            f"{_APPROVE} {_THIS} AND NEW.place = {_NEEDED.format('kind')}",
            f"UPDATE dual_request SET state = 'refused' {_THIS} AND NEW.verdict = 'no'",
        ),
    ),
    Rule(
        "emergency_read",
        "BEFORE INSERT",
        Check(
            "no open approval of this person for who asked",
            f"NEW.times <> 1 OR NOT EXISTS (SELECT 1 FROM {_REQUEST} AND r.kind = 'break_glass' "
            f"AND r.subject = NEW.subject AND {_SAME_ASKER} AND {_OPEN.format(at='NEW.committed_at')})",
        ),
        Check(
            "fields beyond the request",
            "NEW.fields = '[]' OR EXISTS (SELECT 1 FROM {each}NEW.fields{/each} WHERE value NOT IN "
            "(SELECT value FROM dual_request r, {each}r.fields{/each} "
            "WHERE r.bucket = NEW.bucket AND r.id = NEW.request_id))",
        ),
    ),
    Rule(
        "emergency_read",
        "BEFORE UPDATE OF times",
        Check(
            "one answer at a time, inside the window",
            "NEW.times <> OLD.times + 1 OR NEW.last_at < OLD.last_at OR NOT EXISTS "
            f"(SELECT 1 FROM {_REQUEST} AND {_OPEN.format(at='NEW.last_at')})",
        ),
        only="NEW.times <> OLD.times",
    ),
    Rule(
        "emergency_read",
        "BEFORE UPDATE OF last_at",
        always("the time moves with the counter"),
        only="NEW.last_at <> OLD.last_at AND NEW.times = OLD.times",
    ),
    Rule(
        "scan_run",
        "BEFORE INSERT",
        Check(
            "no open approval of a scan for who asked",
            f"NEW.opened <> 0 OR NEW.found <> 0 OR NOT EXISTS (SELECT 1 FROM {_REQUEST} AND r.kind = 'population_scan' "
            f"AND {_SAME_ASKER} AND {_OPEN.format(at='NEW.committed_at')})",
        ),
    ),
    Rule(
        "scan_run",
        "BEFORE UPDATE OF opened",
        always("a scan only goes on, until it has ended"),
        only="OLD.finished_at IS NOT NULL OR NEW.opened < OLD.opened OR NEW.found < OLD.found",
    ),
    Rule(
        "scan_run",
        "BEFORE UPDATE OF finished_at",
        always("a scan ends once"),
        only="OLD.finished_at IS NOT NULL AND NEW.finished_at {distinct} OLD.finished_at",
    ),
    Rule(
        "person_notice",
        "BEFORE UPDATE OF seen_at",
        always("a notice is seen once"),
        only="OLD.seen_at IS NOT NULL AND NEW.seen_at {distinct} OLD.seen_at",
    ),
)
