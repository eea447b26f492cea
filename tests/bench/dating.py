"""How well a leak is dated: simulated copies that follow people's changes, with some rows stale or damaged.

Every person's value changes at random (`changes_a_year`); the recipient was sent each person once in the first
half of the span, and again at every change. The file shows what it held at a random moment of the second half;
of some rows another version of the same person. Judged by the distance between the middle of the posterior and
the truth.
"""

import argparse
import random
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from statistics import median
from typing import Any, NamedTuple

from breach.trace.dating import Timeline, date_leak
from tests.bench import machine
from tests.bench.report import note

HOUR = 3_600_000
YEAR = 8_766 * HOUR
SPAN = 3 * YEAR
MOST_HOURS = 12.0
SEED = 11


class Case(NamedTuple):
    """Rows in the file, changes per person and year, files tried, and the most hours the median error may be."""

    rows: int
    changes_a_year: float
    files: int
    most_hours: float | None


CASES = (Case(1_000, 0.2, 40, None), Case(10_000, 0.05, 40, MOST_HOURS), Case(100_000, 0.05, 4, None))


def arguments(parser: argparse.ArgumentParser) -> None:
    """The share of corrupt versions, and how many files of each size."""
    parser.add_argument("--corrupt", type=float, default=0.01, help="share of rows that show another version")
    parser.add_argument("--most-rows", type=int, default=100_000, help="leave larger sizes out")
    parser.add_argument("--files", type=int, help="files of each size (default: 40, of the largest 4)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Date every file of every size."""
    return {
        "machine": machine.describe(),
        "corrupt": options.corrupt,
        "cases": [
            _measured(case, options.corrupt, options.files or case.files)
            for case in CASES
            if case.rows <= options.most_rows
        ],
    }


def _measured(case: Case, corrupt: float, files: int) -> dict[str, Any]:
    dice = random.Random(SEED)
    errors, inside, widths, seconds = [], 0, [], 0.0
    for _ in range(files):
        tau, timeline = leaked(dice, case.rows, case.changes_a_year, corrupt)
        begun = time.perf_counter()
        dated = date_leak(timeline)
        seconds += time.perf_counter() - begun
        assert dated is not None
        errors.append(abs(dated.median - tau) / HOUR)
        widths.append((dated.high - dated.low) / HOUR)
        inside += dated.low <= tau <= dated.high
    note(f"dating: {case.rows:,} rows: {median(errors):.1f} h")
    return {
        "rows": case.rows,
        "changes_a_year": case.changes_a_year,
        "files": files,
        "median_error_hours": round(median(errors), 2),
        "most_hours": case.most_hours,
        "inside_90_percent": round(inside / files, 3),
        "median_width_hours": round(median(widths), 1),
        "seconds_each": round(seconds / files, 4),
    }


def leaked(dice: random.Random, rows: int, changes_a_year: float, corrupt: float) -> tuple[int, Timeline]:
    """The moment of a leak, and what the ledger knows of the rows found, `corrupt` of them in another version."""
    tau = round(SPAN * (0.5 + dice.random() / 2))
    changes: Counter[int] = Counter()
    since = SPAN
    for _ in range(rows):
        sent = _sent(dice, changes_a_year)
        since = min(since, sent[0])
        found = bisect_right(sent, tau) - 1
        if len(sent) > 1 and dice.random() < corrupt:
            found = dice.choice([version for version in range(len(sent)) if version != found])
        changes[sent[found]] += 1
        if found + 1 < len(sent):
            changes[sent[found + 1]] -= 1
    return tau, Timeline(changes=changes, rows=rows, since=since, until=SPAN)


def _sent(dice: random.Random, changes_a_year: float) -> list[int]:
    """When one person was sent: once in the first half of the span, then at each change."""
    times = [round(dice.random() * SPAN / 2)]
    while (at := times[-1] + round(dice.expovariate(changes_a_year) * YEAR) + 1) < SPAN:
        times.append(at)
    return times


def failures(result: dict[str, Any]) -> Iterator[str]:
    """The bar of ten thousand rows, with one percent of them corrupt."""
    for case in result["cases"]:
        if case["most_hours"] is not None and case["median_error_hours"] > case["most_hours"]:
            yield f"{case['rows']:,} rows are dated {case['median_error_hours']} h off"
