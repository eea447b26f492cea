"""Row sets that write together: one statement on PostgreSQL, in order on SQLite, the same outcome."""

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from vault.storage.rowset import RowSet, Together

_PEOPLE = RowSet("WITH {rows} INSERT INTO p (id, name) SELECT id, name FROM rows", id="int", name="text")
_PETS = RowSet(
    "WITH {rows} INSERT INTO q (id, owner, raw, at) SELECT id, owner, raw, :now FROM rows",
    id="int",
    owner="int",
    raw="bytes",
)
_COUNT = RowSet(
    "WITH {rows} UPDATE c SET n = c.n + rows.by FROM rows WHERE c.id = rows.id RETURNING c.id, c.n",
    id="int",
    by="int",
)
WRITE = Together(people=_PEOPLE, pets=_PETS, counts=_COUNT, returning="counts")


@pytest.fixture
def conn(bare_backend):
    with bare_backend.data.write() as connection:
        connection.execute(text("CREATE TABLE p (id bigint PRIMARY KEY, name text)"))
        raw = "bytea" if bare_backend.name == "postgresql" else "blob"
        connection.execute(
            text(
                f"CREATE TABLE q (id bigint PRIMARY KEY, owner bigint REFERENCES p (id), raw {raw}, at bigint)"
            )
        )
        connection.execute(text("CREATE TABLE c (id bigint PRIMARY KEY, n bigint)"))
        connection.execute(text("INSERT INTO c VALUES (1, 10), (2, 20)"))
        yield connection


def rows_of(conn, table):
    return [tuple(row) for row in conn.execute(text(f"SELECT * FROM {table} ORDER BY 1"))]


def test_every_part_writes_its_rows_and_foreign_keys_hold_across_them(conn):
    answer = WRITE(
        conn,
        {"people": [(1, "Ann"), (2, None)], "pets": [(7, 1, b"\x00\xff"), (8, 2, None)], "counts": [(2, 5)]},
        now=99,
    )

    assert answer == [(2, 25)]
    assert rows_of(conn, "p") == [(1, "Ann"), (2, None)]
    assert rows_of(conn, "q") == [(7, 1, b"\x00\xff", 99), (8, 2, None, 99)]
    assert rows_of(conn, "c") == [(1, 10), (2, 25)]


def test_a_part_without_rows_is_left_out_and_nothing_at_all_asks_nothing(conn):
    assert WRITE(conn, {"people": [(1, "Ann")], "pets": [], "counts": []}, now=1) == []
    assert WRITE(conn, {}, now=1) == []
    assert (rows_of(conn, "p"), rows_of(conn, "q")) == ([(1, "Ann")], [])


def test_postgresql_is_asked_once_for_all_parts(conn):
    asked = []
    event.listen(conn, "before_cursor_execute", lambda *given: asked.append(given[2]))

    WRITE(conn, {"people": [(1, "Ann")], "pets": [(7, 1, b"")], "counts": [(1, 1)]}, now=1)

    assert len(asked) == (1 if conn.dialect.name == "postgresql" else 3)


def test_what_fails_says_so_without_a_value_and_undoes_nothing_before_it(bare_backend):
    with bare_backend.data.write() as conn:
        conn.execute(text("CREATE TABLE p (id bigint PRIMARY KEY, name text)"))
        _PEOPLE(conn, [(1, "Ann")])

    with pytest.raises(IntegrityError) as failure, bare_backend.data.write() as conn:
        _PEOPLE(conn, [(2, "Canary"), (1, "Canary")])

    assert "Canary" not in str(failure.value)
    with bare_backend.data.read() as conn:
        assert rows_of(conn, "p") == [(1, "Ann")]


def test_the_first_statement_of_a_connection_begins_its_transaction(bare_backend):
    with bare_backend.data.write() as conn:
        conn.execute(text("CREATE TABLE p (id bigint PRIMARY KEY, name text)"))

    with bare_backend.data.engine.connect() as conn:
        _PEOPLE(conn, [(1, "Ann")])
        conn.rollback()

    with bare_backend.data.read() as conn:
        assert rows_of(conn, "p") == []
