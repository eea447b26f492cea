"""The first revision as plain SQL, written from the metadata once and then frozen in the tree.

`python -m api.migrations.baseline` rewrites the four scripts; it may be run only until the first release.
A script is a list of statements, each ended by a line that reads `-- end`: trigger bodies hold semicolons.
"""

from collections.abc import Iterator
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

from alembic import op
from sqlalchemy import create_mock_engine
from sqlalchemy.schema import ExecutableDDLElement, sort_tables

from vault.storage.database import Dialect

_END = "\n-- end\n"


def render(line: str, dialect: Dialect) -> str:
    """Every CREATE statement of one data base, in the order its tables depend on each other."""
    from api.migrations.schema import METADATA  # noqa: PLC0415  # running a revision must not load every floor

    statements: list[str] = []

    def record(element: ExecutableDDLElement, *_: Any, **__: Any) -> None:
        compiled = str(element.compile(dialect=engine.dialect)).strip()
        statements.append("\n".join(row.rstrip() for row in compiled.split("\n")))

    engine = create_mock_engine(f"{dialect.value}://", record)
    # By name among equals: the order in which modules happened to be imported must not show.
    for table in sort_tables(sorted(METADATA[line].tables.values(), key=lambda t: t.name)):
        METADATA[line].create_all(engine, tables=[table], checkfirst=False)
    return _END.join([*_indexes_by_name(statements), ""])


def _indexes_by_name(statements: list[str]) -> Iterator[str]:
    """The same statements, but a table's indexes (a set in the metadata) in a fixed order."""
    for is_index, run in groupby(statements, lambda text: " INDEX " in text.split("(", 1)[0]):
        group = list(run)
        yield from sorted(group) if is_index else group


def apply(line: str) -> None:
    """Run the frozen script of the connected dialect: the body of revision 0001."""
    text = _script(line, Dialect(op.get_bind().dialect.name)).read_text(encoding="utf-8")
    for statement in text.split(_END):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)


def discard(line: str) -> None:
    """Undo revision 0001: drop its tables and, on PostgreSQL, the trigger functions it made."""
    bind = op.get_bind()
    text = _script(line, Dialect(bind.dialect.name)).read_text(encoding="utf-8")
    firsts = [statement.split("(", 1)[0].split() for statement in text.split(_END) if statement.strip()]
    cascade = " CASCADE" if bind.dialect.name == "postgresql" else ""
    for words in reversed(firsts):
        if words[:2] == ["CREATE", "TABLE"]:
            bind.exec_driver_sql(f"DROP TABLE {words[2]}{cascade}")
    for words in reversed(firsts):
        if words[:2] == ["CREATE", "FUNCTION"]:
            bind.exec_driver_sql(f"DROP FUNCTION {words[2]}{cascade}")


def _script(line: str, dialect: Dialect) -> Path:
    return Path(str(files("api.migrations"))) / line / f"0001_baseline.{dialect.value}.sql"


def main() -> None:
    """Write the four scripts."""
    for line in ("data", "keys"):
        for dialect in Dialect:
            _script(line, dialect).write_text(render(line, dialect), encoding="utf-8")


if __name__ == "__main__":
    main()
