"""Reads what a process has used, from /proc, and sums up a list of timings.

CPU is user plus system time of all threads; children count only when asked for. Peak memory is VmHWM, the
high-water mark of the resident set.
"""

import os
from collections.abc import Sequence
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
LEAST_CPU_SECONDS = 1 / _TICK
"""The smallest difference /proc can show: a short run that shows none has used up to this."""


def cpu_seconds(pid: int, *, children: bool = False) -> float:
    """CPU seconds used so far by a living process, with its living descendants if asked."""
    total = _own_cpu(pid)
    if children:
        total += sum(_own_cpu(child) for child in descendants(pid))
    return total


def _own_cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICK


def descendants(pid: int) -> list[int]:
    """Living processes below `pid`, any depth."""
    parents = dict(_parents())
    found = [pid]
    for candidate in found:  # grows while it is walked: breadth first
        found += [child for child, parent in parents.items() if parent == candidate]
    return found[1:]


def _parents() -> list[tuple[int, int]]:
    pairs = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            pairs.append((int(entry.name), int(fields[1])))
    return pairs


def peak_memory_mb(pid: int | str = "self") -> float:
    """High-water mark of the resident set in megabytes (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the sample lies (nearest rank); 0 for an empty sample."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def summary(values: Sequence[float], digits: int = 3) -> dict[str, float]:
    """Median, extremes and spread ((max - min) / median) of repeated measurements."""
    middle = quantile(values, 0.5)
    return {
        "median": round(middle, digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
        "spread": round((max(values) - min(values)) / middle, 3) if middle else 0.0,
    }
