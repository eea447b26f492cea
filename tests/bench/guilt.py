"""Whom the ledger alone accuses: simulated leaks of a whole installation, judged by the product's own attribution.

A thousand recipients hold 1,000 to 50,000 of a million people; a file shows a fraction of what one or several of them
hold, and a fifth more rows of anybody. Three ledgers: independent recipients; three in five of them in triples that
share nearly everybody; the same with triples that hold exactly the same people. Besides, copies of the store itself.
The reference in the same run is the guilt formula of 2011: how many innocents it gives 0.99 and more.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from breach.trace.attribute import Attribution, Outcome, Rules, attribute
from breach.weighing.exposure import FIELD_SETS
from tests.bench import machine
from tests.bench.report import note
from tests.sim.disclosed import Disclosed, Ints, Shape, disclosed, evidence, leaked

SEED = 6
FOREIGN = 0.2
FEW = 80
RULES = Rules(field_sets=FIELD_SETS)
GUESS = 0.2
"""The chance, in the formula of 2011, that somebody finds an item by guessing."""


class Cell(NamedTuple):
    """So many files that so many colluders lost the same fraction of their people to."""

    ledger: str
    colluders: int
    fraction: float
    files: int


CELLS = (
    *(Cell("independent", 1, f, 100) for f in (0.01, 0.05)),
    Cell("independent", 1, 1.0, 30),
    *(Cell("triples", 1, f, 100) for f in (0.05, 0.3)),
    *(Cell("identical", 1, f, 60) for f in (0.05, 0.3)),
    *(Cell("independent", c, f, 8) for c in (2, 3, 5) for f in (0.01, 0.05)),
    *(Cell("triples", c, f, 8) for c in (2, 3) for f in (0.01, 0.05)),
    Cell("independent", 3, 0.3, 4),
    Cell("independent", 5, 1.0, 2),
)
BARS = {"independent": 0.97, "triples": 0.95}

_worlds: dict[str, Disclosed] = {}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The size of the installation, and how many files of it leak."""
    parser.add_argument("--recipients", type=int, default=1_000)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, help="files of each kind (default: 2 to 100)")
    parser.add_argument("--store", type=int, default=1_000, help="copies of the store itself")
    parser.add_argument("--most-colluders", type=int, default=5, help="leave larger coalitions out")
    parser.add_argument("--processes", type=int, default=2)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Let every file leak and judge it."""
    begun = time.perf_counter()
    for name, shape in _shapes(options.recipients, options.people):
        note(f"guilt: the ledger of {name} recipients")
        _worlds[name] = disclosed(np.random.default_rng(SEED), shape)
    # The ledgers are shared by fork, not sent: they are most of the memory.
    with ProcessPoolExecutor(options.processes, mp_context=get_context("fork")) as pool:
        cells = [
            _cell(cell._replace(files=options.files or cell.files), pool)
            for cell in CELLS
            if cell.colluders <= options.most_colluders
        ]
        store = _store(options.store, pool)
    return {
        "machine": machine.describe(),
        "recipients": options.recipients,
        "people": options.people,
        "disclosures": {name: sum(map(len, one.sets)) for name, one in _worlds.items()},
        "never_disclosed": {name: one.undisclosed for name, one in _worlds.items()},
        "cells": cells,
        "store": store,
        "falsely_named": sum(cell["falsely_named"] for cell in cells) + store["named"],
        "seconds": round(time.perf_counter() - begun, 1),
    }


def _shapes(recipients: int, people: int) -> Iterator[tuple[str, Shape]]:
    size = {"recipients": recipients, "people": people, "most": min(50_000, people // 20)}
    size["least"] = min(1_000, size["most"] // 5)
    yield "independent", Shape(**size)
    yield "triples", Shape(**size, in_triples=0.59)
    yield "identical", Shape(**size, in_triples=0.59, identical=max(1, recipients // 30))


class Judged(NamedTuple):
    """One file: its rows, whether somebody guilty and everybody guilty was named, how many innocents were, whether the
    set that cannot be told apart was given, innocents by the formula of 2011, seconds, and ln e of guilty and others.
    """

    rows: int
    found: bool
    all_found: bool
    innocents: int
    as_set: bool
    classic: int
    seconds: float


def _cell(cell: Cell, pool: ProcessPoolExecutor) -> dict[str, Any]:
    judged = list(pool.map(partial(judge, cell), range(cell.files)))
    note(
        f"guilt: {cell.ledger}, {cell.colluders} x {cell.fraction:.0%}: {sum(j.found for j in judged)}/{cell.files}"
    )
    enough = [one for one in judged if one.rows >= FEW]
    return {
        "ledger": cell.ledger,
        "colluders": cell.colluders,
        "fraction": cell.fraction,
        "files": cell.files,
        "median_rows": median(one.rows for one in judged),
        "one_named": _share([one.found for one in judged]),
        "all_named": _share([one.all_found for one in judged]),
        "files_from_80_rows": len(enough),
        "one_named_from_80_rows": _share([one.found for one in enough]),
        "set_from_80_rows": _share([one.as_set for one in enough]),
        "falsely_named": sum(one.innocents for one in judged),
        "innocents_of_the_2011_formula": max(one.classic for one in judged),
        "seconds_each": round(sum(one.seconds for one in judged) / cell.files, 2),
    }


def judge(cell: Cell, number: int) -> Judged:
    """One file of a cell, and what is said about it."""
    world = _worlds[cell.ledger]
    dice = np.random.default_rng([SEED, number, cell.colluders, round(cell.fraction * 1_000)])
    eligible = {"triples": sorted(world.siblings), "identical": sorted(world.twins)}.get(cell.ledger)
    pool = np.array(eligible) if eligible else np.arange(len(world.sets))
    guilty = {int(k): cell.fraction for k in dice.choice(pool, cell.colluders, replace=False)}
    found = leaked(dice, world, guilty, FOREIGN)
    begun = time.perf_counter()
    result = attribute(evidence(world, found, len(found)), RULES)
    seconds = time.perf_counter() - begun
    named = _named(result)
    return Judged(
        rows=len(found),
        found=bool(named & set(guilty)),
        all_found=named >= set(guilty),
        innocents=len(named - set(guilty)),
        as_set=any(set(one) == {k, *world.twins.get(k, ())} for one in result.sets for k in guilty),
        classic=_classic(world, found, set(guilty)),
        seconds=seconds,
    )


def _store(files: int, pool: ProcessPoolExecutor) -> dict[str, Any]:
    """Copies of the store: whom they accuse, and whether the store comes first where 30 were never disclosed."""
    told = list(pool.map(_of_store, range(files), chunksize=8))
    enough = [one for one in told if one[0] >= 30]
    note(f"guilt: {files} copies of the store, {sum(one[1] for one in told)} name somebody")
    return {
        "files": files,
        "named": sum(one[1] for one in told),
        "files_from_30_never_disclosed": len(enough),
        "store_first": _share([one[2] for one in enough]),
        "over_the_line": _share([one[3] for one in enough]),
    }


def _of_store(number: int) -> tuple[int, int, bool, bool]:
    world = _worlds["independent"]
    dice = np.random.default_rng([SEED, number])
    rows = round(world.people / 1_000 * 20 ** dice.random())
    found: Ints = np.sort(dice.choice(world.people, rows, replace=False))
    seen = evidence(world, found, round(rows * (1 + FOREIGN)))
    result = attribute(seen, RULES)
    best = max(finding.weight for finding in result.findings)
    first = result.own_total > max(best, 0.0)
    return seen.dark_found, len(_named(result)), first, result.outcome is Outcome.OWN_STORE


def _named(result: Attribution) -> set[int]:
    return {finding.recipient for finding in result.findings if finding.named}


def _classic(world: Disclosed, found: Ints, guilty: set[int]) -> int:
    """Innocents whom the formula of 2011 gives 0.99: 1 - product over what they hold of (1 - (1-p)/holders)."""
    innocence = np.zeros(len(world.sets))
    for person in found:
        holders = world.holders_of(int(person))
        if len(holders):
            innocence[holders] += np.log1p(-(1 - GUESS) / len(holders))
    return sum(k not in guilty for k in np.flatnonzero(-np.expm1(innocence) >= 0.99))


def _share(of: Sequence[bool]) -> float | None:
    return round(sum(of) / len(of), 3) if of else None


def failures(result: dict[str, Any]) -> Iterator[str]:
    """Nobody innocent is ever named; a lone leaker of eighty rows is, or the set it cannot be told from."""
    if result["falsely_named"]:
        yield f"{result['falsely_named']} innocents were named"
    store = result["store"]
    if store["store_first"] is not None and store["store_first"] < 1:
        yield f"the store comes first in {store['store_first']:.1%} of its copies only"
    for cell in result["cells"]:
        if cell["colluders"] != 1 or cell["files_from_80_rows"] < 20:
            continue
        kind = "set" if cell["ledger"] == "identical" else "one_named"
        share, least = cell[f"{kind}_from_80_rows"], BARS.get(cell["ledger"], 1.0)
        if share < least:
            yield f"{cell['ledger']}, {cell['fraction']:.0%}: {share:.1%} instead of {least:.0%}"
