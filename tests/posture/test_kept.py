"""Whoever is lent a copy of the template finds it as the template is, whatever the one before did there."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tests.backends import NoPostgres, open_one
from tests.conftest import TEMPLATES
from tests.kept import Shelf
from vault.storage.database import Database

WRITE = text("INSERT INTO honey (bucket, mac, planted_at) VALUES (0, decode(repeat('ab', 32), 'hex'), 1)")
CHANGES = {
    "a table": "CREATE TABLE more (n bigint)",
    "a table of the session": "CREATE TEMP TABLE more (n bigint)",
    "a column": "ALTER TABLE honey ALTER COLUMN planted_at DROP NOT NULL",
    "a trigger": "ALTER TABLE token DISABLE TRIGGER token_append_only",
    "a policy": "DROP POLICY own ON person",
    "a right": "GRANT SELECT ON person TO PUBLIC",
    "a setting": "DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET work_mem = 64', current_database()); END $$",
    "statistics": "ANALYZE grant_transition",
    "a row that the template brings": "UPDATE grant_transition SET to_state = upper(to_state)",
}


@pytest.fixture
def shelf(postgres):
    if isinstance(postgres, NoPostgres):
        pytest.skip(str(postgres))
    made = Shelf(postgres, TEMPLATES[0])
    yield made
    made.close()


def run(database: Database, *statements: str) -> None:
    with database.write() as conn:
        conn.execute(WRITE)
        for statement in statements:
            conn.exec_driver_sql("SET LOCAL session_replication_role = replica")
            conn.exec_driver_sql(statement)


def count(database: Database, table: str) -> int:
    with database.read() as conn:
        return conn.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


def test_what_was_written_is_gone_and_the_copy_and_its_connection_stay_as_new(shelf):
    pids = []
    for _ in range(3):
        with shelf.lent() as (database, url):
            assert not count(database, "honey")
            with database.read() as conn:
                assert conn.exec_driver_sql("SHOW lock_timeout").scalar_one() == "0"
                assert conn.exec_driver_sql("SHOW enable_seqscan").scalar_one() == "off"
                pids.append((url, conn.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()))
            run(database, "SET lock_timeout = 17", "SELECT pg_advisory_lock(7)")

    assert len(set(pids)) == 1


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
def test_a_copy_that_is_more_than_written_in_goes(shelf, statement):
    with shelf.lent() as (database, first):
        before = count(database, "grant_transition")
        run(database, statement)
    with shelf.lent() as (database, second):
        assert second != first
        assert (count(database, "honey"), count(database, "grant_transition")) == (0, before)


def test_whoever_is_still_there_is_put_out(shelf):
    with shelf.lent() as (database, url):
        other = open_one(url)
        held = other.engine.connect()
        held.execute(WRITE)
    with shelf.lent() as (database, again):
        assert again == url
        assert not count(database, "honey")
        with pytest.raises(OperationalError):
            held.execute(WRITE)
    held.invalidate()
    held.close()
    other.close()


def test_two_at_once_have_copies_of_their_own(shelf):
    with shelf.lent() as (_, one), shelf.lent() as (_, other):
        assert one != other
