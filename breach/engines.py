"""What finds the tags of a dump in a large file: the names of the engines, and when each is taken."""

from enum import StrEnum
from typing import Final

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


def in_columns(engine: Engine, begun: Standing | None) -> bool:
    """Whether a dump is read in columns; a trace that was begun row by row is finished so."""
    if engine is Engine.PYTHON:
        return False
    return (
        begun is None or begun.finished or not begun.done or bool(begun.detail and begun.detail.get("mark"))
    )
