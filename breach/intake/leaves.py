"""The leaves of a JSON value as cells, in rows: one for the value, one more for every object or list in a list
inside it.

Objects inside objects are one statement about one person and become cells of one row. What is together in a
list is many things of a kind, most often many people, and becomes rows of their own. A name that looks like an
identifier (documents keyed by telephone number) is data and becomes a cell. The layout of a row is the tuple of
its paths.
"""

import re
from collections.abc import Iterator
from typing import Any

from breach.intake.tally import Reason, Tally

MAX_DEPTH = 32

type Layout = tuple[str, ...]

_IDENTIFYING = re.compile(r"@|[0-9]{7}")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Pairs(list[tuple[str, Any]]):
    """The members of an object in their order, doubled names included."""


def rows_of(value: Any, tally: Tally) -> Iterator[tuple[Layout, list[str]]]:
    """The rows of one decoded value; branches deeper than 32 levels are counted and left out."""
    waiting = [(value, 0)]
    while waiting:
        one, depth = waiting.pop()
        row = _Row(tally)
        row.take("", one, depth)
        if row.cells:
            yield tuple(row.paths), row.cells
        waiting.extend(reversed(row.apart))


class _Row:
    def __init__(self, tally: Tally) -> None:
        self.paths: list[str] = []
        self.cells: list[str] = []
        self.apart: list[tuple[Any, int]] = []
        self._tally = tally

    def take(self, path: str, value: Any, depth: int) -> None:
        if isinstance(value, str):
            self._add(path, value)
        elif depth > MAX_DEPTH:
            self._tally.damaged[Reason.TOO_DEEP] += 1
        elif isinstance(value, Pairs):
            self._take_members(path, value, depth)
        elif isinstance(value, list):
            self._take_list(path, value, depth)
        else:
            self._add(path, "" if value is None else str(value).lower())

    def _take_members(self, path: str, members: Pairs, depth: int) -> None:
        for name, value in members:
            if isinstance(value, str) and not _IDENTIFYING.search(name):
                self._add(f"{path}.{name}", value)
                continue
            if _IDENTIFYING.search(name):
                self._add(f"{path}.*", name)
                self.take(f"{path}.*.", value, depth + 1)
            else:
                self.take(f"{path}.{name}", value, depth + 1)

    def _take_list(self, path: str, values: list[Any], depth: int) -> None:
        for at, value in enumerate(values):
            if isinstance(value, list):
                self.apart.append((value, depth + 1))
            else:
                self.take(f"{path}.{at}", value, depth + 1)

    def _add(self, path: str, text: str) -> None:
        self.paths.append(path)
        # Half a character, which JSON can write, cannot be written in any encoding.
        self.cells.append(text if text.isascii() else _SURROGATE.sub("\ufffd", text))
