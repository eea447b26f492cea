"""What finds the tags of a dump in a large file: the names of the engines, and when each is taken."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from breach.intake.dialect import Hurdle
from breach.stages import Standing

IN_COLUMNS_FROM: Final = 64 << 20
"""Bytes of a dump from which on the index is worth opening."""


class Engine(StrEnum):
    """`auto` takes `duckdb` for large dumps and `python`, which looks at row by row, for all others."""

    AUTO = "auto"
    PYTHON = "python"
    DUCKDB = "duckdb"
    SPARK = "spark"


def taken(engine: Engine, size: int, *, indexed: bool) -> Engine:
    """The engine that a dump of `size` bytes is matched by; `indexed`: there is a place for an index."""
    if engine is not Engine.AUTO:
        return engine
    return Engine.DUCKDB if indexed and size >= IN_COLUMNS_FROM else Engine.PYTHON


@dataclass(frozen=True, slots=True)
class Way:
    """The engine that matches a dump, and what kept the one that was to do it from it."""

    engine: Engine
    hurdle: Hurdle | None = None

    @property
    def in_columns(self) -> bool:
        """Whether the dump is read in columns."""
        return self.engine is not Engine.PYTHON

    def over(self, hurdle: Hurdle | None) -> "Way":
        """The way that is left where there is a hurdle."""
        return Way(Engine.PYTHON, hurdle) if hurdle and self.in_columns else self


def way(engine: Engine, begun: Standing | None, *, linking: bool, indexed: bool) -> Way:
    """How a dump is matched, as far as that is known before it is read."""
    way = Way(engine).over(None if indexed else Hurdle.NO_INDEX)
    # Blind codes are made of the rows that nobody is found by, which sheets would leave out.
    return way.over(Hurdle.LINKING if linking else None).over(Hurdle.BEGUN if _by_row(begun) else None)


def _by_row(begun: Standing | None) -> bool:
    """Whether a trace was begun row by row and not finished: it is finished so."""
    if begun is None or begun.finished or not begun.done:
        return False
    return not (begun.detail and begun.detail.get("mark"))
