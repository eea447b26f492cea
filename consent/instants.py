"""Moments as documents write them: RFC 3339 in UTC, to the millisecond; inside, they are Unix milliseconds."""

import re
from datetime import UTC, datetime, timedelta

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(ms: int) -> str:
    """Unix milliseconds as RFC 3339 in UTC, to the millisecond."""
    text = (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def parse_instant(text: str) -> int | None:
    """RFC 3339 with an offset as Unix milliseconds; None for anything else."""
    if not _INSTANT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    elapsed = (moment - _EPOCH) // timedelta(milliseconds=1)
    return elapsed if 0 <= elapsed < 1 << 45 else None
