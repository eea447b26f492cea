"""Geometry of the charts of a trace report, as values: the template only writes them down as SVG.

All numbers are in the user units of the drawing, `WIDTH` wide. Nothing here knows a colour, a language or a text size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

WIDTH = 760.0
ROW = 30.0
LABELS = 230.0
NUMBERS = 90.0
TOP = 34.0
SHOWN = 12
"""Bars of a ranking at most; the table below has everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One line of the ranking: `at` its place in the report; `pale` against chance, `dark` against every other story."""

    at: int
    y: float
    pale: tuple[float, float]
    dark: tuple[float, float] | None
    kind: str
    figure: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Horizontal bars around a zero line, with the line from which somebody is named."""

    height: float
    bars: tuple[Bar, ...]
    zero: float
    line: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A density over time: SVG path, the middle, and the ends of the axis (Unix ms)."""

    path: str
    median: float
    low: float
    high: float
    since: int
    until: int


def ranking(lines: Sequence[Mapping[str, Any]], threshold: float) -> Bars:
    """Bars of the first lines of a ranking; what lies far below zero is cut at a fifth of the scale."""
    shown = list(enumerate(lines))[:SHOWN]
    shown += [(at, line) for at, line in enumerate(lines[SHOWN:], SHOWN) if line["kind"] != "recipient"]
    figures = [(line["ln_e"], _strict(line)) for _, line in shown]
    values = [value for both in figures for value in both if value is not None]
    most = max([threshold * 1.15, *values])
    least = max(min([0.0, *values]), -most / 5)
    unit = (WIDTH - LABELS - NUMBERS) / (most - least)
    zero = LABELS - least * unit

    def span(value: float) -> tuple[float, float]:
        length = max(value, least) * unit
        return round(zero + min(length, 0.0), 1), round(max(abs(length), 1.5), 1)

    bars = tuple(
        Bar(
            at=at,
            y=TOP + place * ROW,
            pale=span(plain),
            dark=None if strict is None else span(strict),
            kind="named" if line.get("named") else line["kind"],
            figure=plain if strict is None else strict,
        )
        for place, ((at, line), (plain, strict)) in enumerate(zip(shown, figures, strict=True))
    )
    return Bars(
        height=TOP + len(shown) * ROW + 8,
        bars=bars,
        zero=round(zero, 1),
        line=round(zero + threshold * unit, 1),
    )


def posterior(dated: Mapping[str, Any]) -> Curve | None:
    """The density between neighbouring twentieths of a posterior; None where all of it is one moment."""
    points = dated["posterior"]
    if not points or points[0] >= points[-1]:
        return None
    since, until = points[0], points[-1]
    unit = (WIDTH - 40) / (until - since)
    density = [1 / max(b - a, (until - since) / 400) for a, b in pairwise(points)]
    tall = max(density)
    steps = [
        f"L{20 + (a - since) * unit:.1f} {130 - 100 * d / tall:.1f} L{20 + (b - since) * unit:.1f} {130 - 100 * d / tall:.1f}"
        for (a, b), d in zip(pairwise(points), density, strict=True)
    ]
    return Curve(
        path=f"M20 130 {' '.join(steps)} L{WIDTH - 20:.1f} 130 Z",
        median=round(20 + (dated["median"] - since) * unit, 1),
        low=20.0,
        high=WIDTH - 20,
        since=since,
        until=until,
    )


def shares(counts: Mapping[str, int]) -> tuple[tuple[str, int, float], ...]:
    """(name, count, width of its bar), largest first."""
    most = max(counts.values(), default=1) or 1
    room = WIDTH - LABELS - NUMBERS
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple((name, count, round(room * count / most, 1)) for name, count in ordered)


def _strict(line: Mapping[str, Any]) -> float | None:
    """The figure that is compared with the line."""
    total = line.get("ln_e_total")
    return None if total is None else float(total)
