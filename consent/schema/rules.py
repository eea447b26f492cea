"""Rules of the data base in one notation: written once, created as triggers on SQLite and PostgreSQL.

Conditions are SQL that both understand, with four words of their own: `{distinct}` compares NULLs too,
`{each}COLUMN{/each}` goes through a stored JSON list, one `value` at a time, and `{share}` at the end of a
query keeps its rows as they are until the commit, which SQLite's one writer does anyway.
"""

from typing import NamedTuple

from sqlalchemy import Table

from vault.storage.appendonly import install


class Check(NamedTuple):
    """Raise `says` where the condition `when` holds; OLD and NEW mean the same in both dialects."""

    says: str
    when: str


class Rule:
    """A row trigger: only for rows where `only` holds (evaluated without a call), the checks, then the effects."""

    __slots__ = ("checks", "effects", "event", "label", "only", "table")

    def __init__(
        self,
        table: str,
        event: str,
        *checks: Check,
        only: str = "",
        effects: tuple[str, ...] = (),
        label: str = "",
    ) -> None:
        self.table, self.event, self.checks, self.only, self.effects = table, event, checks, only, effects
        self.label = label

    @property
    def name(self) -> str:
        """The trigger's name; a `label` tells it from another rule for the same event of the same table."""
        name = f"{self.table}_{self.event.replace(' ', '_')}".lower()
        return f"{name}_{self.label}" if self.label else name


def always(says: str) -> Check:
    """A check that fails whenever the rule's own condition holds."""
    return Check(says, "1 = 1")


def attach_rule(table: Table, rule: Rule) -> None:
    """Create the rule with its table, on SQLite and PostgreSQL."""
    effects = [f"{effect};" for effect in rule.effects]
    checks = [
        f"SELECT RAISE(ABORT, '{rule.table}: {says}') WHERE {_sqlite(when)};" for says, when in rule.checks
    ]
    raises = [f"IF {_postgresql(when)} THEN {_raise(rule.table, says)} END IF;" for says, when in rule.checks]
    _create_sqlite(table, rule, " ".join(checks + effects))
    _create_postgresql(table, rule, " ".join(raises + effects))


def _create_sqlite(table: Table, rule: Rule, body: str) -> None:
    when = f"WHEN {_sqlite(rule.only)} " if rule.only else ""
    install(
        table,
        sqlite=f"CREATE TRIGGER {rule.name} {rule.event} ON {rule.table} {when}BEGIN {body} END",
    )


def _create_postgresql(table: Table, rule: Rule, body: str) -> None:
    when = f"WHEN ({_postgresql(rule.only)}) " if rule.only else ""
    install(
        table,
        postgresql=f"CREATE FUNCTION {rule.name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {body} RETURN {'OLD' if rule.event.endswith('DELETE') else 'NEW'}; END $$",
    )
    install(
        table,
        postgresql=f"CREATE TRIGGER {rule.name} {rule.event} ON {rule.table} "
        f"FOR EACH ROW {when}EXECUTE FUNCTION {rule.name}()",
    )


def _raise(table: str, says: str) -> str:
    return f"RAISE EXCEPTION '{table}: {says}' USING ERRCODE = '23514';"


def _sqlite(text: str) -> str:
    return (
        text.replace("{distinct}", "IS NOT")
        .replace("{each}", "json_each(")
        .replace("{/each}", ")")
        .replace(" {share}", "")
    )


def _postgresql(text: str) -> str:
    return (
        text.replace("{distinct}", "IS DISTINCT FROM")
        .replace("{each}", "jsonb_array_elements_text(")
        .replace("{/each}", "::jsonb) AS e(value)")
        .replace("{share}", "FOR SHARE")
    )


def only_moves(table: Table, moving: tuple[str, ...], *, swept: bool = False) -> None:
    """Of a row of `table` only the columns `moving` ever change, and it is never deleted.

    `swept`: rows may be deleted, which a rule of their own must bound.
    """
    table.info["stays"], table.info["swept"] = True, swept
    fixed = " OR ".join(
        f"NEW.{c.name} {{distinct}} OLD.{c.name}" for c in table.columns if c.name not in moving
    )
    attach_rule(table, Rule(table.name, "BEFORE UPDATE", always("these columns never change"), only=fixed))
    if not swept:
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
        postgresql=f"CREATE TRIGGER {table.name}_stays "
        f"BEFORE {'TRUNCATE' if swept else 'DELETE OR TRUNCATE'} ON {table.name} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table.name}_stays()",
    )
