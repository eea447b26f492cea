"""Which bars of limits.md a run of redemptions meets, by its medians; slow is reported, never a failure.

Bars 4 and 5 are of redemptions without a proof of possession, which ours cannot do: what the proof costs is what the route
that only checks one costs above `hello`, in the same run. Bar 7 takes the commit from a client that is alone, and bar 8 five
times the reference with 16 clients. Bar 10 asks what the log costs above the same path without it; there is no such path
here, so the whole time in `append` is taken for it, entries and all: it is met if that is little enough.
"""

from collections.abc import Mapping
from typing import Any, Final

LOG: Final = "log_cost_at_most <= 0.1"
NOT_JUDGED: Final = "not judged"


def bars(figures: Mapping[str, Any], *, on_postgresql: bool) -> dict[str, bool | str]:
    """The verdicts by what is compared; where a reference is not installed, that it was not judged."""
    share, wait, least = (0.50, 2.0, 1.8) if on_postgresql else (0.42, 2.3, 2.2)
    held: dict[str, bool | str] = {
        f"1, 3: ratio_to_hello >= {share}": _median(figures, "ratio_to_hello") >= share,
        "4: cpu_ratio_to_hello <= 3.3": _median(figures, "cpu_ratio_to_hello") <= 3.3,
        f"4: cpu_ratio_without_proof <= {least}": _median(figures, "cpu_ratio_without_proof") <= least,
        f"6: p99_over_p50 <= {wait}": _median(figures, "p99_over_p50") <= wait,
        "6: p999_over_p50 <= 5": _median(figures, "p999_over_p50") <= 5,
        "ratio_to_echo >= 0.7": _median(figures, "ratio_to_echo") >= 0.7,
        f"10: {LOG}": figures["log_cost_at_most"] <= 0.1,
        "9: on a disk that takes 2 ms to write": NOT_JUDGED,
    }
    if on_postgresql:
        both = "cpu_ratio_with_database_without_proof"
        held[f"5: {both} <= 2.4"] = _median(figures, both) <= 2.4
    return held | _against_floor(figures, on_postgresql=on_postgresql)


def _against_floor(figures: Mapping[str, Any], *, on_postgresql: bool) -> dict[str, bool | str]:
    """Bars 2, 3, 7 and 8, which compare with the data base by itself."""
    through, alone = (2.0, 5.0) if on_postgresql else (1.6, 4.5)
    names = [f"2, 3: ratio_to_floor >= {through}", f"8: store_alone_to_floor >= {alone}"]
    names.append("7: p50_ms_alone <= hello_p50_ms_alone + 2.5 commit_p50_ms_alone")
    if not isinstance(figures["ratio_to_floor"], Mapping) or figures["commit_p50_ms_alone"] is None:
        return dict.fromkeys(names, NOT_JUDGED)
    floor = _median(figures, "floor_per_second")
    most = figures["hello_p50_ms_alone"] + 2.5 * figures["commit_p50_ms_alone"]
    verdicts = (
        _median(figures, "ratio_to_floor") >= through,
        figures["store_alone_per_second"] / floor >= alone,
        figures["p50_ms_alone"] <= most,
    )
    return dict(zip(names, verdicts, strict=True))


def _median(figures: Mapping[str, Any], name: str) -> float:
    middle: float = figures[name]["median"]
    return middle
