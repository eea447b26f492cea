"""Which of millions of tags are in the index: a mask in front, and one join for each kind of tag, over its files.

What the index lacks is noted in the data base and looked at as well, so nothing that was committed when the sieve was
opened is missed. A tag that is in the index although its value is gone does no harm: a hit is only a reason to ask.
"""

from itertools import batched
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import polars as pl
from sqlalchemy import select

from vault.opening import Vault
from vault.tag_index import files
from vault.tag_index.indexing import refresh
from vault.tag_index.joins import InProcess, Join
from vault.tag_index.mask import Mask
from vault.tag_index.tables import tag_touched
from vault.tags.registry import kind

MASKED_FROM: Final = 1_000_000
"""Tags asked for at once from which on a mask costs less than it spares."""

_FILES: Final = 16
"""Files that are read together."""


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
        self._masks: dict[int, Mask] = {}

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
        possible = self._possible(number, asked) if paths else asked
        if paths and len(possible):
            found.append(self._join.common(paths, possible))
        return pl.concat(found).unique()

    def _possible(self, number: int, asked: pl.Series) -> pl.Series:
        """What is left for the join."""
        mask = self._masks.get(number)
        if mask is None:
            if len(asked) < MASKED_FROM:
                return asked
            mine = [file for file in self.listing.files if file.kind == number]
            held = (files.tags_in(self._folder, some) for some in batched(mine, _FILES))
            mask = Mask(sum(file.tags for file in mine), held)
            self._masks[number] = mask
        return mask.possible(asked)
