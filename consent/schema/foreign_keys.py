"""What rows of the consent floor point at, several columns at a time, so that ids must agree with each other."""

from sqlalchemy import ForeignKeyConstraint


def same(table: str, target: str, columns: str, names: str = "") -> ForeignKeyConstraint:
    """A composite foreign key over `columns`, which are called `names` in the target."""
    own, theirs = columns.split(), (names or columns).split()
    return ForeignKeyConstraint(own, [f"{target}.{c}" for c in theirs], name=f"fk_{table}_{target}")


def of_client(table: str) -> ForeignKeyConstraint:
    """The row's client is one of its recipient's."""
    return same(table, "client", "client_id recipient_id")


def ledgered(table: str) -> ForeignKeyConstraint:
    """No row without its ledger entry of the same id. Deferred: the entry is appended as the last step."""
    return ForeignKeyConstraint(
        ["bucket", "ledger_year", "id"],
        [f"ledger_entry.{c}" for c in ("bucket", "year", "id")],
        name=f"fk_{table}_ledger_entry",
        deferrable=True,
        initially="DEFERRED",
    )
