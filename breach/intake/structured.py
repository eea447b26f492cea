"""Whether a text is SQL or JSON: by its own signs, and by reading a piece of it that way.

A trial counts only when it sets free at least half of the identifiers that running text shows and damages no more
records than it reads, so that a list with a few lines of SQL in it stays a list.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial

from breach.errors import DumpRefused, Unreadable
from breach.intake import json_text, sql
from breach.intake.columns import identifier_cells
from breach.intake.dialect import Dialect, Shape
from breach.intake.mentions import identifiers
from breach.intake.parts import Block
from breach.intake.sql_text import HEAD, Flavour
from breach.intake.tally import Tally

SHELL = "shell"
"""The flavour of JSON with calls in place of plain values."""

_ENOUGH = 0.5
_SQL_SIGNS = re.compile(
    r"^\s*+(?:CREATE TABLE|ALTER TABLE|DROP TABLE|SET NAMES|SET IDENTITY_INSERT|LOCK TABLES|/\*!40|"
    r"-- MySQL dump|-- MariaDB dump|-- PostgreSQL database dump|BEGIN TRANSACTION;)",
    re.IGNORECASE | re.MULTILINE,
)
_CUT_TUPLES = re.compile(r"['0-9L]\),\s*\(['0-9N]")
_JSON_LINE = re.compile(r"^\s*[{\[]", re.MULTILINE)


def sniff(text: str, encoding: str, *, whole: bool) -> Dialect | None:
    """The dialect of a text that is SQL or JSON, from its beginning; None where it is neither.

    Raises DumpRefused where it is one of them and, being the whole file, holds no identifier.
    """
    found = _sql(text, encoding, whole=whole) or _json(text, encoding, whole=whole)
    if found is None:
        return None
    dialect, free = found
    if whole and not free:
        raise DumpRefused(Unreadable.NO_IDENTIFIER_COLUMN)
    return dialect


def _sql(text: str, encoding: str, *, whole: bool) -> tuple[Dialect, int] | None:
    """The dialect, and how many identifiers it sets free."""
    signs = _SQL_SIGNS.search(text) is not None
    if not signs and not HEAD.search(text) and not _CUT_TUPLES.search(text[:10_000]):
        return None
    trials = {flavour: _trial(partial(sql.blocks, [text], flavour, between=False)) for flavour in Flavour}
    best = max(trials, key=lambda flavour: trials[flavour])
    escaped = "`" in text or "\\'" in text
    if trials[Flavour.ESCAPES] == trials[Flavour.LITERAL]:
        best = Flavour.ESCAPES if escaped else Flavour.LITERAL
    free, rows = trials[best][0], trials[best][1]
    if (rows and free >= len(identifiers(text)) * _ENOUGH) or (signs and not rows and not whole):
        return Dialect(shape=Shape.SQL, encoding=encoding, flavour=best.value), free
    return None


def _json(text: str, encoding: str, *, whole: bool) -> tuple[Dialect, int] | None:
    first = text.split("\n", 20)[:20]
    if text.lstrip()[:1] not in {"{", "["} and sum(bool(_JSON_LINE.match(line)) for line in first) < 2:
        return None
    shell = json_text.SHELL.search(text) is not None
    free, rows, damaged = _trial(partial(json_text.blocks, [text], shell=shell))
    # The piece on trial ends in the middle of a record unless it is the whole file.
    few_damaged = -damaged <= max(rows // 2, 1 if whole else 2)
    if rows and few_damaged and free >= len(identifiers(text)) * _ENOUGH:
        return Dialect(shape=Shape.JSON, encoding=encoding, flavour=SHELL if shell else None), free
    return None


def _trial(read: Callable[[Tally], Iterator[Block]]) -> tuple[int, int, int]:
    """(identifiers set free, rows, minus damaged records) of reading a text one way."""
    tally = Tally()
    cells = sum(identifier_cells(part.rows) for block in read(tally) for part in block.parts)
    return cells, tally.rows, -tally.damaged.total()
