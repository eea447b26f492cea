"""Which of millions of tags are in the index: one join for each kind of tag, over its files.

What the index lacks is noted in the data base and looked at as well, so nothing that was committed when the sieve was
opened is missed. A tag that is in the index although its value is gone does no harm: a hit is only a reason to ask.
"""

from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl
from sqlalchemy import select

from vault.opening import Vault
from vault.tag_index_tables import tag_touched
from vault.tags import index_files as files
from vault.tags.indexing import refresh
from vault.tags.joins import InProcess, Join
from vault.tags.registry import kind


class Sieve:
    """An index opened for reading; used as a context manager. Not thread-safe."""

    def __init__(self, vault: Vault, folder: Path, now_ms: int, join: Join | None = None) -> None:
        """Bring the index in `folder` up to date (made anew if need be) and check its files.

        `join`: the engine, closed with the sieve; by default DuckDB in this process.
        """
        self._folder = folder
        self.listing = refresh(vault, folder, now_ms)
        files.check(folder, self.listing.files)
        with vault.data.read() as conn:
            rows = conn.execute(select(tag_touched.c.kind, tag_touched.c.tag)).all()
        self._noted: dict[int, list[int]] = {}
        for number, tag in rows:
            self._noted.setdefault(number, []).append(tag % (1 << 64))
        self._join = join or InProcess()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._join.close()

    def known(self, field: str, tags: pl.Series) -> pl.Series:
        """Those of a field's tags (unsigned, or null) that are known, each once."""
        number = kind(field)
        paths = [self._folder / file.name for file in self.listing.files if file.kind == number]
        asked = tags.drop_nulls()
        noted = pl.Series(self._noted.get(number, []), dtype=pl.UInt64)
        found = [noted.filter(noted.is_in(asked.implode())) if len(noted) else noted]
        if paths and len(asked):
            found.append(self._join.common(paths, asked))
        return pl.concat(found).unique()
