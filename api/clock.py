"""The one place of this floor that asks what time it is; tests hand `create_app` a clock of their own."""

import time
from collections.abc import Callable

type Clock = Callable[[], int]
"""Returns Unix milliseconds."""


def system_clock() -> int:
    """Unix milliseconds by this machine."""
    return time.time_ns() // 1_000_000
