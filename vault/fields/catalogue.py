"""The catalogue: every kind of value an installation knows, built in or defined by its operator.

`BUILTIN` holds the kinds every vault has; an open vault has a catalogue of its own with its operator's added.
Codes and numbers are for ever and never shared.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from vault.fields.builtin import FIELDS
from vault.fields.field import Ends, Field, Sensitivity, sensitivity_of
from vault.fields.text import InvalidValue

__all__ = [
    "BUILTIN",
    "FIELDS",
    "Catalogue",
    "Ends",
    "Field",
    "Sensitivity",
    "UnknownField",
    "canonical",
    "field_of",
    "sensitivity_of",
]


class UnknownField(InvalidValue):
    """No field of the catalogue has this code."""

    code = "field.unknown"


class Catalogue:
    """Fields by code, never changed once made. Iterates over the fields, by number."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[Field]) -> None:
        listed = sorted(fields, key=lambda field: field.number)
        self._fields: Mapping[str, Field] = MappingProxyType({field.code: field for field in listed})
        if len({field.number for field in listed}) != len(listed) or len(self._fields) != len(listed):
            raise ValueError("two fields share a number or a code")

    def field(self, code: str) -> Field:
        """The field with this code; raises UnknownField."""
        field = self._fields.get(code)
        if field is None:
            raise UnknownField("no such field")
        return field

    def slips(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """Codes of those of these texts that are values of their field, but not with the right check digit."""
        return tuple(
            code for code, text in values.items() if code in self and _slips(self._fields[code], text)
        )

    @property
    def codes(self) -> tuple[str, ...]:
        """Every code, in the order of the fields' numbers."""
        return tuple(self._fields)

    def __contains__(self, code: object) -> bool:
        return code in self._fields

    def __iter__(self) -> Iterator[Field]:
        return iter(self._fields.values())

    def __len__(self) -> int:
        return len(self._fields)


def _slips(field: Field, text: str) -> bool:
    try:
        return len(text) <= field.longest and not field.passes(field.canonical(text))
    except InvalidValue:
        return False


BUILTIN: Final = Catalogue(FIELDS.values())
"""The kinds every vault knows."""


def canonical(code: str, text: str) -> str:
    """The canonical form of `text` as a value of the built-in field `code`; raises InvalidValue."""
    return field_of(code).canonical(text)


def field_of(code: str) -> Field:
    """The built-in field with this code; raises UnknownField."""
    return BUILTIN.field(code)
