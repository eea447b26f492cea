"""Appending: 64 callers that each wait for their entry on SQLite, and four processes that write lists on PostgreSQL.

What goes in is made beforehand; measured is what `append` and the commit cost. The callers of SQLite share a
batcher as those of the server do. Processes write into one log, and then each into a log of its own.
"""

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from api.batcher import Batcher
from api.migrations import upgrade
from consent.ledger.append import Item, Position, append
from consent.ledger.tables import head
from tests.backends import Server
from tests.bench.meters import quantile
from tests.bench.references import pgbench_redemptions_per_second, sqlite_commits_per_second
from tests.bench.site import ROOT
from tests.consent.ledger.kit import HOST, NOW, an_item
from vault.storage.database import Database, open_database

CLIENTS = 64
PROCESSES = 4
PEOPLE = 1000


def on_sqlite(folder: Path, appends: int, seconds: float) -> dict[str, Any]:
    """Entries per second and the wait of 64 callers, who each append one entry at a time."""
    with _empty(f"sqlite:///{folder}/appends.sqlite") as data:
        items = made(random.Random(1), 0, appends)
        asyncio.run(_callers(data, items[: appends // 10]))  # the log is opened, statements are prepared
        waits, took = asyncio.run(_callers(data, items[appends // 10 :]))
        stored = _stored(data)
    floor = sqlite_commits_per_second(folder, seconds)
    rate = len(waits) / took
    return {
        "clients": CLIENTS,
        "appends": appends,
        "stored": stored,
        "entries_per_second": round(rate),
        "p50_ms": round(quantile(waits, 0.5) * 1e3, 2),
        "p99_ms": round(quantile(waits, 0.99) * 1e3, 2),
        "plain_commits_per_second": round(floor),
        "ratio_to_plain_commits": round(rate / floor, 2),
    }


async def _callers(data: Database, items: Sequence[Item]) -> tuple[list[float], float]:
    def commit(some: Sequence[Item]) -> list[Position]:
        with data.write() as conn:
            return append(conn, some, NOW, HOST)

    batcher = Batcher(commit)
    waits: list[float] = []

    async def caller(mine: Sequence[Item]) -> None:
        for item in mine:
            begun = time.perf_counter()
            await batcher.submit(item)
            waits.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(caller(items[at::CLIENTS]) for at in range(CLIENTS)))
    took = time.perf_counter() - begun
    await batcher.close()
    return waits, took


def on_postgresql(server: Server, folder: Path, appends: int, batch: int, seconds: float) -> dict[str, Any]:
    """Entries per second of four processes, into one log and into one each."""
    found: dict[str, Any] = {"processes": PROCESSES, "batch": batch}
    for name, buckets in (("one_log", [0] * PROCESSES), ("own_logs", list(range(PROCESSES)))):
        url = server.url(server.clone("template0"))
        with _empty(url) as data:
            rate, appended = _processes(url, buckets, appends // PROCESSES // batch, batch)
            found[name] = {
                "appends": appended,
                "stored": _stored(data),
                "entries_per_second": round(rate),
            }
    floor = pgbench_redemptions_per_second(server, folder, CLIENTS, max(1, round(seconds)))
    if floor:
        found["pgbench_per_second"] = round(floor)
        for name in ("one_log", "own_logs"):
            found[name]["ratio_to_pgbench"] = round(found[name]["entries_per_second"] / floor, 2)
    return found


def _processes(url: str, buckets: Sequence[int], batches: int, batch: int) -> tuple[float, int]:
    with ExitStack() as stack:
        writers = [
            stack.enter_context(_writer(url, bucket, batches, batch, seed))
            for seed, bucket in enumerate(buckets)
        ]
        for one in writers:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        for one in writers:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        answers = [one.communicate()[0] for one in writers]
    spans = [json.loads(answer) for answer in answers]
    appended = batches * batch * len(buckets)
    return appended / (max(end for _, end in spans) - min(begun for begun, _ in spans)), appended


@contextmanager
def _writer(url: str, bucket: int, batches: int, batch: int, seed: int) -> Iterator["subprocess.Popen[str]"]:
    command = [
        sys.executable,
        "-m",
        "tests.bench.ledger_writer",
        url,
        *map(str, (bucket, batches, batch, seed)),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as one:
        try:
            yield one
        finally:
            one.kill()


@contextmanager
def _empty(url: str) -> Iterator[Database]:
    data = open_database(url)
    upgrade(data, "data")
    try:
        yield data
    finally:
        data.close()


def _stored(data: Database) -> int:
    with data.read() as conn:
        return int(conn.execute(select(func.sum(head.c.size))).scalar_one())


def made(dice: random.Random, bucket: int, count: int) -> list[Item]:
    """`count` items of a thousand people."""
    return [an_item(dice, bucket=bucket, tag=dice.randrange(PEOPLE)) for _ in range(count)]
