"""How fast a leaked file is traced, and whether the answer is right: `perusal trace` in a process of its own.

A city of people is enrolled, several shops receive some of them through real redemptions, and a file is written:
everybody one shop received, a few people who leaked from elsewhere, and strangers up to the number of rows.
The seconds, the rows per second and the peak memory are those of the command, progress, sealing and starting
included; recall and precision compare the people it found with the people who were planted.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from api.demo.programs import environment
from breach.matching.items import people as found_people
from breach.pipeline.report import PREFIX
from consent.redemption.disclose import Disclosure, disclose_many
from tests.bench import machine
from tests.bench.dump import Planted, write_dump
from tests.bench.meters import peak_memory_mb
from tests.bench.report import note
from tests.bench.site import ROOT, Measured, measured, now_ms
from tests.races.redemption import request_of
from tests.races.town import Town, found, token
from vault.ids import decode_id

SEED = 7
SHOPS = 4
LEAKER = 1
MOST_SECONDS = 60.0
MOST_MEMORY_MB = 600.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """The sizes; the defaults are what the published figures use."""
    parser.add_argument("--backend", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--received", type=int, default=1_500, help="people each of the four shops received")
    parser.add_argument("--elsewhere", type=int, default=200, help="people in the file whom no shop received")
    parser.add_argument("--claims", action="store_true", help="open the incident and its claims as well")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Build the city, write the file, trace it, compare."""
    with measured(options.backend) as site:
        begun = time.perf_counter()
        town = found(site.vault, now_ms(), people=options.people, shops=SHOPS, seed=SEED)
        enrolled = time.perf_counter() - begun
        note(f"trace: {options.people:,} people enrolled in {enrolled:.0f} s")
        received = [_receive(town, shop, _customers(shop, options.received)) for shop in range(SHOPS)]
        dump = write_dump(
            site.folder / "leak.csv", seed=SEED, rows=options.rows, numbers=_leaked(options), city=SEED
        )
        note(f"trace: {dump.rows:,} rows written, {len(dump.citizens):,} of them about people of the city")
        seconds, memory, report = _trace(site, dump.path, claims=options.claims)
        return {
            "machine": machine.describe(),
            "backend": options.backend,
            "people": options.people,
            "people_enrolled_per_second": round(options.people / enrolled),
            "disclosures": sum(received),
            "rows": dump.rows,
            "bytes": dump.size_bytes,
            "seconds": round(seconds, 2),
            "rows_per_second": round(dump.rows / seconds),
            "peak_memory_mb": round(memory, 1),
            "claims": options.claims,
            f"under_{MOST_SECONDS:g}_seconds": seconds < MOST_SECONDS,
            f"under_{MOST_MEMORY_MB:g}_mb": memory < MOST_MEMORY_MB,
            **_truth(site, town, dump, report),
        }


def _customers(shop: int, count: int) -> range:
    """Whom a shop received: neighbouring shops share a third of their customers."""
    return range(shop * count * 2 // 3, shop * count * 2 // 3 + count)


def _leaked(options: argparse.Namespace) -> list[int]:
    """Everybody the leaking shop received, and some people from beyond every shop."""
    beyond = range(_customers(SHOPS, options.received).start, options.people)
    elsewhere = random.Random(SEED).sample(beyond, min(options.elsewhere, len(beyond)))
    return [*_customers(LEAKER, options.received), *elsewhere]


def _receive(town: Town, shop: int, customers: Sequence[int]) -> int:
    """One redemption of one use for each customer."""
    now = now_ms()
    tokens = [token(town, person, now, shop=shop) for person in customers]
    answers = [
        answer
        for at in range(0, len(tokens), 64)
        for answer in disclose_many(town.vault, [request_of(one, now) for one in tokens[at : at + 64]], now)
    ]
    return sum(isinstance(answer, Disclosure) for answer in answers)


def _trace(site: Measured, dump: Path, *, claims: bool) -> tuple[float, float, dict[str, Any]]:
    """(seconds, peak memory in MB, report) of the command in a process of its own."""
    site.vault.data.close()
    command = [sys.executable, "-m", "api", "trace", str(dump), "--dir", str(site.live.home), "--json"]
    output = site.folder / "trace.json"
    begun = time.perf_counter()
    with output.open("wb") as told:
        process = subprocess.Popen(
            command if claims else [*command, "--no-claims"], stdout=told, cwd=ROOT, env=environment()
        )
        memory = _watch(process)
    seconds = time.perf_counter() - begun
    text = output.read_text()
    if process.returncode:
        raise RuntimeError(f"perusal trace ended with {process.returncode}: {text[-400:]}")
    return seconds, memory, json.loads(text)["report"]


def _watch(process: subprocess.Popen[bytes]) -> float:
    """Wait for the end; the peak of the resident set in MB, as last seen.

    Not `ru_maxrss`: the kernel starts that of a child at the size of its parent.
    """
    peak = 0.0
    while process.poll() is None:
        with suppress(FileNotFoundError, ProcessLookupError):
            peak = max(peak, peak_memory_mb(process.pid))
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    return peak


def _truth(site: Measured, town: Town, dump: Planted, report: dict[str, Any]) -> dict[str, Any]:
    numbers = {one.consumer.subject: one.citizen.number for one in town.residents}
    trace_id = decode_id(PREFIX, report["trace"])
    with site.vault.data.read() as conn:
        buckets = site.vault.installation.buckets
        hits = {numbers[subject] for (_, subject), _ in found_people(conn, trace_id, buckets)}
    named = [line["recipient"] for line in report["ranking"] if line.get("named")]
    right = len(hits & dump.citizens)
    return {
        "planted": len(dump.citizens),
        "found": len(hits),
        "recall": round(right / len(dump.citizens), 6),
        "precision": round(right / len(hits), 6) if hits else 0.0,
        "outcome": report["outcome"],
        "leaker_named": named == [str(town.shops[LEAKER].client.recipient.id)],
        "innocents_named": sum(one != str(town.shops[LEAKER].client.recipient.id) for one in named),
    }


def failures(result: dict[str, Any]) -> Iterator[str]:
    """What makes the answer wrong; being slow is reported and not a failure."""
    if result["innocents_named"]:
        yield "an innocent recipient was named"
    if result["precision"] < 1:
        yield "people were found who are not in the file"
