"""Geometry of the charts of a trace report, as values: the template only writes them down as SVG.

All numbers are in the user units of the drawing (`api.sheet.bars`). Nothing here knows a colour, a language or
a text size.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from api.sheet.bars import LABELS, NUMBERS, WIDTH, Bars, Line, bars

SHOWN = 12
"""Bars of a ranking at most; the table below has everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A density over time: SVG path, the middle, and the ends of the axis (Unix ms)."""

    path: str
    median: float
    low: float
    high: float
    since: int
    until: int


def ranking(
    lines: Sequence[Mapping[str, Any]], threshold: float, label: Callable[[Mapping[str, Any]], str]
) -> Bars:
    """Bars of the first lines of a ranking, and of what is no recipient in the others."""
    shown = [*lines[:SHOWN], *(line for line in lines[SHOWN:] if line["kind"] != "recipient")]
    return bars(
        [
            Line(
                label(line),
                "named" if line.get("named") else line["kind"],
                line["ln_e"],
                line.get("ln_e_total"),
            )
            for line in shown
        ],
        threshold,
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
