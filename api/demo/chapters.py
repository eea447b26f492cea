"""How long each part of the story took: measured, never assumed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Chapters:
    """A stop watch with names; `say` is told when a chapter begins (False) and when it is done (True)."""

    def __init__(self, say: Callable[[str, bool], None]) -> None:
        self._began = time.monotonic()
        self._say = say
        self.phases: list[dict[str, Any]] = []

    @property
    def seconds(self) -> float:
        """Seconds since the story began."""
        return time.monotonic() - self._began

    @contextmanager
    def chapter(self, label: str) -> Iterator[None]:
        """Measure one chapter."""
        begin = self.seconds
        self._say(label, False)
        yield
        self._say(label, True)
        self.phases.append({"label": label, "begin": round(begin, 2), "end": round(self.seconds, 2)})
