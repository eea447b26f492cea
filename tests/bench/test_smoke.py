"""The benchmarks run, at sizes that say nothing about speed: their checks and the shape of their answers are tested.

Each starts a server or two of its own. What one data base shows of a benchmark the other shows in the heavy run.
"""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.backends import Server
from tests.bench.load import split_answer
from tests.bench.meters import quantile, summary
from tests.bench.site import ROOT


def bench(*arguments: str) -> dict[str, Any]:
    """Run a benchmark as its user would; it must end with exit code 0."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", *arguments, "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("backend", [pytest.param("sqlite", marks=pytest.mark.heavy), "postgresql"])
def test_a_small_redeem_benchmark_loses_nothing_and_reports_its_ratios(
    backend: str, postgres: object
) -> None:
    if backend == "postgresql" and not isinstance(postgres, Server):
        pytest.skip(str(postgres))
    size = ("--redemptions", "64", "--rounds", "1", "--seconds", "0.2", "--connections", "16")

    result = bench("redeem", "--backend", backend, *size)[backend]

    assert result["sound"]
    assert result["late"] == 0
    assert result["disclosures"] == result["distinct_use_slots"] == result["answers_200"]
    assert result["redemptions_per_second"]["median"] > 0
    assert result["p50_ms"]["median"] <= result["p99_ms"]["median"]
    assert result["ratio_to_hello"]["median"] > 0
    assert result["ratio_to_echo"]["median"] > 0
    assert {name.partition(":")[0] for name in result["bars"]} >= {
        "1, 3",
        "2, 3",
        "4",
        "5",
        "6",
        "7",
        "8",
        "9",
        "10",
    }


@pytest.mark.parametrize("backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.heavy)])
def test_a_small_introspect_benchmark_finds_every_token_active_and_spends_none(
    backend: str, postgres: object
) -> None:
    if backend == "postgresql" and not isinstance(postgres, Server):
        pytest.skip(str(postgres))
    size = ("--questions", "100", "--rounds", "1", "--connections", "8")

    result = bench("introspect", "--backend", backend, *size)[backend]

    assert (result["asked"], result["active"], result["uses_spent"]) == (200, 200, 0)
    for form in ("json", "signed"):
        assert result[form]["ratio_to_hello"]["median"] > 0
        assert result[form]["p50_ms"]["median"] <= result[form]["p99_ms"]["median"]


def test_a_small_trace_benchmark_finds_everybody_planted_and_nobody_else() -> None:
    result = bench("trace", "--people", "600", "--rows", "3000", "--received", "40", "--elsewhere", "2")

    assert (result["recall"], result["precision"]) == (1.0, 1.0)
    assert result["innocents_named"] == 0
    assert result["rows"] == 3000
    assert result["peak_memory_mb"] > 10


def test_a_small_selfcheck_benchmark_finds_everybody_asked_for_and_nobody_else() -> None:
    result = bench("selfcheck", "--rows", "400", "--asked", "20")

    assert (result["missed"], result["falsely_found"], result["lengths"]) == (0, 0, 1)
    assert (result["identifiers"], result["bits"]) == (1_200, 1)
    assert result["ratio_to_two_exchanges_of_the_library"] > 0


def test_a_small_vault_benchmark_ledgers_every_read_and_reports_its_bars(postgres: object) -> None:
    if not isinstance(postgres, Server):
        pytest.skip(str(postgres))
    size = ("--creates", "6", "--reads", "8", "--bulk", "60", "--rounds", "1", "--keys", "50")

    result = bench("vault", *size, "--seconds", "0.2")

    assert result["sound"]
    assert result["values"] == 9
    assert result["tags"] >= 43
    assert result["rewrapped_keys"] >= 2 * 50
    assert set(result["bars"]) >= {"creates_per_second", "reads_per_second", "rewrap_seconds"}


@pytest.mark.heavy
def test_a_small_bulk_load_survives_a_kill_with_everybody_there_once() -> None:
    result = bench("bulk", "--backend", "sqlite", "--people", "120")

    assert result["sound"]
    assert result["keys_handed_out"] == 120


def test_an_answer_is_split_from_the_stream_only_when_it_is_complete() -> None:
    whole = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 2"

    assert split_answer(whole[:30]) is None
    assert split_answer(whole[: whole.index(b"abc") + 2]) is None
    assert split_answer(whole) == (401, b"abc", b"HTTP/1.1 2")


def test_a_summary_names_median_extremes_and_spread() -> None:
    assert summary([1.0, 4.0, 2.0]) == {"median": 2.0, "min": 1.0, "max": 4.0, "spread": 1.5}
    assert quantile([], 0.5) == 0.0
    assert quantile([3.0, 1.0, 2.0], 0.99) == 3.0


def test_a_small_rotation_benchmark_replaces_every_layer_and_fails_no_read() -> None:
    result = bench("rotation", "--backend", "sqlite", "--people", "60")

    for layer in ("tenant", "person", "index"):
        assert result[layer]["failed_reads"] == result[layer]["left_over"] == 0
        assert result[layer]["done"] >= 60


@pytest.mark.parametrize("backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.heavy)])
def test_a_small_withdraw_benchmark_lets_nothing_be_late(backend: str, postgres: object) -> None:
    if backend == "postgresql" and not isinstance(postgres, Server):
        pytest.skip(str(postgres))

    result = bench("withdraw", "--backend", backend, "--withdrawals", "4", "--redemptions", "40")[backend]

    assert result["sound"]
    assert result["late"] == 0
    assert result["withdrawals"] == 4
    assert result["raced"] > 0
    assert result["p50_ms"] <= result["p99_ms"]


def test_a_small_ledger_benchmark_on_sqlite_finds_every_proof_sound_and_names_its_references() -> None:
    size = ("--appends", "640", "--leaves", "1000", "70000", "--proofs", "20", "--people", "600")

    result = bench(
        "ledger", "--backend", "sqlite", *size, "--entries", "2000", "--rounds", "1", "--seconds", "0.1"
    )

    assert result["sqlite"]["stored"] == 640
    assert result["sqlite"]["ratio_to_plain_commits"] > 0
    assert [(one["leaves"], one["wrong"]) for one in result["logs"]] == [(1000, 0), (70000, 0)]
    assert result["index"]["rows"] == 600
    assert result["completeness"]["proved"] == 100
    assert result["completeness"]["ratio_to_ed25519_verify"] > 0
    assert result["bars"]["completeness bytes <= 40 KB"]
    assert result["completeness"]["bytes_opened"] > result["completeness"]["bytes"]
    assert (result["fsck"]["entries"], result["fsck"]["findings"]) == (2000, 0)
    assert not any("leaves" in name for name in result["bars"]), (
        "no bar is told for a size that was not measured"
    )


def test_a_small_ledger_benchmark_on_postgresql_stores_what_four_processes_append(postgres: object) -> None:
    if not isinstance(postgres, Server):
        pytest.skip(str(postgres))

    result = bench(
        "ledger", "--backend", "postgresql", "--appends", "320", "--batch", "20", "--seconds", "0.1"
    )

    for name in ("one_log", "own_logs"):
        figures = result["postgresql"][name]
        assert (figures["appends"], figures["stored"]) == (320, 320)
        assert figures["entries_per_second"] > 0


def test_a_small_intake_benchmark_reads_every_row_of_every_shape() -> None:
    result = bench("intake", "--rows", "300")

    assert all(shape["complete"] for shape in result["shapes"].values())
    assert result["shapes"]["delimited"]["ratio_to_delimited"] == 1


def test_a_small_guilt_benchmark_names_nobody_innocent_and_puts_the_store_first() -> None:
    size = ("--recipients", "60", "--people", "40000", "--files", "3", "--store", "10")

    result = bench("guilt", *size, "--most-colluders", "1", "--processes", "1")

    assert result["falsely_named"] == 0
    assert (result["store"]["named"], result["store"]["store_first"]) == (0, 1.0)
    whole = next(cell for cell in result["cells"] if cell["fraction"] == 1.0)
    assert (whole["ledger"], whole["one_named"]) == ("independent", 1.0)


def test_a_small_marks_benchmark_accuses_no_innocent_and_scores_them_as_the_decoder_does() -> None:
    parts = ("--parts", "innocents", "worst", "calibration", "ledger")
    size = ("--scores", "60000", "--keyed", "0", "--files", "1", "--leaks", "1", "--people", "20000")

    result = bench("marks", *size, *parts)

    assert result["innocents"]["accused"] == 0
    assert result["innocents"]["highest_ln_e"] > 2.3
    assert result["innocents"]["difference_to_the_decoder"] < 1e-9
    assert {cell["leakers"] for cell in result["worst_case"]} == {1, 2, 3, 5}
    assert result["bars"]["innocents accused in files"].startswith("met")


def test_a_small_benchmark_in_columns_finds_what_was_planted() -> None:
    result = bench("columns", "--people", "4096", "--rows", "2000", "--one-in", "50")

    assert [one["found"] for one in result["runs"]] == [one["planted"] for one in result["runs"]] == [40, 40]
