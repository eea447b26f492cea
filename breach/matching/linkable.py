"""Rows that no exact form found anybody by, and that say enough to be compared by blind codes.

A row has to show a name and one thing more: a date, an address, an e-mail address or a resident number. What it
shows is read from its columns; of dates only a row's single one counts, because nobody can tell a birthday from
any other day.
"""

import re
from collections.abc import Container, Iterator, Sequence

from breach.intake.columns import MEASURED, Columns, Kind, kind_of
from vault.fields import FIELDS, InvalidValue

type Record = dict[str, str]
"""What a row shows, by field code, as it stands there."""

MOST_ROWS = 100_000
"""How many rows of one file are compared at most; those behind them are counted."""

LINKED = "name"
"""The field under which candidates of blind codes stand: every row compared shows a name, and no masked row is looked
up by one."""

_KINDS = (Kind.NAME, Kind.ADDRESS, Kind.EMAIL, Kind.RESIDENT_ID)
_DATE = re.compile(
    r"'?(?:18|19|20)[0-9]{2}(?:[-/.年 ]{1,2}[0-9]{1,2}[-/.月 ]{1,2}[0-9]{1,2}|[0-9]{4})[日号]?.{0,14}"
)
_HIDDEN = re.compile(r"[*\u25cf\u2022\u25cb#\uff0a]")
_LONGEST = 400


def linkable(columns: Columns, rows: Sequence[Sequence[str]], known: Container[int]) -> Iterator[Record]:
    """The records of those rows that show enough, `known` ones left out; rows of another width are read cell by cell."""
    width = len(columns.kinds)
    regular = 0
    loose = []
    for row in rows:
        if len(row) != width:
            loose.append(row)
            continue
        if regular not in known and (record := _record(row, columns.kinds)) is not None:
            yield record
        regular += 1
    for at, row in enumerate(loose, regular):
        if at not in known and (record := _record(row, [_kinds(text) for text in row])) is not None:
            yield record


def _kinds(text: str) -> frozenset[Kind]:
    kind = kind_of(text)
    return frozenset() if kind is None else frozenset({kind})


def _record(row: Sequence[str], kinds: Sequence[frozenset[Kind]]) -> Record | None:
    found: Record = {}
    days: dict[str, str] = {}
    for text, here in zip(row, kinds, strict=True):
        if not text or len(text) > _LONGEST or _HIDDEN.search(text):
            continue
        # A column is only what most of it is; few addresses among blanks are addresses all the same.
        shown = here - MEASURED or _kinds(text)
        kind = next((kind for kind in _KINDS if kind in shown), None)
        if kind is not None:
            found.setdefault(kind.value, text)
        elif _DATE.fullmatch(text) and (day := _day(text)):
            days[day] = text
    if len(days) == 1:
        found["birth_date"] = next(iter(days))
    return found if Kind.NAME.value in found and len(found) > 1 else None


def _day(text: str) -> str | None:
    try:
        return FIELDS["birth_date"].canonical(text)
    except InvalidValue:
        return None
