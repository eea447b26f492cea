"""The program that weighs pairs of records in clear with Splink, alone: pairs in by pipe, weights out by pipe.

Started by path with an empty environment, without anything of this project. Before it reads the first value it
gives up files it could write, the network where the system lets it, and most memory; DuckDB is told to keep
everything in memory and to load nothing. It tells nobody what went wrong inside: an error may quote a value.

In: JSON `{"pairs": [[record, record], ...], "model": null or [comparison, ...]}`, a record being values by field.
Out: JSON `{"weights": [...], "model": [...]}`: by pair log2 of how much likelier it is if both are one person, and
by field the levels it was weighed by, each with its probabilities among pairs of one person (m) and of two (u).
"""

import ctypes
import importlib
import json
import logging
import math
import os
import resource
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

type Pair = Sequence[Mapping[str, str]]
type Model = Sequence[Mapping[str, Any]]

MEMORY: Final = 6 << 30
"""Bytes of address space, of which DuckDB and Arrow reserve far more than they use."""

ENOUGH: Final = 400
"""From so many pairs on, the probabilities are learnt from the pairs themselves."""

_SECONDS: Final = 900
_RANDOM_PAIRS: Final = 1e6

_STATED: Final[Mapping[str, tuple[str, list[float], list[float], list[float]]]] = {
    "name": (
        "JaroWinkler",
        [0.95, 0.88, 0.7],
        [0.50, 0.20, 0.08, 0.10, 0.12],
        [1e-4, 6e-5, 9e-4, 0.011, 0.988],
    ),
    "birth_date": ("Levenshtein", [1, 2], [0.92, 0.03, 0.01, 0.04], [2e-4, 1.1e-3, 0.0137, 0.985]),
    "address": (
        "JaroWinkler",
        [0.95, 0.85, 0.7],
        [0.30, 0.35, 0.22, 0.09, 0.04],
        [2e-5, 9e-5, 4e-4, 0.011, 0.9885],
    ),
    "resident_id": ("Levenshtein", [1, 2], [0.90, 0.05, 0.01, 0.04], [1e-4, 5e-5, 3e-4, 0.99955]),
    "email": ("JaroWinkler", [0.95, 0.88], [0.70, 0.10, 0.05, 0.15], [1e-4, 2e-4, 1e-3, 0.9987]),
}
"""By field: how values are compared, from where on they are how close, and m and u of each level while there are too few
pairs to learn them from; rounded from what FEBRL4 teaches.
"""


def main() -> int:
    """Read the pairs, weigh them, write the weights."""
    logging.disable(logging.CRITICAL)
    splink, duckdb, arrow = (importlib.import_module(name) for name in ("splink", "duckdb", "pyarrow"))
    compare = importlib.import_module("splink.comparison_library")
    _confine()
    asked = json.load(sys.stdin)
    connection = duckdb.connect(
        config={
            "threads": 1,
            "memory_limit": "2GB",
            "temp_directory": "",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    json.dump(_weighed((splink, compare, arrow, connection), asked["pairs"], asked["model"]), sys.stdout)
    return 0


def _weighed(
    libraries: tuple[Any, Any, Any, Any], pairs: Sequence[Pair], model: Model | None
) -> dict[str, Any]:
    splink, compare, arrow, connection = libraries
    fields = [field for field in _STATED if any(field in one and field in other for one, other in pairs)]
    database = splink.DuckDBAPI(connection=connection)
    tables = [
        database.register(_table(arrow, fields, [pair[side] for pair in pairs]), dataset_display_name=name)
        for side, name in enumerate(("one", "other"))
    ]
    known = {one["field"]: one for one in model or ()}
    together = splink.block_on("pair")
    settings = splink.SettingsCreator(
        link_type="link_only",
        blocking_rules_to_generate_predictions=[together],
        comparisons=[_comparison(compare, field, known.get(field)) for field in fields],
        retain_matching_columns=False,
    )
    linker = splink.Linker(tables, settings, log_level=logging.CRITICAL)
    if model is None and len(pairs) >= ENOUGH:
        linker.training.estimate_u_using_random_sampling(max_pairs=_RANDOM_PAIRS, seed=1)
        linker.training.estimate_parameters_using_expectation_maximisation(together)
    weights = [0.0] * len(pairs)
    prior = linker.misc.save_model_to_json()["probability_two_random_records_match"]
    for row in linker.inference.predict().as_record_list():
        weights[int(row["unique_id_l"])] = row["match_weight"] - _log_odds(prior)
    return {"weights": [round(weight, 6) for weight in weights], "model": _model(linker, fields)}


def _log_odds(probability: float) -> float:
    return math.log2(probability / (1 - probability))


def _table(arrow: Any, fields: Sequence[str], records: Sequence[Mapping[str, str]]) -> Any:
    columns: dict[str, Any] = {
        "unique_id": arrow.array([str(at) for at in range(len(records))]),
        "pair": arrow.array(range(len(records)), arrow.int64()),
    }
    for field in fields:
        columns[field] = arrow.array([record.get(field) or None for record in records], arrow.string())
    return arrow.table(columns)


def _comparison(compare: Any, field: str, known: Mapping[str, Any] | None) -> Any:
    how, thresholds, m, u = _STATED[field]
    if known is not None:
        m, u = known["m"], known["u"]
    return getattr(compare, f"{how}AtThresholds")(field, thresholds).configure(
        m_probabilities=m, u_probabilities=u
    )


def _model(linker: Any, fields: Sequence[str]) -> list[dict[str, Any]]:
    made = linker.misc.save_model_to_json()["comparisons"]
    found = []
    for field, comparison in zip(fields, made, strict=True):
        levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        found.append(
            {
                "field": field,
                "m": [float(level["m_probability"]) for level in levels],
                "u": [float(level["u_probability"]) for level in levels],
            }
        )
    return found


def _confine() -> None:
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(38, 1, 0, 0, 0)  # no new privileges
        libc.prctl(4, 0, 0, 0, 0)  # nobody looks into its memory
        for spaces in (os.CLONE_NEWUSER | os.CLONE_NEWNET, os.CLONE_NEWNET):
            with suppress(OSError):
                os.unshare(spaces)
                break
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, _SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        _, hard = resource.getrlimit(what)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (least, least))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception:  # noqa: BLE001 - what it says may quote a value
        sys.exit(1)
