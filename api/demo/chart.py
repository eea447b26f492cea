"""Geometry of the report's time line, as values: the template only writes them down as SVG.

All numbers are in the user units of the drawing (`api.sheet.bars`). Nothing here knows a colour or a text size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from api.sheet.bars import LABELS, NUMBERS, ROW, TOP, WIDTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One moment of the time line: horizontal place, and the text's place below it."""

    x: float
    width: float
    y: float
    label: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLine:
    """Phases as bars one below the other against one common scale of seconds."""

    width: float
    height: float
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, int], ...]


def time_line(phases: Sequence[tuple[str, float, float]]) -> TimeLine:
    """Phases as (label, begin, end) in seconds since the start of the story."""
    last = max([end for _, _, end in phases] + [1.0])
    unit = (WIDTH - LABELS - NUMBERS) / last
    marks = tuple(
        Mark(
            label=label,
            x=round(LABELS + begin * unit, 1),
            width=round(max((end - begin) * unit, 2.0), 1),
            y=round(TOP + place * ROW, 1),
            seconds=round(end - begin, 1),
        )
        for place, (label, begin, end) in enumerate(phases)
    )
    step = next(step for step in (1, 2, 5, 10, 20, 60, 300, 3600, 10**6) if last / step <= 8)
    ticks = tuple((round(LABELS + second * unit, 1), second) for second in range(0, int(last) + 1, step))
    return TimeLine(width=WIDTH, height=TOP + len(phases) * ROW + 8, marks=marks, ticks=ticks)
