"""How fast a large file is matched in columns: from its bytes on the disk to the rows that hit the index of tags.

Measured is everything that a trace does with a file in custody but opening the seal: the parser's process with
its limits, encoding, columns recognised, cutting, normalising, the pipe, tags, the join with the index, and the
rows that hit matched one by one. `--one-in` says how many rows that is: each costs what it costs row by row.
The index holds tags of people who do not exist beside those of the few who are planted, because what it costs
does not depend on whose they are. The reference, measured in the same run: DuckDB reading the same file as text
and counting.
"""

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self

import duckdb
import polars as pl

from breach.intake import isolated
from breach.intake.source import OnDisk
from breach.matching.cells import Cells
from breach.matching.gathered import SheetMatcher, gather
from breach.pipeline.matching import Matching
from breach.weighing import contacts
from breach.weighing.readings import Reader
from tests.bench import machine
from tests.bench.meters import cpu_seconds, descendants, peak_memory_mb
from tests.bench.report import note
from tests.bench.site import Measured, measured, now_ms
from tests.vault.people import made_up as people
from vault.tag_index import files, indexing
from vault.tag_index.files import Listing
from vault.tag_index.in_columns import forms_of, tags_of
from vault.tag_index.sieve import Sieve
from vault.tags import kind
from vault.tags.sketch import Sketch

PLANTED = 100
_CHUNK = 1_000_000
LEAST = {"phone": 2_500_000, "phone+email": 1_000_000}
MOST_MEMORY_MB = 4_096


def arguments(parser: argparse.ArgumentParser) -> None:
    """The sizes; the published figures are of 100 million rows."""
    parser.add_argument("--people", type=int, default=10_000_000)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000, 100_000_000])
    parser.add_argument(
        "--one-in", type=int, default=10_000, help="one row in so many is about somebody known"
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    """For each number of rows and identifiers: rows a second, cost per row, memory, the reference."""
    with measured("sqlite") as site:
        people.enrol(site.vault, range(PLANTED), now_ms())
        folder = site.folder / "tag-index"
        _index(site, folder, options.people)
        runs = [
            _one(site, folder, fields, rows, options.one_in)
            for fields in (("phone",), ("phone", "email"))
            for rows in options.rows
        ]
        return {
            "machine": machine.describe(),
            "people": options.people,
            "runs": runs,
            **_stages(site, folder),
        }


def _one(site: Measured, folder: Path, fields: tuple[str, ...], rows: int, one_in: int) -> dict[str, Any]:
    name = "+".join(fields)
    path = site.folder / "dump.csv"
    planted = write(path, fields, rows, one_in)
    reference = _reference(path)
    begun = time.perf_counter()
    found, cpu, memory = _matched(site, folder, path)
    seconds = time.perf_counter() - begun
    note(f"columns: {name}, {rows:,} rows: {rows / seconds:,.0f} rows/s, {memory:,.0f} MB")
    size = path.stat().st_size
    path.unlink()
    return {
        "identifiers": name,
        "rows": rows,
        "bytes": size,
        "seconds": round(seconds, 2),
        "rows_per_second": round(rows / seconds),
        "cpu_ns_per_row": round(cpu / rows * 1e9),
        "peak_memory_mb": round(memory),
        "reference_seconds": round(reference, 3),
        "times_the_reference": round(seconds / reference, 2),
        "planted": planted,
        "found": found,
        "fast_enough": rows / seconds >= LEAST[name],
        "small_enough": memory <= MOST_MEMORY_MB,
    }


def write(path: Path, fields: tuple[str, ...], rows: int, one_in: int) -> int:
    """Write a file of `rows` rows, a million at a time; how many of them are about the planted people."""
    with path.open("wb") as file:
        for start in range(0, rows, _CHUNK):
            n = pl.int_range(start, min(start + _CHUNK, rows), eager=True)
            known = n % one_in == one_in - 1
            who = n // one_in % PLANTED
            mine = {
                "phone": "199" + who.cast(pl.String).str.zfill(8),
                "email": "user" + who.cast(pl.String) + "@example.com",
            }
            others = {
                "phone": "13" + (n * 7_919 % 1_000_000_000).cast(pl.String).str.zfill(9),
                "email": "reader"
                + (n * 31).cast(pl.String)
                + "@mail"
                + (n % 500).cast(pl.String)
                + ".example",
            }
            names = pl.Series(["王伟", "张敏", "李静静", "Anna Smith"]).gather(n % 4)
            frame = pl.DataFrame({"name": names, "known": known}).with_columns(
                pl.when("known").then(mine[field]).otherwise(others[field]).alias(field) for field in fields
            )
            frame.drop("known").write_csv(file, include_header=start == 0)
    return rows // one_in


def _index(site: Measured, folder: Path, count: int) -> None:
    """An index of `count` people: those who are there, and random tags for all the others."""
    listing = indexing.build(site.vault, folder, now_ms())
    parts = 256 if count >= indexing.MANY_PEOPLE else 16
    made = Listing(listing.epoch, listing.made_at, parts, ())
    for number in (kind("phone"), kind("email")):
        real = pl.concat([files.read_part(folder, one) for one in listing.files if one.kind == number])
        for part in range(parts):
            low, high = part * (1 << 64) // parts, (part + 1) * (1 << 64) // parts - 1
            raw = os.urandom(8 * (count // parts))
            noise = pl.Series([raw]).bin.reinterpret(dtype=pl.Array(pl.UInt64, count // parts)).explode()
            tags = pl.concat([noise // parts + low, real.filter(real.is_between(low, high))]).unique().sort()
            made = replace(made, files=(*made.files, files.write_part(folder, number, part, tags)))
    indexing._published(site.vault, folder, made, [])
    note(f"columns: an index of {made.tags:,} tags in {len(made.files)} files")


def _matched(site: Measured, folder: Path, path: Path) -> tuple[int, float, float]:
    """(rows that agree, CPU seconds, peak memory in MB) of matching a file, the parser's process included."""
    vault, cells = site.vault, Cells()
    keys = vault.keyring.tag_keys
    before = cpu_seconds(os.getpid())
    with OnDisk(path) as source, OnDisk(path) as again, Watched() as peaks:
        with isolated.Reading(source, sheets={}) as reading, Sieve(vault, folder, now_ms()) as sieve:
            with vault.data.read() as conn:
                aliases = contacts.Contacts(conn, vault, cells, now_ms())
            matching = Matching(
                vault.keyring, cells, Sketch(keys), aliases, Reader(vault, now_ms()), linking=False
            )
            matching.sheets = SheetMatcher(again, sieve, cells, matching.match_part)
            for block in gather(reading.sheets(), keys):
                with vault.data.read() as conn:
                    found = matching.match(conn, block)
                matching.sketch.add_tags(found.tags)
        cpu = cpu_seconds(os.getpid()) - before
    return cells.rows_agreed, cpu + peaks.child_cpu, peak_memory_mb(os.getpid()) + peaks.child_mb


class Watched:
    """Looks at the parser's process, which is gone when its figures would be asked for."""

    def __enter__(self) -> Self:
        self.child_mb = self.child_cpu = 0.0
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # what was needed to make the file is not counted
        self._over = Event()
        self._thread = Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.05):
            for child in descendants(os.getpid()):
                with suppress(OSError, ValueError):
                    self.child_mb = max(self.child_mb, peak_memory_mb(child))
                    self.child_cpu = max(self.child_cpu, cpu_seconds(child))


def _reference(path: Path) -> float:
    begun = time.perf_counter()
    duckdb.connect(":memory:").execute(
        "SELECT count(*), sum(length(columns(*))) FROM read_csv(?, all_varchar = true, header = true)",
        [str(path)],
    ).fetchall()
    return time.perf_counter() - begun


def _stages(site: Measured, folder: Path, count: int = 2_000_000) -> dict[str, Any]:
    """Tags and join alone, of canonical forms in memory."""
    n = pl.int_range(count, eager=True)
    texts = ("13" + (n * 7_919 % 1_000_000_000).cast(pl.String).str.zfill(9)).str.join(
        "\n"
    ).item().encode() + b"\n"
    with Sieve(site.vault, folder, now_ms()) as sieve:
        begun = time.perf_counter()
        tags = tags_of(site.vault.keyring.tag_keys, "phone", forms_of(texts))
        made = time.perf_counter()
        sieve.known("phone", tags)
        joined = time.perf_counter()
    return {
        "tags_per_second": round(count / (made - begun)),
        "joined_per_second": round(count / (joined - made)),
    }


def failures(result: dict[str, Any]) -> Iterator[str]:
    """What makes the answer wrong; being slow is reported and not a failure."""
    for one in result["runs"]:
        if one["found"] != one["planted"]:
            yield f"{one['found']} of {one['planted']} planted rows were found"
