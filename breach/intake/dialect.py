"""What a dump is and how it is read: the answer of looking at its beginning, kept in the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from breach.intake.columns import Columns
from breach.intake.encoding import WIDE


class Hurdle(StrEnum):
    """Why a dump is matched row by row although it was to be in columns."""

    NO_INDEX = "no_index"
    LINKING = "linking"
    BEGUN = "begun"
    SHAPE = "shape"
    ENCODING = "encoding"
    LINE_ENDS = "line_ends"


_NO_COLUMNS = Columns(kinds=(), heading=False)


class Shape(StrEnum):
    """What the records of a dump are."""

    DELIMITED = "delimited"
    SQL = "sql"
    JSON = "json"
    COMBO = "combo"
    TEXT = "text"
    WORKBOOK = "workbook"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How to read a dump; containers have no encoding.

    `flavour`: which way of writing, where a shape has several. Of delimited text alone: `delimiter` (None: one
    column), `width`, the usual number of cells, and `columns`; other shapes recognise columns as they go.
    """

    shape: Shape = Shape.DELIMITED
    encoding: str = ""
    newline: bytes = b"\n"
    flavour: str | None = None
    delimiter: str | None = None
    width: int = 0
    columns: Columns = _NO_COLUMNS

    @property
    def hurdle(self) -> Hurdle | None:
        """What keeps a dump of this dialect from being read in columns."""
        if not self.width:
            return Hurdle.SHAPE
        if self.encoding in WIDE:
            return Hurdle.ENCODING
        return None if self.newline == b"\n" else Hurdle.LINE_ENDS

    def as_wire(self) -> dict[str, Any]:
        """Everything about the dialect as a JSON object that `from_wire` reads back."""
        return {
            "shape": self.shape.value,
            "encoding": self.encoding,
            "newline": self.newline.decode(),
            "flavour": self.flavour,
            "delimiter": self.delimiter,
            "width": self.width,
            "columns": self.columns.as_list(),
            "heading": self.columns.heading,
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> "Dialect":
        """A dialect as it was; raises KeyError or ValueError for anything else."""
        return cls(
            shape=Shape(wire["shape"]),
            encoding=str(wire["encoding"]),
            newline=str(wire["newline"]).encode(),
            flavour=wire["flavour"] and str(wire["flavour"]),
            delimiter=wire["delimiter"] and str(wire["delimiter"]),
            width=int(wire["width"]),
            columns=Columns.from_list(wire["columns"], heading=bool(wire["heading"])),
        )

    def as_dict(self) -> dict[str, Any]:
        """The dialect as a JSON object."""
        body: dict[str, Any] = {"shape": self.shape.value}
        if self.encoding:
            body["encoding"] = self.encoding
        if self.flavour:
            body["flavour"] = self.flavour
        if self.shape is Shape.DELIMITED:
            body["delimiter"] = self.delimiter
            body["width"] = self.width
            body["heading"] = self.columns.heading
            body["columns"] = self.columns.as_list()
        return body
