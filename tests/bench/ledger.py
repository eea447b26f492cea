"""The ledger: appends with 64 callers and four processes, proofs from long logs, the index, signing and checking.

Everything is durable and on a real disk. Each rate stands beside a reference that the same run measured: plain
durable commits on SQLite, pgbench on PostgreSQL, one SHA-256, one signature check. Ten million leaves are leaf
hashes only.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.backends import NoPostgres, postgres_server
from tests.bench import ledger_append, ledger_read, machine
from tests.bench.report import note

FLAT = 1.5
"""Signing an entry may cost this many times as much in the longest log as in the shortest."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The sizes; the defaults are those of the bars."""
    parser.add_argument("--backend", action="append", choices=["sqlite", "postgresql"])
    parser.add_argument(
        "--appends", type=int, default=60_000, help="on each data base and into each set of logs"
    )
    parser.add_argument("--batch", type=int, default=200, help="entries in a list of a process on PostgreSQL")
    parser.add_argument("--leaves", type=int, nargs="+", default=[10_000, 100_000, 1_000_000, 10_000_000])
    parser.add_argument("--proofs", type=int, default=1_000, help="from each of these logs")
    parser.add_argument("--people", type=int, default=1_000_000, help="in the index")
    parser.add_argument(
        "--entries", type=int, default=200_000, help="to check, and around the hundred accesses"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each reference")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure what this machine has data bases for."""
    result: dict[str, Any] = {"machine": machine.describe()}
    backends = options.backend or ["sqlite", "postgresql"]
    with tempfile.TemporaryDirectory(prefix="bench-ledger-") as name:
        folder = Path(name)
        if "sqlite" in backends:
            note("ledger: appends on sqlite")
            result["sqlite"] = ledger_append.on_sqlite(folder, options.appends, options.seconds)
            result |= _read(folder, options)
        if "postgresql" in backends:
            note("ledger: appends on postgresql")
            result["postgresql"] = _on_postgresql(folder, options)
    return result | {"bars": _bars(result)}


def _read(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    data = ledger_read.prepared(folder, "long")
    logs = []
    for bucket, size in enumerate(sorted(options.leaves)):
        note(f"ledger: a log of {size} leaves")
        logs.append(ledger_read.long_log(data, bucket, size, options.proofs, options.rounds))
    note(f"ledger: an index of {options.people} people")
    index = ledger_read.index(data, len(logs), options.people)
    data.close()
    note(f"ledger: {options.entries} entries to prove from and to check")
    return {
        "logs": logs,
        "publish_longest_to_shortest": round(
            logs[-1]["publish_us_per_entry"] / logs[0]["publish_us_per_entry"], 2
        ),
        "index": index,
        "completeness": ledger_read.completeness(folder, options.entries // 10, options.rounds),
        "fsck": ledger_read.checking(folder, options.entries),
    }


def _on_postgresql(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    try:
        with postgres_server(durable=True) as server:
            return ledger_append.on_postgresql(
                server, folder, options.appends, options.batch, options.seconds
            )
    except NoPostgres as reason:
        return {"skipped": str(reason)}


def _bars(result: dict[str, Any]) -> dict[str, bool]:
    """Which bars were met, of those whose size was measured."""
    bars: dict[str, bool] = {}
    if "sqlite" in result:
        bars["sqlite entries_per_second >= 5000"] = result["sqlite"]["entries_per_second"] >= 5000
        bars["sqlite p99_ms < 100"] = result["sqlite"]["p99_ms"] < 100
        bars |= {
            name: one[key] < most
            for one in result["logs"]
            for size, key, most, name in (
                (1_000_000, "proof_p50_ms", 5, "proof_p50_ms < 5 at 1000000 leaves"),
                (10_000_000, "proof_p99_ms", 20, "proof_p99_ms < 20 at 10000000 leaves"),
            )
            if one["leaves"] == size
        }
        if result["index"]["people"] >= 1_000_000:
            bars["index seconds < 5"] = result["index"]["seconds"] < 5
        bars |= {
            "completeness bytes <= 40 KB": result["completeness"]["bytes"] <= 40 * 1024,
            "completeness verify_ms < 10": result["completeness"]["verify_ms"] < 10,
        }
        bars["fsck entries_per_core_second >= 300000"] = result["fsck"]["entries_per_core_second"] >= 300_000
        bars[f"publish_longest_to_shortest <= {FLAT}"] = result["publish_longest_to_shortest"] <= FLAT
    if "one_log" in result.get("postgresql", {}):
        rate = result["postgresql"]["one_log"]["entries_per_second"]
        bars["postgresql one_log entries_per_second >= 8000"] = rate >= 8000
        more = result["postgresql"]["own_logs"]["entries_per_second"]
        bars["postgresql own_logs entries_per_second > one_log"] = more > rate
    return bars


def failures(result: dict[str, Any]) -> Iterator[str]:
    """What makes the figures worthless: an entry that is missing, a proof or an index that does not hold."""
    appended = [("sqlite", result.get("sqlite"))]
    appended += [
        (f"postgresql {name}", result.get("postgresql", {}).get(name)) for name in ("one_log", "own_logs")
    ]
    for name, figures in appended:
        if figures and figures["stored"] != figures["appends"]:
            yield f"{name}: {figures['stored']} entries stored of {figures['appends']}"
    if "sqlite" not in result:
        return
    for one in result["logs"]:
        if one["wrong"]:
            yield f"{one['wrong']} proofs from {one['leaves']} leaves do not hold"
    if result["index"]["rows"] != result["index"]["people"]:
        yield "the index does not count everybody"
    if result["completeness"]["proved"] != result["completeness"]["accesses"]:
        yield "the whole of one person's accesses is not proven"
    if result["fsck"]["findings"]:
        yield "a sound ledger has findings"
