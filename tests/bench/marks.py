"""Marks against every bar that is set for them: no innocent accused, leakers found, figures that may be taken
at their word.

All worlds are made by `tests.sim.forgeries` with a fixed seed. Each bar is told as met or not met beside its
figure, and fails the run only at the size it is meant for; an accused innocent fails it at any size.
"""

import argparse
import resource
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from breach.trace.attribute import Rules
from breach.trace.guilt import threshold
from tests.bench import machine, marks_innocents, marks_ledger, marks_worst
from tests.bench.report import note

SEED = 41
RECIPIENTS = 1_000
EPS = 1e-6
FULL = 50_000_000
PARTS = ("innocents", "worst", "calibration", "ledger", "families")


def arguments(parser: argparse.ArgumentParser) -> None:
    """How much of everything; the defaults are the sizes of the bars."""
    parser.add_argument("--scores", type=int, default=FULL, help="innocents scored")
    parser.add_argument("--keyed", type=int, default=21, help="files with bits of the keyed function")
    parser.add_argument("--files", type=int, default=400, help="files per cell where all rows are shared")
    parser.add_argument("--leaks", type=int, default=100, help="files per cell on the ledger")
    parser.add_argument("--family-leaks", type=int, default=20, help="files per cell among families")
    parser.add_argument("--people", type=int, default=1_000_000, help="people on the ledger")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure the parts asked for, then hold them against the bars."""
    line = threshold(RECIPIENTS, EPS)
    begun = time.perf_counter()
    dice = dict(zip(PARTS, np.random.default_rng(SEED).spawn(len(PARTS)), strict=True))
    result: dict[str, Any] = {"machine": machine.describe(), "numpy": np.__version__}
    if "innocents" in options.parts:
        result["innocents"] = marks_innocents.measure(dice["innocents"], options.scores, line)
    if "innocents" in options.parts and options.keyed:
        result["keyed"] = marks_innocents.keyed(dice["innocents"], options.keyed, line)
    if "worst" in options.parts:
        result["worst_case"] = marks_worst.measure(dice["worst"], options.files, line)
    if "calibration" in options.parts:
        result["calibration"] = marks_worst.calibration(dice["calibration"], options.files, RECIPIENTS // 2)
    if {"ledger", "families"} & {*options.parts}:
        world = marks_ledger.world(dice["ledger"], RECIPIENTS, options.people)
        note(f"marks: a ledger of {sum(map(len, world.held)):,} disclosures")
        if "ledger" in options.parts:
            result["ledger"] = marks_ledger.measure(dice["ledger"], world, options.leaks, line)
            result["lone_possible"] = marks_ledger.possible(dice["ledger"], world, 10 * options.leaks, line)
        if "families" in options.parts:
            rules = Rules(eps=EPS)
            result["families"] = marks_ledger.in_families(
                dice["families"], world, options.family_leaks, rules
            )
    result["full_size"] = options.scores >= FULL and options.files >= 400 and options.leaks >= 100
    result["bars"] = {name: _told(*bar) for name, bar in _bars(result)}
    result["seconds"] = round(time.perf_counter() - begun, 1)
    result["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return result


def _told(figure: float, bar: float, at_least: bool) -> str:
    met = figure >= bar if at_least else figure <= bar
    return f"{'met' if met else 'not met'}: {figure:g}, {'at least' if at_least else 'at most'} {bar:g}"


type Bar = tuple[str, tuple[float, float, bool]]


def _bars(result: dict[str, Any]) -> Iterator[Bar]:
    """(name, (figure, bar, whether the figure must be at least the bar)) of everything measured."""
    if "innocents" in result:
        yield "innocents accused", (result["innocents"]["accused"], 0, False)
        for level, share in result["innocents"]["share_above"].items():
            yield f"innocents above {level}", (share, 1 / float(level), False)
    yield from _of_worst_case(result.get("worst_case", []))
    for line in result.get("calibration", []):
        if line["marks"] >= 64:
            yield f"Cllr_min at {line['marks']} marks", (line["cllr_min"], 0.01, False)
            yield f"innocents above 100 at {line['marks']} marks", (line["share_above"]["100"], 1e-3, False)
    yield from _of_ledger(result.get("ledger", []))
    cells = [cell for name in ("worst_case", "ledger", "families") for cell in result.get(name, [])]
    if cells:
        yield "innocents accused in files", (sum(cell["innocents_accused"] for cell in cells), 0, False)


def _of_worst_case(cells: Sequence[dict[str, Any]]) -> Iterator[Bar]:
    for size, least_any, least_all in ((1, 0.99, 0.99), (3, 0.99, 0.95)):
        for wrong in (0.0, 0.03):
            mine = [
                cell
                for cell in cells
                if (cell["leakers"], cell["misread"]) == (size, wrong) and cell["attack"] != "edited"
            ]
            if mine:
                name = f"{size} leakers, {mine[0]['marks']} marks, {wrong:.0%} misread"
                yield f"{name}: any", (min(cell["any"] for cell in mine), least_any, True)
                yield f"{name}: all", (min(cell["all"] for cell in mine), least_all, True)


def _of_ledger(cells: Sequence[dict[str, Any]]) -> Iterator[Bar]:
    """The lowest figure of all ways to leak: also of lone leakers of few rows, of whom `lone_possible` says how many any
    decoder could name.
    """
    for fraction, a_row, which, least in (
        (0.01, 4, "any", 0.99),
        (0.05, 4, "all", 0.98),
        (0.05, 1, "any", 0.95),
    ):
        mine = [cell[which] for cell in cells if (cell["fraction"], cell["marks_a_row"]) == (fraction, a_row)]
        if mine:
            yield f"{fraction:.0%} leaked, {a_row} marks a row: {which}", (min(mine), least, True)


def failures(result: dict[str, Any]) -> Iterator[str]:
    """What must hold at any size, and at full size every bar."""
    if "innocents" in result:
        yield from marks_innocents.failures(result["innocents"])
    for name, bar in result["bars"].items():
        if bar.startswith("not") and (result["full_size"] or name.startswith("innocents accused")):
            yield f"{name} {bar}"
