"""The account of every line: `lines = parsed + continuation + sum(quarantined)`, checked at the end of a file.

Quarantined lines are counted by reason and located by number; their content stays in the sealed dump only.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

_LOCATED = 100


class Reason(StrEnum):
    """Why a line gave no row."""

    BLANK = "blank"
    TOO_LONG = "too_long"
    UNDECODABLE = "undecodable"


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts of one reading, owned by the one thread that reads.

    `lines` physical lines; `parsed` rows; `continuation` further lines of rows whose quoted cells hold line
    breaks; `ragged` rows of another width than the file's; `mended` rows whose quotes did not balance and
    were read as plain text; `reencoded` lines read in another encoding than the file's.
    """

    lines: int = 0
    parsed: int = 0
    continuation: int = 0
    ragged: int = 0
    mended: int = 0
    reencoded: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[Reason] = field(default_factory=Counter)
    located: list[tuple[int, Reason]] = field(default_factory=list)

    def set_aside(self, reason: Reason, line: int, count: int = 1) -> None:
        """Count lines that gave no row, the first of them being `line` (from 1)."""
        self.quarantined[reason] += count
        if reason is not Reason.BLANK and len(self.located) < _LOCATED:
            self.located.append((line, reason))

    @property
    def reconciled(self) -> bool:
        """Whether every line is accounted for exactly once."""
        return self.lines == self.parsed + self.continuation + self.quarantined.total()

    def as_dict(self) -> dict[str, Any]:
        """The account as a JSON object."""
        return {
            "lines": self.lines,
            "parsed": self.parsed,
            "continuation": self.continuation,
            "quarantined": {reason.value: count for reason, count in sorted(self.quarantined.items())},
            "ragged": self.ragged,
            "mended": self.mended,
            "reencoded": dict(sorted(self.reencoded.items())),
            "set_aside_at": [{"line": line, "reason": reason.value} for line, reason in self.located],
            "reconciled": self.reconciled,
        }
