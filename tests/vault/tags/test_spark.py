"""The plan of the join on a real cluster of several processes: the same tags as DuckDB finds, by SQL and by the plan."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from tests.vault.people import made_up as people
from vault.tag_index.files import read_part
from vault.tag_index.indexing import build
from vault.tag_index.joins import InProcess, Planned
from vault.tags import kind

ibis = pytest.importorskip("ibis")
pyspark = pytest.importorskip("pyspark")

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(shutil.which("java") is None, reason="no Java here"),
    pytest.mark.filterwarnings("ignore"),  # other people's libraries
]


@pytest.fixture
def session(monkeypatch):
    from pyspark.sql import SparkSession

    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    monkeypatch.setenv("SPARK_HOME", str(Path(pyspark.__file__).parent))
    made = (
        SparkSession.builder.master("local-cluster[2,1,1024]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    yield made
    made.stop()


def test_a_cluster_finds_what_duckdb_finds(vault, tmp_path, now, monkeypatch, session):
    monkeypatch.setattr("vault.tag_index.indexing.FEW_PEOPLE", 5)  # several files
    people.enrol(vault, range(60), now)
    folder = tmp_path / "index"
    mine = [file for file in build(vault, folder, now).files if file.kind == kind("phone")]
    known = pl.concat([read_part(folder, file) for file in mine])
    asked = pl.concat([known.head(20), pl.Series([1, 1 << 63, (1 << 64) - 1], dtype=pl.UInt64)])
    paths = [Path(folder / file.name) for file in mine]

    found = [
        sorted(join.common(paths, asked))
        for join in (
            InProcess(),
            Planned(ibis.duckdb.connect(), folder),
            Planned(ibis.pyspark.connect(session), folder),
        )
    ]

    assert len(mine) > 5
    assert found[0] == found[1] == found[2] == sorted(known.head(20))
    assert not list(folder.glob("asked-*"))
