"""The field catalogue: every kind of value with its number, its canonical form, its mask and how it is kept.

Numbers are for ever: tags and masks are derived from them. `unique` fields are keys, two people never share
one. `searchable` fields have blind tags; a name has none of its own, because tags of so low an entropy would
hand whoever steals the data base the histogram of names (vault.md §6.5).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from vault.fields import email, name, phone, resident_id
from vault.fields.text import InvalidValue, clean


class UnknownField(InvalidValue):
    """No field of the catalogue has this code."""

    code = "field.unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One kind of value.

    `canonical(text)` raises InvalidValue; `stored(text)` is what is sealed and later answered;
    `mask(stored)` is what may be shown. `schema` numbers the stored form and goes into the seal.
    """

    code: str
    number: int
    sensitive: bool
    unique: bool
    searchable: bool
    canonical: Callable[[str], str]
    stored: Callable[[str], str]
    mask: Callable[[str], str]
    schema: int = 1


_ALL = (
    Field(
        code="phone",
        number=1,
        sensitive=False,
        unique=True,
        searchable=True,
        canonical=phone.canonical,
        stored=phone.canonical,
        mask=phone.mask,
    ),
    Field(
        code="email",
        number=2,
        sensitive=False,
        unique=True,
        searchable=True,
        canonical=email.canonical,
        stored=email.canonical,
        mask=email.mask,
    ),
    Field(
        code="resident_id",
        number=3,
        sensitive=True,
        unique=True,
        searchable=True,
        canonical=resident_id.canonical,
        stored=resident_id.canonical,
        mask=resident_id.mask,
    ),
    Field(
        code="name",
        number=4,
        sensitive=False,
        unique=False,
        searchable=False,
        canonical=name.canonical,
        stored=clean,  # a person keeps the spelling they gave
        mask=name.mask,
    ),
)

FIELDS: Mapping[str, Field] = MappingProxyType({field.code: field for field in _ALL})


def canonical(code: str, text: str) -> str:
    """The canonical form of `text` as a value of field `code`; raises InvalidValue."""
    return field_of(code).canonical(text)


def field_of(code: str) -> Field:
    """The field with this code; raises UnknownField."""
    field = FIELDS.get(code)
    if field is None:
        raise UnknownField("no such field")
    return field
