"""What the data base itself refuses, on both dialects (consent.md §2.6, §6): the handler code is not trusted.

* A disclosure row needs an active grant inside its window with a use left, an unvoided use with a slot
  left, the same recipient, person and purpose, and only granted fields; inserting it spends both counters.
* A grant moves only along `grant_transition`, counts up by one, and is withdrawn by a withdrawal row only.
* A use is minted from an active grant, never for more than is left; it counts up and is voided once.
* Nothing that was shown, approved, disclosed or withdrawn can be changed or deleted.
"""

from typing import NamedTuple

from sqlalchemy import MetaData, Table

from consent.grants import BIRTHS, MOVES
from vault.appendonly import append_only, install

APPEND_ONLY = (
    "consent_request",
    "request_claim",
    "notice_showing",
    "grant_field",
    "auth_code",
    "token",
    "disclosure",
    "redelivery",
    "withdrawal",
)

MOVING = {
    "consent_grant": ("used", "state"),
    "use": ("spent", "voided_at"),
    "event_outbox": ("attempts", "delivered_at"),
    "consumer": ("sign_in_hash", "lang"),
    "client": ("jwks", "redirect_uris", "suspended_at"),
}
"""The only columns of these tables that may ever change."""


def attach(metadata: MetaData) -> None:
    """Attach every rule to its table: created with the table, on SQLite and PostgreSQL."""
    for name in APPEND_ONLY:
        append_only(metadata.tables[name])
    for name, moving in MOVING.items():
        _only_moves(metadata.tables[name], moving)
    _seed_transitions(metadata.tables["grant_transition"])
    for rule in _RULES:
        _install(metadata.tables[rule.table], rule)


class _Check(NamedTuple):
    """Raise `says` where the condition `when` holds; OLD and NEW mean the same in both dialects."""

    says: str
    when: str


class _Rule:
    """A row trigger: the checks in order, then the effects."""

    __slots__ = ("checks", "effects", "event", "table")

    def __init__(self, table: str, event: str, *checks: _Check, effects: tuple[str, ...] = ()) -> None:
        self.table, self.event, self.checks, self.effects = table, event, checks, effects


def _install(table: Table, rule: _Rule) -> None:
    name = f"{rule.table}_{rule.event.replace(' ', '_')}".lower()
    checks = [
        f"SELECT RAISE(ABORT, '{rule.table}: {says}') WHERE {_sqlite(when)};" for says, when in rule.checks
    ]
    effects = [f"{effect};" for effect in rule.effects]
    install(
        table,
        sqlite=f"CREATE TRIGGER {name} {rule.event} ON {rule.table} BEGIN {' '.join(checks + effects)} END",
    )
    raises = [
        f"IF {_postgresql(when)} THEN RAISE EXCEPTION '{rule.table}: {says}' USING ERRCODE = '23514'; END IF;"
        for says, when in rule.checks
    ]
    install(
        table,
        postgresql=f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {' '.join(raises + effects)} RETURN NEW; END $$",
    )
    install(
        table,
        postgresql=f"CREATE TRIGGER {name} {rule.event} ON {rule.table} "
        f"FOR EACH ROW EXECUTE FUNCTION {name}()",
    )


def _sqlite(text: str) -> str:
    return text.replace("{distinct}", "IS NOT").replace("{each}", "json_each(").replace("{/each}", ")")


def _postgresql(text: str) -> str:
    return (
        text.replace("{distinct}", "IS DISTINCT FROM")
        .replace("{each}", "jsonb_array_elements_text(")
        .replace("{/each}", "::jsonb) AS e(value)")
    )


def _only_moves(table: Table, moving: tuple[str, ...]) -> None:
    fixed = " OR ".join(
        f"NEW.{c.name} {{distinct}} OLD.{c.name}" for c in table.columns if c.name not in moving
    )
    _install(table, _Rule(table.name, "BEFORE UPDATE", _Check("these columns never change", fixed)))
    install(
        table,
        sqlite=f"CREATE TRIGGER {table.name}_no_delete BEFORE DELETE ON {table.name} "
        f"BEGIN SELECT RAISE(ABORT, '{table.name}: rows stay'); END",
    )
    install(
        table,
        postgresql=f"CREATE FUNCTION {table.name}_stays() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table.name}: rows stay' USING ERRCODE = '23514'; END $$",
    )
    install(
        table,
        postgresql=f"CREATE TRIGGER {table.name}_stays BEFORE DELETE OR TRUNCATE ON {table.name} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table.name}_stays()",
    )


def _seed_transitions(table: Table) -> None:
    """Write the legal moves with the table, then let nobody add, change or delete one."""
    moves = ", ".join(f"('{a}', '{b}')" for a, after in MOVES.items() for b in sorted(after))
    seed = f"INSERT INTO {table.name} (from_state, to_state) VALUES {moves}"
    install(table, sqlite=seed, postgresql=seed)
    append_only(table)
    _install(table, _Rule(table.name, "BEFORE INSERT", _Check("the moves are fixed", "1 = 1")))


_GRANT = "consent_grant g WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id"
_USE = "use u WHERE u.bucket = NEW.bucket AND u.id = NEW.use_id"
_THIS_GRANT = "UPDATE consent_grant SET {} WHERE bucket = NEW.bucket AND id = NEW.grant_id"
_births = ", ".join(f"'{s}'" for s in sorted(BIRTHS))

_RULES = (
    _Rule(
        "disclosure",
        "BEFORE INSERT",
        _Check(
            "no active grant of this person, recipient and purpose in its window with a use left",
            f"NOT EXISTS (SELECT 1 FROM {_GRANT} AND g.recipient_id = NEW.recipient_id "
            "AND g.subject = NEW.subject AND g.purpose = NEW.purpose AND g.state = 'active' "
            "AND g.used < g.max_uses AND NEW.committed_at >= g.window_from "
            "AND NEW.committed_at < g.window_to)",
        ),
        _Check(
            "no such use, or it is voided or spent",
            f"NOT EXISTS (SELECT 1 FROM {_USE} AND u.grant_id = NEW.grant_id "
            "AND u.voided_at IS NULL AND u.spent < u.quota AND NEW.slot <= u.quota)",
        ),
        _Check(
            "fields beyond the grant",
            "NEW.fields = '[]' OR EXISTS (SELECT 1 FROM {each}NEW.fields{/each} WHERE value NOT IN "
            "(SELECT f.field FROM grant_field f WHERE f.bucket = NEW.bucket AND f.grant_id = NEW.grant_id))",
        ),
        # The grant first: that is the order in which every code path locks the two.
        effects=(
            _THIS_GRANT.format(
                "used = used + 1, state = CASE WHEN used + 1 = max_uses THEN 'exhausted' ELSE state END"
            ),
            "UPDATE use SET spent = spent + 1 WHERE bucket = NEW.bucket AND id = NEW.use_id",
        ),
    ),
    _Rule(
        "consent_grant",
        "BEFORE INSERT",
        _Check("a grant is born unused", f"NEW.used <> 0 OR NEW.state NOT IN ({_births})"),
    ),
    _Rule(
        "consent_grant",
        "BEFORE UPDATE OF used",
        _Check(
            "uses are counted one by one while active",
            "NEW.used <> OLD.used AND (NEW.used <> OLD.used + 1 OR OLD.state <> 'active')",
        ),
    ),
    _Rule(
        "consent_grant",
        "BEFORE UPDATE OF state",
        _Check(
            "illegal transition",
            "NEW.state <> OLD.state AND NOT EXISTS (SELECT 1 FROM grant_transition t "
            "WHERE t.from_state = OLD.state AND t.to_state = NEW.state)",
        ),
        _Check(
            "withdrawn without a withdrawal",
            "NEW.state = 'withdrawn' AND NOT EXISTS (SELECT 1 FROM withdrawal w "
            "WHERE w.bucket = NEW.bucket AND w.grant_id = NEW.id)",
        ),
    ),
    _Rule(
        "grant_field",
        "BEFORE INSERT",
        _Check(
            "not in the approved fields",
            f"NOT EXISTS (SELECT 1 FROM {_GRANT} AND NEW.field IN "
            "(SELECT value FROM {each}g.fields{/each}))",
        ),
    ),
    _Rule(
        "use",
        "BEFORE INSERT",
        _Check(
            "only an active grant with uses left mints a use",
            f"NEW.spent <> 0 OR NEW.voided_at IS NOT NULL OR NOT EXISTS (SELECT 1 FROM {_GRANT} "
            "AND g.state = 'active' AND NEW.quota <= g.max_uses - g.used AND NEW.minted_at < g.window_to)",
        ),
    ),
    _Rule(
        "use",
        "BEFORE UPDATE OF spent",
        _Check(
            "slots are spent one by one",
            "NEW.spent <> OLD.spent AND (NEW.spent <> OLD.spent + 1 OR OLD.voided_at IS NOT NULL)",
        ),
    ),
    _Rule(
        "use",
        "BEFORE UPDATE OF voided_at",
        _Check("voided for good", "OLD.voided_at IS NOT NULL AND NEW.voided_at {distinct} OLD.voided_at"),
    ),
    _Rule(
        "withdrawal",
        "AFTER INSERT",
        _Check(
            "the grant belongs to somebody else",
            f"NOT EXISTS (SELECT 1 FROM {_GRANT} AND g.subject = NEW.subject)",
        ),
        effects=(_THIS_GRANT.format("state = 'withdrawn'"),),
    ),
)
