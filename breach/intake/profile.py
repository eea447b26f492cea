"""What a dump is, without anything that is in it: shape, columns with the kinds of their cells, and the account of it.

Needs no vault and no key. Rows are counted by layout; the kinds of cells are counted in a sample spread over
each block.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from breach.intake.columns import Columns, kind_of, measured
from breach.intake.isolated import Reading
from breach.intake.parts import LOOSE
from breach.intake.source import Source

type Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total) in bytes."""

_SAMPLE = 200
_LAYOUTS = 50
_OTHER = "other"
_EMPTY = "empty"


@dataclass(slots=True)
class _Layout:
    rows: int = 0
    sampled: int = 0
    cells: list[Counter[str]] = field(default_factory=list)

    def add(self, rows: list[list[str]]) -> None:
        self.rows += len(rows)
        for row in rows[:: max(len(rows) // _SAMPLE, 1)]:
            self.sampled += 1
            self.cells += [Counter() for _ in range(len(row) - len(self.cells))]
            for counts, cell in zip(self.cells, row, strict=False):
                counts[_kind(cell)] += 1


def profile(source: Source, progress: Progress) -> dict[str, Any]:
    """The profile of a dump as a JSON object; raises DumpRefused."""
    layouts: dict[Columns, _Layout] = {}
    with Reading(source) as reading:
        for block in reading.blocks():
            for part in block.parts:
                known = part.columns in layouts or len(layouts) < _LAYOUTS
                layouts.setdefault(part.columns if known else LOOSE, _Layout()).add(part.rows)
            progress("reading", reading.read, source.size)
        return {
            "bytes": source.size,
            "format": reading.dialect.as_dict(),
            "lines": reading.tally,
            "layouts": [_as_dict(columns, layout) for columns, layout in layouts.items()],
        }


def _kind(cell: str) -> str:
    kind = kind_of(cell) or measured(cell)
    return kind.value if kind else _OTHER if cell and not cell.isspace() else _EMPTY


def _as_dict(columns: Columns, layout: _Layout) -> dict[str, Any]:
    kinds = columns.as_list()
    return {
        "loose": columns == LOOSE,
        "rows": layout.rows,
        "sampled": layout.sampled,
        "columns": [
            {"kinds": kinds[at] if at < len(kinds) else [], "cells": dict(sorted(counts.items()))}
            for at, counts in enumerate(layout.cells)
        ],
    }
