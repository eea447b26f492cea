"""Which of many tags are in files of tags: one plan, by DuckDB in this process or by Spark on a cluster.

The plan is a semi-join, written once for any engine (`plan`, by Ibis) and once in SQL: Ibis brings a gigabyte
of libraries that nobody needs who has no cluster. Tests hold the two against each other. All that either is
given are tags; for Spark those that are asked for lie in the folder of the index meanwhile, where its workers
must be able to read.
"""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import duckdb
import polars as pl

MEMORY: Final = "2GB"
_SQL = "SELECT i.tag FROM read_parquet(?) i SEMI JOIN asked ON asked.tag = i.tag"


class Join(Protocol):
    """Tags (UInt64) that are both in the files and among those asked for."""

    def common(self, paths: Sequence[Path], asked: pl.Series) -> pl.Series: ...

    def close(self) -> None: ...


class InProcess:
    """DuckDB, in memory."""

    def __init__(self) -> None:
        self.data = duckdb.connect(":memory:", config={"memory_limit": MEMORY, "temp_directory": ""})

    def common(self, paths: Sequence[Path], asked: pl.Series) -> pl.Series:
        """One query over all files; the tags asked for are handed over where they lie."""
        self.data.register("asked", {"tag": asked.reinterpret(signed=True).to_numpy()})
        found = self.data.execute(_SQL, [list(map(str, paths))]).fetchnumpy()["tag"]
        self.data.unregister("asked")
        return pl.Series(found, dtype=pl.Int64).reinterpret(signed=False)

    def close(self) -> None:
        self.data.close()


class Planned:
    """Any engine that Ibis speaks to."""

    def __init__(self, backend: Any, folder: Path) -> None:
        """`folder`: private, and readable by whoever works for the engine."""
        self._backend = backend
        self._folder = folder

    def common(self, paths: Sequence[Path], asked: pl.Series) -> pl.Series:
        """One plan over all files."""
        lent = self._folder / f"asked-{secrets.token_hex(8)}.parquet"
        try:
            lent.touch(mode=0o600)
            pl.DataFrame({"tag": asked.reinterpret(signed=True)}).write_parquet(lent)
            first, *others = [self._backend.read_parquet(str(path)) for path in paths]
            index = first.union(*others) if others else first
            found = plan(index, self._backend.read_parquet(str(lent))).to_pyarrow()["tag"].to_pylist()
        finally:
            lent.unlink(missing_ok=True)
        return pl.Series(found, dtype=pl.Int64).reinterpret(signed=False)

    def close(self) -> None:
        self._backend.disconnect()


def plan(index: Any, asked: Any) -> Any:
    """The tags of one Ibis table that are in another, each once."""
    return index.semi_join(asked, "tag").select("tag").distinct()


def on_spark(folder: Path) -> Planned:
    """By the cluster that Spark's own configuration names; raises ModuleNotFoundError without the extra `spark`."""
    import ibis  # noqa: PLC0415 - an extra
    from pyspark.sql import SparkSession  # noqa: PLC0415

    session = (
        SparkSession.builder.appName("perusal").config("spark.sql.session.timeZone", "UTC").getOrCreate()
    )
    return Planned(ibis.pyspark.connect(session), folder)
