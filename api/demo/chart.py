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
class Span:
    """One rectangle of a bar."""

    x: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One hypothesis: its label, the decisive value as text, its kind (a style class), and what is drawn.

    `wide` is the first value, pale and full height; `narrow` the stricter second one inside it, if there is one.
    """

    label: str
    text: str
    kind: str
    y: float
    wide: Span
    narrow: Span | None


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


def bar_chart(rows: Sequence[tuple[str, str, float, float | None]], threshold: float) -> BarChart:
    """Bars for (label, kind, value, stricter value). Values far below zero are cut at a fifth of the scale."""
    values = [value for row in rows for value in row[2:] if value is not None]
    most = max([threshold * 1.15, *values])
    least = max(min([0.0, *values]), -most / 5)
    unit = (WIDTH - LABELS - NUMBERS) / (most - least)
    zero = LABELS - least * unit

    def span(value: float) -> Span:
        length = max(value, least) * unit
        return Span(x=round(zero + min(length, 0.0), 1), width=round(max(abs(length), 1.5), 1))

    bars = tuple(
        Bar(
            label=label,
            text=f"{value if stricter is None else stricter:,.1f}",
            kind=kind,
            y=round(TOP + place * ROW, 1),
            wide=span(value),
            narrow=None if stricter is None else span(stricter),
        )
        for place, (label, kind, value, stricter) in enumerate(rows)
    )
    return BarChart(
        width=WIDTH,
        height=TOP + len(rows) * ROW + 8,
        bars=bars,
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
