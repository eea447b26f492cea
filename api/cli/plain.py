"""Text that a terminal only shows: what would steer it, or turn the order of what stands beside it, is spelled out."""

from __future__ import annotations

import re
from typing import Final

_STEERING: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f"  # control characters, with those above 0x7f that some terminals obey
    r"\u2028\u2029"  # ends of a line
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # the direction of what follows
    r"\ud800-\udfff]"  # halves of a character, which cannot be written out
)


def plain(text: str) -> str:
    """The same text on one line, such characters as JSON escapes them: in a JSON text they still mean the same."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
