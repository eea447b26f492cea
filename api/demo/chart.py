"""Geometry of the report's two drawings, as values: the template only writes them down as SVG.

All numbers are in the user units of the drawing, which is `WIDTH` wide. Nothing here knows a colour or a text size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 760.0
ROW = 30.0
LABELS = 230.0
NUMBERS = 70.0
TOP = 34.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: where it stands, its label, its value as text and its kind (a style class)."""

    label: str
    text: str
    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChart:
    """Horizontal bars around a zero line, with one marked threshold."""

    width: float
    height: float
    bars: tuple[Bar, ...]
    zero_x: float
    threshold_x: float
    threshold: float


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


def bar_chart(rows: Sequence[tuple[str, float, str]], threshold: float) -> BarChart:
    """Bars for (label, value, kind). Values far below zero are cut at a fifth of the scale, and so drawn."""
    most = max([threshold * 1.15, *(value for _, value, _ in rows), 1e-9])
    least = max(min([0.0, *(value for _, value, _ in rows)]), -most / 5)
    room = WIDTH - LABELS - NUMBERS
    unit = room / (most - least)
    zero = LABELS - least * unit
    bars = []
    for place, (label, value, kind) in enumerate(rows):
        length = max(value, least) * unit
        bars.append(
            Bar(
                label=label,
                text=f"{value:,.1f}",
                kind=kind,
                x=round(zero + min(length, 0.0), 1),
                y=round(TOP + place * ROW, 1),
                width=round(max(abs(length), 1.5), 1),
                height=ROW - 10,
            )
        )
    return BarChart(
        width=WIDTH,
        height=TOP + len(rows) * ROW + 8,
        bars=tuple(bars),
        zero_x=round(zero, 1),
        threshold_x=round(zero + threshold * unit, 1),
        threshold=threshold,
    )


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
