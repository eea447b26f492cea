"""What a recipient must do when a consent ends: stop at once, and erase what it received by a day (PIPL 15, 47).

The day comes from what the recipient itself promised in the grant, and is never later than the operator allows
this recipient, fifteen days unless it says otherwise: a person who withdraws does not wait for the longest
retention anybody could ask for.

* `erase_by(disclosures, at_ms, retention, longest) -> int | None`: the end of that day in Unix ms; None for nobody's duty.
* `duties(disclosures, at_ms, retention, longest) -> list[str]`: `stop`, and `erase_by:YYYY-MM-DD` (that whole day, UTC) for
  whoever has received anything.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_RETENTION = re.compile(r"P([1-9][0-9]{0,3})([DWMY])")
_DAYS: Final = {"D": 1, "W": 7, "M": 31, "Y": 366}
_DAY_MS: Final = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def duties(disclosures: int, at_ms: int, retention: str, longest: int) -> list[str]:
    """The duties of a recipient that received data `disclosures` times, from the end of the consent on (Unix ms).

    `longest` is the most days it has to erase.
    """
    ends = erase_by(disclosures, at_ms, retention, longest)
    if ends is None:
        return ["stop"]
    last = _EPOCH + timedelta(milliseconds=ends - 1)
    return ["stop", f"erase_by:{last.date().isoformat()}"]


def erase_by(disclosures: int, at_ms: int, retention: str, longest: int) -> int | None:
    """The first millisecond at which erasing is late, for a recipient that received anything."""
    if not disclosures:
        return None
    return (at_ms // _DAY_MS + _days(retention, longest) + 1) * _DAY_MS


def _days(retention: str, longest: int) -> int:
    """The days of a stored retention time, at most `longest`; all of them when it is none."""
    match = _RETENTION.fullmatch(retention)
    return min(longest, int(match[1]) * _DAYS[match[2]]) if match else longest
