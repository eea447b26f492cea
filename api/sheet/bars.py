"""Geometry of a drawn ranking, as values: the template only writes them down as SVG.

All numbers are in the user units of the drawing, `WIDTH` wide. Nothing here knows a colour, a language or a
text size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from unicodedata import east_asian_width

WIDTH = 760.0
ROW = 30.0
LABELS = 230.0
NUMBERS = 90.0
TOP = 34.0
COLUMNS = 30
"""Of text there is room for beside a bar; a Chinese character takes two."""


class Line(NamedTuple):
    """One hypothesis: its label, its kind (a style class), the first figure and, if there is one, the stricter second."""

    label: str
    kind: str
    figure: float
    stricter: float | None


class Span(NamedTuple):
    """One rectangle of a bar."""

    x: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """`pale`: the first figure, full height; `dark`: the stricter one inside it; `figure`: the one that decides."""

    label: str
    kind: str
    y: float
    pale: Span
    dark: Span | None
    figure: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Horizontal bars around a zero line, with the line from which somebody is named."""

    width: float
    height: float
    bars: tuple[Bar, ...]
    zero: float
    threshold: float


def bars(lines: Sequence[Line], threshold: float) -> Bars:
    """One bar for each line; what lies far below zero is cut at a fifth of the scale."""
    values = [value for line in lines for value in (line.figure, line.stricter) if value is not None]
    most = max([threshold * 1.15, *values])
    least = max(min([0.0, *values]), -most / 5)
    unit = (WIDTH - LABELS - NUMBERS) / (most - least)
    zero = LABELS - least * unit

    def span(value: float) -> Span:
        length = max(value, least) * unit
        return Span(round(zero + min(length, 0.0), 1), round(max(abs(length), 1.5), 1))

    drawn = tuple(
        Bar(
            label=_shortened(line.label),
            kind=line.kind,
            y=round(TOP + place * ROW, 1),
            pale=span(line.figure),
            dark=None if line.stricter is None else span(line.stricter),
            figure=line.figure if line.stricter is None else line.stricter,
        )
        for place, line in enumerate(lines)
    )
    return Bars(
        width=WIDTH,
        height=TOP + len(lines) * ROW + 8,
        bars=drawn,
        zero=round(zero, 1),
        threshold=round(zero + threshold * unit, 1),
    )


def _shortened(label: str) -> str:
    """As much of a label as there is room for."""
    room = COLUMNS
    for at, letter in enumerate(label):
        room -= 2 if east_asian_width(letter) in "WF" else 1
        if room < 0:
            return f"{label[:at].rstrip()}…"
    return label
