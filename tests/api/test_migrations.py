"""The migrations build exactly the schema the code declares, forward and back, on both data bases."""

from functools import partial

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from api.migrations import baseline, downgrade, is_current, upgrade
from api.migrations.schema import METADATA
from vault.storage.database import Dialect

TRIGGERS = {
    Dialect.SQLITE: "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
    Dialect.POSTGRESQL: "SELECT t.tgname, pg_get_triggerdef(t.oid) || pg_get_functiondef(t.tgfoid) FROM pg_trigger t "
    "WHERE NOT t.tgisinternal ORDER BY 1",
}


@pytest.fixture
def empty(bare_backend):
    return {"data": bare_backend.data, "keys": bare_backend.keys}


def _belongs(dialect, _declared, name, kind, *_reflected):
    """Alembic asks SQLite for an index that is declared for PostgreSQL only: there the primary key serves."""
    return (dialect, kind, name) != ("sqlite", "index", "ix_tag")


@pytest.mark.parametrize("line", ["data", "keys"])
def test_up_down_and_up_again_leaves_the_declared_schema(empty, line):
    database = empty[line]

    upgrade(database, line)
    downgrade(database, line, "base")
    with database.read() as conn:
        assert inspect(conn).get_table_names() == ["alembic_version"]
    upgrade(database, line)

    assert is_current(database, line)
    with database.read() as conn:
        context = MigrationContext.configure(
            conn, opts={"include_object": partial(_belongs, conn.dialect.name)}
        )
        assert compare_metadata(context, METADATA[line]) == []


@pytest.mark.parametrize("line", ["data", "keys"])
def test_migrated_triggers_are_the_declared_triggers(empty, backend, line):
    migrated, declared = empty[line], {"data": backend.data, "keys": backend.keys}[line]
    upgrade(migrated, line)

    seen = []
    for database in (migrated, declared):
        with database.read() as conn:
            seen.append(conn.execute(text(TRIGGERS[database.dialect])).all())

    assert seen[0] == seen[1]


@pytest.mark.parametrize("line", ["data", "keys"])
@pytest.mark.parametrize("dialect", list(Dialect))
def test_the_frozen_baseline_is_what_the_metadata_says(line, dialect):
    frozen = baseline._script(line, dialect).read_text(encoding="utf-8")

    assert frozen == baseline.render(line, dialect)
