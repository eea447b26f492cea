"""What the data base itself refuses, on both dialects (consent.md §2.6, §6): the handler code is not trusted.

* A disclosure row needs an active grant inside its window with a use left, an unvoided use with a slot
  left, the same recipient, person and purpose, and only granted fields; inserting it spends both counters.
* A grant moves only along `grant_transition`, counts its disclosures, and is withdrawn by a withdrawal row only.
* A use is minted from an active grant, never for more than is left; it counts its disclosures and is voided once.
* A disclosure's redeliveries are one row whose counter only goes up.
* Nothing that was shown, approved, disclosed or withdrawn can be changed or deleted.
"""

from typing import NamedTuple

from sqlalchemy import MetaData, Table

from consent import spending
from consent.grants import BIRTHS, MOVES
from vault.appendonly import append_only, install

APPEND_ONLY = (
    "consent_request",
    "request_claim",
    "notice_showing",
    "auth_code",
    "token",
    "disclosure",
    "withdrawal",
)

MOVING = {
    "consent_grant": ("used", "state"),
    "use": ("spent", "voided_at"),
    "redelivery": ("attempts", "last_at"),
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
    for name in ("consent_grant", "use"):
        # Room on each page lets PostgreSQL count up in place instead of rewriting every index entry.
        install(metadata.tables[name], postgresql=f"ALTER TABLE {name} SET (fillfactor = 50)")
    for rule in _RULES:
        _install(metadata.tables[rule.table], rule)
    spending.attach(metadata)


class _Check(NamedTuple):
    """Raise `says` where the condition `when` holds; OLD and NEW mean the same in both dialects."""

    says: str
    when: str


class _Rule:
    """A row trigger: only for rows where `only` holds (evaluated without a call), the checks, then the effects."""

    __slots__ = ("checks", "effects", "event", "only", "table")

    def __init__(
        self, table: str, event: str, *checks: _Check, only: str = "", effects: tuple[str, ...] = ()
    ) -> None:
        self.table, self.event, self.checks, self.only, self.effects = table, event, checks, only, effects

    @property
    def name(self) -> str:
        return f"{self.table}_{self.event.replace(' ', '_')}".lower()


def _always(says: str) -> _Check:
    return _Check(says, "1 = 1")


def _install(table: Table, rule: _Rule) -> None:
    effects = [f"{effect};" for effect in rule.effects]
    checks = [
        f"SELECT RAISE(ABORT, '{rule.table}: {says}') WHERE {_sqlite(when)};" for says, when in rule.checks
    ]
    raises = [f"IF {_postgresql(when)} THEN {_raise(rule.table, says)} END IF;" for says, when in rule.checks]
    _create_sqlite(table, rule, " ".join(checks + effects))
    _create_postgresql(table, rule, " ".join(raises + effects))


def _create_sqlite(table: Table, rule: _Rule, body: str) -> None:
    when = f"WHEN {_sqlite(rule.only)} " if rule.only else ""
    install(
        table,
        sqlite=f"CREATE TRIGGER {rule.name} {rule.event} ON {rule.table} {when}BEGIN {body} END",
    )


def _create_postgresql(table: Table, rule: _Rule, body: str) -> None:
    when = f"WHEN ({_postgresql(rule.only)}) " if rule.only else ""
    install(
        table,
        postgresql=f"CREATE FUNCTION {rule.name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {body} RETURN NEW; END $$",
    )
    install(
        table,
        postgresql=f"CREATE TRIGGER {rule.name} {rule.event} ON {rule.table} "
        f"FOR EACH ROW {when}EXECUTE FUNCTION {rule.name}()",
    )


def _raise(table: str, says: str) -> str:
    return f"RAISE EXCEPTION '{table}: {says}' USING ERRCODE = '23514';"


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
    _install(table, _Rule(table.name, "BEFORE UPDATE", _always("these columns never change"), only=fixed))
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
    _install(table, _Rule(table.name, "BEFORE INSERT", _always("the moves are fixed")))


_GRANT = "consent_grant g WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id"
_THIS_GRANT = "UPDATE consent_grant SET {} WHERE bucket = NEW.bucket AND id = NEW.grant_id"
_births = ", ".join(f"'{s}'" for s in sorted(BIRTHS))

_RULES = (
    _Rule(
        "consent_grant",
        "BEFORE INSERT",
        _Check("a grant is born unused", f"NEW.used <> 0 OR NEW.state NOT IN ({_births})"),
        _Check(
            "fields beyond the purpose",
            "NEW.fields = '[]' OR EXISTS (SELECT 1 FROM {each}NEW.fields{/each} WHERE value NOT IN "
            "(SELECT p.field FROM purpose_field p WHERE p.purpose = NEW.purpose))",
        ),
    ),
    _Rule(
        "consent_grant",
        "BEFORE UPDATE OF used",
        _always("uses are counted while active"),
        only="NEW.used <> OLD.used AND OLD.state <> 'active'",
    ),
    _Rule(
        "consent_grant",
        "BEFORE UPDATE OF state",
        _Check(
            "illegal transition",
            "NOT EXISTS (SELECT 1 FROM grant_transition t "
            "WHERE t.from_state = OLD.state AND t.to_state = NEW.state)",
        ),
        _Check(
            "withdrawn without a withdrawal",
            "NEW.state = 'withdrawn' AND NOT EXISTS (SELECT 1 FROM withdrawal w "
            "WHERE w.bucket = NEW.bucket AND w.grant_id = NEW.id)",
        ),
        # The last use's own move is legal by the check constraints alone; it is the hot one.
        only="NEW.state <> OLD.state AND NOT (OLD.state = 'active' AND NEW.state = 'exhausted')",
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
        _always("slots are spent until voided"),
        only="NEW.spent <> OLD.spent AND OLD.voided_at IS NOT NULL",
    ),
    _Rule(
        "use",
        "BEFORE UPDATE OF voided_at",
        _always("voided for good"),
        only="OLD.voided_at IS NOT NULL AND NEW.voided_at {distinct} OLD.voided_at",
    ),
    _Rule(
        "redelivery",
        "BEFORE UPDATE OF attempts",
        _always("redeliveries are counted upwards"),
        only="NEW.attempts <= OLD.attempts",
    ),
    _Rule(
        "redelivery",
        "BEFORE UPDATE OF last_at",
        _always("the last time only moves on"),
        only="NEW.last_at < OLD.last_at",
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
