"""What a dump is and how it is read: the answer of looking at its beginning, kept in the report."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from breach.intake.columns import Columns

_NO_COLUMNS = Columns(kinds=(), heading=False)


class Shape(StrEnum):
    """What the records of a dump are."""

    DELIMITED = "delimited"
    SQL = "sql"
    JSON = "json"
    COMBO = "combo"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How to read a dump.

    `flavour`: which way of writing, where a shape has several. Of delimited text alone: `delimiter` (None: one
    column), `width`, the usual number of cells, and `columns`; other shapes recognise columns as they go.
    """

    shape: Shape = Shape.DELIMITED
    encoding: str
    newline: bytes = b"\n"
    flavour: str | None = None
    delimiter: str | None = None
    width: int = 0
    columns: Columns = _NO_COLUMNS

    def as_dict(self) -> dict[str, Any]:
        """The dialect as a JSON object."""
        body: dict[str, Any] = {"shape": self.shape.value, "encoding": self.encoding}
        if self.flavour:
            body["flavour"] = self.flavour
        if self.shape is Shape.DELIMITED:
            body["delimiter"] = self.delimiter
            body["width"] = self.width
            body["heading"] = self.columns.heading
            body["columns"] = self.columns.as_list()
        return body
