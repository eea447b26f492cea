"""The named references every ratio is taken against, measured in the same run on the same disk.

`hello` is the cheapest answer of the same server and is measured by the load generator. Here are the two
data-base floors: a tight loop of single-row durable commits on SQLite, and pgbench running one redemption
as one statement (lock the use, count it, write the ledger row, read the sealed values).
"""

import re
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

import psycopg

from tests.backends import Server

_SCHEMA = """
CREATE TABLE bench_use (id int PRIMARY KEY, spent int NOT NULL);
CREATE TABLE bench_value (id int PRIMARY KEY, a bytea, b bytea, c bytea);
CREATE TABLE bench_ledger (id bigserial PRIMARY KEY, use_id int, leaf bytea);
INSERT INTO bench_use SELECT n, 0 FROM generate_series(1, 100000) n;
INSERT INTO bench_value
  SELECT n, sha256(n::text::bytea), sha256(n::text::bytea), sha256(n::text::bytea) FROM generate_series(1, 100000) n;
"""
_REDEMPTION = r"""
\set id random(1, 100000)
WITH spent AS (UPDATE bench_use SET spent = spent + 1 WHERE id = :id RETURNING id),
     entry AS (INSERT INTO bench_ledger (use_id, leaf) SELECT id, sha256(id::text::bytea) FROM spent RETURNING id)
SELECT a, b, c, (SELECT id FROM entry) FROM bench_value WHERE id = (SELECT id FROM spent);
"""


def sqlite_commits_per_second(folder: Path, seconds: float) -> float:
    """Single-row durable commits in a tight loop (WAL, synchronous=FULL) in `folder`."""
    path = folder / "reference.sqlite"
    conn = sqlite3.connect(path, isolation_level=None)
    try:
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, body BLOB)",
        ):
            conn.execute(statement)
        count, started = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - started) < seconds:
            conn.execute("BEGIN IMMEDIATE")
            conn.execute("INSERT INTO entry (body) VALUES (?)", (b"x" * 200,))
            conn.execute("COMMIT")
            count += 1
        return count / elapsed
    finally:
        conn.close()
        path.unlink()


def pgbench_redemptions_per_second(server: Server, folder: Path, clients: int, seconds: int) -> float | None:
    """Transactions per second of the one-statement redemption, or None where pgbench is not installed."""
    program = shutil.which("pgbench")
    if program is None:
        return None
    server.drop("bench_reference")
    server.run("CREATE DATABASE bench_reference")
    with psycopg.connect(server.dsn, dbname="bench_reference", autocommit=True) as conn:
        conn.execute(_SCHEMA)
    script = folder / "redemption.sql"
    script.write_text(_REDEMPTION)
    shape = ["-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds), "-f", str(script)]
    done = subprocess.run(
        [program, *shape, f"{server.dsn} dbname=bench_reference"], capture_output=True, text=True, check=True
    )
    server.drop("bench_reference")
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    return float(found[1]) if found else None
