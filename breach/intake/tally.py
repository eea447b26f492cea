"""The account of every line: `lines = parsed + continuation + sum(quarantined)`, checked at the end of a file.

And of every byte: `bytes = parsed_bytes + sum(quarantined_bytes)`. What comes in is counted where text is
handed to its reader, what becomes of it where a row is made of it or it is set aside. Bytes are those of the
text in UTF-8, a line end one of them, and of lines that cannot be read as they stand: in a file in UTF-8 that
ends with a line feed, the file's own.

The same for every shape. Where a line holds many rows, or a row many lines, each line end belongs to exactly
one thing: to the inside of a row (continuation), to what stands between rows (parsed), or to what was set
aside. Rows are counted apart, and so are records that were recognised as such and gave no row (`damaged`). In a
workbook a line is a row of a sheet. Quarantined lines are counted by reason and located by number; their
content stays in the sealed dump only.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

_LOCATED = 100
_LISTED = 200


class Reason(StrEnum):
    """Why a line gave no row."""

    BLANK = "blank"
    TOO_LONG = "too_long"
    UNDECODABLE = "undecodable"
    NO_ROWS = "no_rows"
    NO_IDENTIFIER = "no_identifier"
    BROKEN = "broken"
    CUT_SHORT = "cut_short"
    TOO_DEEP = "too_deep"


def size(text: str) -> int:
    """Bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts of one reading, owned by the one thread that reads.

    `lines` physical lines; `parsed` those that gave rows; `continuation` further lines of rows whose cells hold
    line breaks; `rows` rows given, and of these `mentions` that are what a row's texts mention beside it; `ragged` rows of another width than the file's; `mended` rows that were read
    although they did not end as they should; `damaged` records without a row, by reason; `windows` windows of
    1 MiB by the encoding they were read in; `reencoded` single lines in another encoding than their window;
    `rounded` numbers of which only the first digits are left. Of containers: `members_read` and, by reason,
    `members_refused` make up all members; the first 200 are listed by position and hash. `place`: bytes of the dump
    behind which nothing has been counted yet, where that can be said; no part of the account.
    """

    lines: int = 0
    bytes: int = 0
    parsed_bytes: int = 0
    quarantined_bytes: Counter[Reason] = field(default_factory=Counter)
    parsed: int = 0
    continuation: int = 0
    rows: int = 0
    mentions: int = 0
    ragged: int = 0
    mended: int = 0
    damaged: Counter[Reason] = field(default_factory=Counter)
    windows: Counter[str] = field(default_factory=Counter)
    reencoded: Counter[str] = field(default_factory=Counter)
    rounded: int = 0
    members: list[dict[str, Any]] = field(default_factory=list)
    members_read: int = 0
    members_refused: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[Reason] = field(default_factory=Counter)
    located: list[tuple[int, Reason]] = field(default_factory=list)
    place: int | None = None

    def mark(self) -> dict[str, Any]:
        """What reading can go on from: the place reached, and the account so far; empty where it cannot."""
        return {} if self.place is None else {"at": self.place, "tally": self.as_dict()}

    def taken(self, lines: Iterable[str]) -> None:
        """Count the bytes of lines that gave rows, each with its line end."""
        self.parsed_bytes += sum(size(line) + 1 for line in lines)

    def left(self, reason: Reason, lines: Sequence[str]) -> None:
        """Count lines that gave no row and are not worth a place in the list, each with its line end."""
        if lines:
            self.quarantined[reason] += len(lines)
            self.quarantined_bytes[reason] += sum(size(line) + 1 for line in lines)

    def set_aside(self, reason: Reason, line: int, count: int = 1, *, bytes_: int) -> None:
        """Count lines that gave no row, the first of them being `line` (from 1), and their bytes."""
        self.quarantined_bytes[reason] += bytes_
        if not count:
            return
        self.quarantined[reason] += count
        if reason is not Reason.BLANK and len(self.located) < _LOCATED:
            self.located.append((line, reason))

    def member(self, at: str, refused: str | None = None, **found: Any) -> None:
        """Count a member of a container, refused or read; a member read in part is one refused."""
        if refused is None:
            self.members_read += 1
        else:
            self.members_refused[refused] += 1
            found["refused"] = refused
        if len(self.members) < _LISTED:
            self.members.append({"at": at, **found})

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Tally":
        """The account that `as_dict` wrote, to be continued."""
        kept = {one.name: stored[one.name] for one in fields(cls) if one.name in stored}
        located = [(one["line"], Reason(one["reason"])) for one in stored["set_aside_at"]]
        counters = {name: Counter(value) for name, value in kept.items() if isinstance(value, dict)}
        for name in ("quarantined", "quarantined_bytes", "damaged"):
            counters[name] = Counter(
                {Reason(reason): count for reason, count in stored.get(name, {}).items()}
            )
        return cls(**{**kept, **counters, "located": located})

    @property
    def reconciled(self) -> bool:
        """Whether every line and every byte of text is accounted for exactly once."""
        lines = self.parsed + self.continuation + self.quarantined.total()
        return self.lines == lines and self.bytes == self.parsed_bytes + self.quarantined_bytes.total()

    def as_dict(self) -> dict[str, Any]:
        """The account as a JSON object."""
        return {
            "lines": self.lines,
            "parsed": self.parsed,
            "continuation": self.continuation,
            "bytes": self.bytes,
            "parsed_bytes": self.parsed_bytes,
            "quarantined_bytes": {
                reason.value: count for reason, count in sorted(self.quarantined_bytes.items()) if count
            },
            "rows": self.rows,
            "mentions": self.mentions,
            "quarantined": {reason.value: count for reason, count in sorted(self.quarantined.items())},
            "damaged": {reason.value: count for reason, count in sorted(self.damaged.items())},
            "ragged": self.ragged,
            "mended": self.mended,
            "windows": dict(sorted(self.windows.items())),
            "reencoded": dict(sorted(self.reencoded.items())),
            "rounded": self.rounded,
            "members_read": self.members_read,
            "members_refused": dict(sorted(self.members_refused.items())),
            "members": self.members,
            "set_aside_at": [{"line": line, "reason": reason.value} for line, reason in self.located],
            "reconciled": self.reconciled,
        }
