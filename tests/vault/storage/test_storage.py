"""The substrate: units of work, row sets and append-only tables behave alike on both data bases."""

import os
import stat
import subprocess
import sys
import threading
from contextlib import nullcontext
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, Text, func, select, text
from sqlalchemy.exc import DBAPIError

from vault.storage.appendonly import append_only
from vault.storage.database import Dialect, open_database
from vault.storage.rowset import RowSet

local = MetaData()
plain = Table(
    "plain",
    local,
    Column("bucket", Integer, primary_key=True),
    Column("id", LargeBinary, primary_key=True),
    Column("body", Text),
)
frozen = Table("frozen", local, Column("id", Integer, primary_key=True))
append_only(frozen)
counter = Table("counter", local, Column("id", Integer, primary_key=True), Column("n", Integer))

INSERT = RowSet(
    "WITH {rows} INSERT INTO plain (bucket, id, body) SELECT bucket, id, body || :suffix FROM rows "
    "WHERE true ON CONFLICT DO NOTHING RETURNING id",
    bucket="int",
    id="bytes",
    body="text",
)
FIND = RowSet(
    "WITH {rows} SELECT rows.i, p.body FROM rows JOIN plain p ON p.bucket = rows.bucket AND p.id = rows.id "
    "ORDER BY p.bucket, p.id {for_update:p}",
    bucket="int",
    id="bytes",
)


@pytest.fixture
def data(backend):
    with backend.data.write() as conn:
        local.create_all(conn)
    return backend.data


def test_a_row_set_inserts_each_new_key_once_and_says_which(data):
    rows = [(1, b"a\xff\x00", "你好 %"), (1, b"a\xff\x00", "again"), (2, b"q", None)]

    with data.write() as conn:
        made = INSERT(conn, rows, suffix="!")
        found = FIND(conn, [(2, b"q"), (9, b"none"), (1, b"a\xff\x00")])

    assert sorted(made) == [(b"a\xff\x00",), (b"q",)]
    assert sorted(found) == [(0, None), (2, "你好 %!")]


def test_an_empty_row_set_is_no_statement_at_all(data):
    with data.read() as conn:
        assert FIND(conn, []) == []


def test_a_unit_of_work_that_raises_leaves_nothing_behind(data):
    def fail_late():
        with data.write() as conn:
            INSERT(conn, [(1, b"x", "y")], suffix="")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_late()

    with data.read() as conn:
        assert conn.execute(select(func.count()).select_from(plain)).scalar() == 0


def test_what_a_reader_writes_is_never_kept(data):
    refused = pytest.raises(DBAPIError) if data.dialect is Dialect.POSTGRESQL else nullcontext()
    with refused, data.read() as conn:
        INSERT(conn, [(1, b"x", "y")], suffix="")

    with data.read() as conn:
        assert conn.execute(select(func.count()).select_from(plain)).scalar() == 0


@pytest.mark.parametrize("statement", ["UPDATE frozen SET id = 2", "DELETE FROM frozen", "TRUNCATE frozen"])
def test_an_append_only_table_refuses_to_forget(data, statement):
    if data.dialect is Dialect.SQLITE and statement.startswith("TRUNCATE"):
        statement = "DELETE FROM frozen WHERE true"
    with data.write() as conn:
        conn.execute(frozen.insert().values(id=1))

    with pytest.raises(DBAPIError, match="append-only"), data.write() as conn:
        conn.execute(text(statement))


def test_an_error_never_carries_the_values_of_its_statement(data):
    statement = text("INSERT INTO frozen (id, nothere) VALUES (2, :v)")

    with pytest.raises(DBAPIError) as caught, data.write() as conn:
        conn.execute(statement, {"v": "13812345678"})

    assert "13812345678" not in str(caught.value)


def test_writers_that_read_before_they_write_lose_no_update(data):
    with data.write() as conn:
        conn.execute(counter.insert().values(id=1, n=0))
    start = threading.Barrier(8)

    def bump():
        start.wait()
        for _ in range(10):
            with data.write() as conn:
                query = select(counter.c.n).where(counter.c.id == 1).with_for_update()
                n = conn.execute(query).scalar_one()
                conn.execute(counter.update().values(n=n + 1))

    threads = [threading.Thread(target=bump) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with data.read() as conn:
        assert conn.execute(select(counter.c.n)).scalar_one() == 80


def test_a_new_data_base_file_is_its_owner_s_only_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        made = open_database(f"sqlite:///{tmp_path / 'data.db'}")
        with made.write() as conn:
            conn.execute(text("CREATE TABLE t (x INTEGER)"))
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        made.close()
    finally:
        os.umask(before)

    assert set(modes.values()) == {0o600}
    assert {"data.db", "data.db-wal"} <= modes.keys()


_OTHER_PROCESS = """
import sys
from vault.storage.database import open_database
other = open_database(sys.argv[1])
with other.read() as conn:
    print(conn.exec_driver_sql("SELECT count(*) FROM kept").scalar_one())
other.close()
"""


def test_a_process_that_leaves_does_not_take_the_log_of_one_that_stays(tmp_path):
    url = f"sqlite:///{tmp_path}/shared.sqlite"
    staying = open_database(url)
    with staying.write() as conn:
        conn.exec_driver_sql("CREATE TABLE kept (n INTEGER PRIMARY KEY)")
    with staying.read() as first, staying.read() as second:  # a second connection, opened beside the first
        first.exec_driver_sql("SELECT 1")
        second.exec_driver_sql("SELECT 1")
    for number in range(3):
        with staying.write() as conn:
            conn.exec_driver_sql(f"INSERT INTO kept VALUES ({number})")
        command = [sys.executable, "-c", _OTHER_PROCESS, url]
        seen = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
        )
        assert int(seen.stdout) == number + 1
        assert (tmp_path / "shared.sqlite-wal").exists()
    staying.close()
